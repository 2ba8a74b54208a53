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

package manager_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// named is the name of a Cluster's gateway with a subdomain.
func (n *tenant) named(subdomain, clusterName string) string {
	return fmt.Sprintf("*.%s.%s.%s.clusters.%s", subdomain, clusterName, n.namespace, zone)
}

func subdomain(name string) func(*xccv1.GatewayDNS) {
	return func(g *xccv1.GatewayDNS) { g.Spec.Subdomain = name }
}

// change changes a GatewayDNS, again if somebody else did meanwhile.
func (n *tenant) change(gatewayDNS *xccv1.GatewayDNS, change func(*xccv1.GatewayDNS)) {
	n.t.Helper()
	n.Eventually(func(g Gomega) error {
		g.Expect(management.Get(n.t.Context(), client.ObjectKeyFromObject(gatewayDNS), gatewayDNS)).To(Succeed())
		change(gatewayDNS)
		return management.Update(n.t.Context(), gatewayDNS)
	}).Should(Succeed())
}

func TestTwoGatewaysOfOneClusterHaveDifferentNames(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	public := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.150")
	internal := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.151")
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.addGatewayDNS("public", serviceRef(public))
	gatewayDNS := n.addGatewayDNS("internal", serviceRef(internal), subdomain("internal"))
	n.Eventually(published(ctx, workloadB, n.named("gateway", "cluster-a"))).Should(ConsistOf("192.0.2.150"))
	n.Eventually(published(ctx, workloadB, n.named("internal", "cluster-a"))).Should(ConsistOf("192.0.2.151"))

	t.Log("The name without the wildcard is served from the same slice")
	n.Expect(n.sliceOf(workloadB, n.named("internal", "cluster-a")).Annotations).To(HaveKeyWithValue(
		xccv1.AdditionalHostnamesAnnotation, strings.TrimPrefix(n.named("internal", "cluster-a"), "*."),
	))

	t.Log("Another subdomain publishes the new name and removes the old one, and nothing else")
	before := n.sliceOf(workloadB, n.named("gateway", "cluster-a"))
	n.change(gatewayDNS, subdomain("private"))
	n.Eventually(published(ctx, workloadB, n.named("private", "cluster-a"))).Should(ConsistOf("192.0.2.151"))
	n.Eventually(published(ctx, workloadB, n.named("internal", "cluster-a"))).Should(BeEmpty())
	n.Eventually(n.gateways("internal")).Should(HaveKeyWithValue("cluster-a", HaveField("Hostname", n.named("private", "cluster-a"))))
	n.Expect(n.sliceOf(workloadB, n.named("gateway", "cluster-a"))).To(Equal(before))
}

func TestANameLongerThanDNSAllowsIsRefusedAndTheOthersGoOn(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.155")
	long := strings.Repeat("a-cluster.", 17) + "a" // Fits with a short subdomain and not with a long one.
	n.addCluster(long, nil, hasGateway())          // The label of a kubeconfig does not hold a name that long.
	n.addCluster("short", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	gatewayDNS := n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(published(ctx, workloadB, n.hostname("short"))).Should(ConsistOf("192.0.2.155"))
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue(long, HaveField("Hostname", n.hostname(long))))

	longest := strings.Repeat("s", 63)
	n.change(gatewayDNS, subdomain(longest))
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue(long, And(
		HaveField("State", xccv1.GatewayInvalidName), HaveField("Message", ContainSubstring("DNS allows 253")), HaveField("Hostname", ""),
	)))
	n.Eventually(published(ctx, workloadB, n.named(longest, "short"))).Should(ConsistOf("192.0.2.155"))
	n.Eventually(published(ctx, workloadB, n.hostname("short"))).Should(BeEmpty())
}
