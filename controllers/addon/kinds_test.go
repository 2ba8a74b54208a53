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
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload/workloadtest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/hostile"
)

// access is how to reach the only workload cluster.
type access struct{ *rest.Config }

func (a access) GetRESTConfig(context.Context, client.ObjectKey) (*rest.Config, error) {
	return a.Config, nil
}

// countingClient counts lists, and finds nothing.
type countingClient struct {
	client.Client
	lists int
}

func (c *countingClient) List(context.Context, client.ObjectList, ...client.ListOption) error {
	c.lists++
	return nil
}

func TestARemovalLooksAtABoundedNumberOfKinds(t *testing.T) {
	t.Parallel()
	for kinds, expected := range map[int]struct {
		lists   int
		foreign []string
	}{
		maxKinds:     {maxKinds, nil},
		maxKinds + 1: {0, []string{"perhaps objects of its 1001 kinds, more than are looked at"}},
		10_000:       {0, []string{"perhaps objects of its 10000 kinds, more than are looked at"}},
	} {
		t.Run(fmt.Sprint(kinds), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			version := metav1.GroupVersionForDiscovery{GroupVersion: "many.example.com/v1", Version: "v1"}
			resources := &metav1.APIResourceList{GroupVersion: version.GroupVersion}
			for i := range kinds {
				resources.APIResources = append(resources.APIResources, metav1.APIResource{
					Name: fmt.Sprintf("kinds%d", i), Kind: fmt.Sprintf("Kind%d", i), Namespaced: true, Verbs: metav1.Verbs{"list", "delete"},
				})
			}
			server := hostile.New(t, nil)
			for path, object := range map[string]any{
				"/api": &metav1.APIVersions{}, "/apis/many.example.com/v1": resources,
				"/apis": &metav1.APIGroupList{Groups: []metav1.APIGroup{{
					Name: "many.example.com", Versions: []metav1.GroupVersionForDiscovery{version}, PreferredVersion: version,
				}}},
			} {
				text, err := json.Marshal(object)
				g.Expect(err).NotTo(HaveOccurred())
				server.Override(http.MethodGet, path, hostile.Text(http.StatusOK, "application/json", string(text)))
			}
			live := &countingClient{}
			cluster := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "cluster-a"}}
			view := workloadtest.Connected(t, access{server.Config()}, workload.DefaultLimits(), cluster).View("addon")

			w := &workloadCluster{live: live, discover: func(ctx context.Context) (discovery.DiscoveryInterface, error) {
				return view.Discovery(ctx, cluster)
			}}
			foreign, err := w.foreign(t.Context())

			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(foreign).To(Equal(expected.foreign))
			g.Expect(live.lists).To(Equal(expected.lists))
		})
	}
}
