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
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

func TestStrangers(t *testing.T) {
	t.Parallel()
	kinds := []schema.GroupVersionKind{
		{Version: "v1", Kind: "Secret"}, {Version: "v1", Kind: "Pod"}, {Group: "apps", Version: "v1", Kind: "ReplicaSet"},
	}
	for name, test := range map[string]struct {
		kind     string
		object   metav1.ObjectMeta
		stranger bool
	}{
		"an object of the payload":       {"Secret", metav1.ObjectMeta{Name: "a", Labels: map[string]string{xccv1.PartOfLabel: xccv1.PartOf}}, false},
		"somebody's Secret":              {"Secret", metav1.ObjectMeta{Name: "a"}, true},
		"a Pod of a ReplicaSet":          {"Pod", metav1.ObjectMeta{Name: "a", OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "b"}}}, false},
		"what a cluster-wide kind owns":  {"Secret", metav1.ObjectMeta{Name: "a", OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "b"}}}, true},
		"what both a Pod and a Node own": {"Secret", metav1.ObjectMeta{Name: "a", OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "b"}, {APIVersion: "v1", Kind: "Node", Name: "b"}}}, true},
		"the patcher's Lease":            {"Lease", metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.ProbeLeaseName}, false},
		"the patcher's report":           {"ConfigMap", metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.ReachabilityName}, false},
		"another Lease":                  {"Lease", metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: "theirs"}, true},
		"the certificates of the API":    {"ConfigMap", metav1.ObjectMeta{Name: "kube-root-ca.crt"}, false},
		"the ServiceAccount of each one": {"ServiceAccount", metav1.ObjectMeta{Name: "default"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			gvk := schema.GroupVersionKind{Version: "v1", Kind: test.kind}
			if test.kind == "Lease" {
				gvk.Group = "coordination.k8s.io"
			}
			var want []string
			if test.stranger {
				want = []string{test.kind + " " + test.object.Name}
			}
			g.Expect(strangers([]inhabitant{{gvk, &metav1.PartialObjectMetadata{ObjectMeta: test.object}}}, kinds)).To(Equal(want))
		})
	}
}
