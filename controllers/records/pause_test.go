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

package records_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// clusterctl move gives the target a GatewayDNS without status and Clusters that are paused, and unpauses these one by one.
func TestAMoveChangesNoRecord(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.110")
	gatewayCluster := n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	consumer := n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.110"))
	before := n.SliceOf(fleet.WorkloadB, n.Hostname("cluster-a"))

	n.RestartManager(func() {
		n.SetPaused(gatewayCluster, true)
		n.SetPaused(consumer, true)
		n.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(gatewayDNS), gatewayDNS)).To(Succeed())
		gatewayDNS.Status = xccv1.GatewayDNSStatus{}
		n.Expect(fleet.Management.Status().Update(ctx, gatewayDNS)).To(Succeed())
	})
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayUnknown), HaveField("Addresses", BeEmpty()),
	)))
	n.SetPaused(consumer, false)
	n.ProveProgress("move", "192.0.2.111")
	n.Expect(n.SliceOf(fleet.WorkloadB, n.Hostname("cluster-a"))).To(Equal(before))
	n.SetPaused(gatewayCluster, false)
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayResolved)))
	n.ProveProgress("moved", "192.0.2.112")
	n.Expect(n.SliceOf(fleet.WorkloadB, n.Hostname("cluster-a"))).To(Equal(before))
}

func TestAPausedConsumerIsLeftAlone(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, workloadA)
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.120")
	consumer := n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.SetPaused(consumer, true)
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(fleet.Published(ctx, workloadA, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.120"))
	n.Expect(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))(n)).To(BeEmpty())
	n.SetPaused(consumer, false)
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.120"))
}

// One record that a workload cluster's API server refuses must not keep another from being withdrawn.
func TestARefusedRecordDoesNotKeepOthersFromBeingWithdrawn(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	n.Refuse(fleet.WorkloadB, "refused")
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.130")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	healthy := n.AddGatewayDNS("healthy", fleet.ServiceRef(service))
	n.Eventually(n.refs(fleet.WorkloadB)).Should(ConsistOf(n.Namespace + "/healthy"))
	n.AddGatewayDNS("refused", fleet.ServiceRef(service), fleet.Subdomain("refused"))
	n.Eventually(n.Gateways("refused")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayResolved)))
	n.Expect(fleet.Management.Delete(ctx, healthy)).To(Succeed())
	n.Eventually(n.refs(fleet.WorkloadB)).Should(BeEmpty())
}

// refs returns the GatewayDNS of the tenant for which a workload cluster holds a slice.
func (n *tenant) refs(workload *fleet.Cluster) func(Gomega) []string {
	return func(g Gomega) []string {
		slices := &discoveryv1.EndpointSliceList{}
		g.Expect(workload.List(n.T.Context(), slices, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
		var refs []string
		for _, slice := range slices.Items {
			if ref := slice.Annotations[xccv1.GatewayDNSRefAnnotation]; strings.HasPrefix(ref, n.Namespace+"/") {
				refs = append(refs, ref)
			}
		}
		return refs
	}
}
