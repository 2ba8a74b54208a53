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

package gatewaydns_test

import (
	"encoding/json"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// finalizers returns a patch that sets the finalizers of an object.
func finalizers(names ...string) client.Patch {
	patch, err := json.Marshal(map[string]map[string][]string{"metadata": {"finalizers": names}})
	if err != nil {
		panic(err) // Texts can be marshalled.
	}
	return client.RawPatch(types.MergePatchType, patch)
}

// A Service of type LoadBalancer is kept by its finalizer while its load balancer is removed. Its addresses go before they stop
// working, those of an override too.
func TestAServiceThatIsBeingDeletedIsWithdrawnBeforeItIsGone(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.61")
	n.Expect(fleet.WorkloadA.Patch(ctx, service, finalizers("service.kubernetes.io/load-balancer-cleanup"))).To(Succeed())
	cluster := n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	hostname := n.Hostname("cluster-a")
	n.Annotate(cluster, xccv1.GatewayAddressesAnnotation, "198.51.100.61")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("198.51.100.61"))

	n.Expect(fleet.WorkloadA.Delete(ctx, service)).To(Succeed())
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayServiceNotFound), HaveField("Message", ContainSubstring("is being deleted")),
	)))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(BeEmpty())

	n.Expect(fleet.WorkloadA.Patch(ctx, service, finalizers())).To(Succeed())
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("Message", ContainSubstring("create it or correct spec.service"))))
}
