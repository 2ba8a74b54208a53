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
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// change changes a GatewayDNS, again if somebody else did meanwhile.
func (n *tenant) change(gatewayDNS *xccv1.GatewayDNS, change func(*xccv1.GatewayDNS)) {
	n.T.Helper()
	n.Eventually(func(g Gomega) error {
		g.Expect(fleet.Management.Get(n.T.Context(), client.ObjectKeyFromObject(gatewayDNS), gatewayDNS)).To(Succeed())
		change(gatewayDNS)
		return fleet.Management.Update(n.T.Context(), gatewayDNS)
	}).Should(Succeed())
}

func TestTwoGatewaysOfOneClusterHaveDifferentNames(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	public := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.150")
	internal := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.151")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("public", fleet.ServiceRef(public))
	gatewayDNS := n.AddGatewayDNS("internal", fleet.ServiceRef(internal), fleet.Subdomain("internal"))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named("gateway", "cluster-a"))).Should(ConsistOf("192.0.2.150"))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named("internal", "cluster-a"))).Should(ConsistOf("192.0.2.151"))

	t.Log("The name without the wildcard is served from the same slice")
	n.Expect(n.SliceOf(fleet.WorkloadB, n.Named("internal", "cluster-a")).Annotations).To(HaveKeyWithValue(
		xccv1.AdditionalHostnamesAnnotation, strings.TrimPrefix(n.Named("internal", "cluster-a"), "*."),
	))

	t.Log("Another subdomain publishes the new name and removes the old one, and nothing else")
	before := n.SliceOf(fleet.WorkloadB, n.Named("gateway", "cluster-a"))
	n.change(gatewayDNS, fleet.Subdomain("private"))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named("private", "cluster-a"))).Should(ConsistOf("192.0.2.151"))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named("internal", "cluster-a"))).Should(BeEmpty())
	n.Eventually(n.Gateways("internal")).Should(HaveKeyWithValue("cluster-a", HaveField("Hostname", n.Named("private", "cluster-a"))))
	n.Expect(n.SliceOf(fleet.WorkloadB, n.Named("gateway", "cluster-a"))).To(Equal(before))
}

func TestANameLongerThanDNSAllowsIsRefusedAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.155")
	long := strings.Repeat("a-cluster.", 17) + "a" // Fits with a short subdomain and not with a long one.
	n.AddCluster(long, nil, fleet.HasGateway())    // The label of a kubeconfig does not hold a name that long.
	n.AddCluster("short", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("short"))).Should(ConsistOf("192.0.2.155"))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue(long, HaveField("Hostname", n.Hostname(long))))

	longest := strings.Repeat("s", 63)
	n.change(gatewayDNS, fleet.Subdomain(longest))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue(long, And(
		HaveField("State", xccv1.GatewayInvalidName), HaveField("Message", ContainSubstring("DNS allows 253")), HaveField("Hostname", ""),
	)))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named(longest, "short"))).Should(ConsistOf("192.0.2.155"))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("short"))).Should(BeEmpty())
}
