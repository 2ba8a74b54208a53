/*
Copyright The cross-cluster-connectivity Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package addon

import (
	"reflect"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
)

func TestEveryKindOfThePayloadIsWatched(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	objects, err := templates.Objects(templates.Values{Zone: "xcc.test", Image: "xcc-dns", Replicas: 2, TTL: 5, PriorityClass: templates.DefaultPriorityClass})
	g.Expect(err).NotTo(HaveOccurred())
	watched, cached := map[reflect.Type]bool{}, map[reflect.Type]bool{}
	for _, watch := range watches() {
		watched[reflect.TypeOf(watch.Object)] = true
	}
	for object := range workload.CacheOptions(nil).ByObject {
		cached[reflect.TypeOf(object)] = true
	}
	for _, object := range objects {
		typed, err := scheme.Scheme.New(object.GroupVersionKind())
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(watched).To(HaveKey(reflect.TypeOf(typed)), object.GetKind())
		g.Expect(cached).To(HaveKey(reflect.TypeOf(typed)), "a cache of all of them: %s", object.GetKind())
	}
}
