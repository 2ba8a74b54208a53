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
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// TestAnAnnotationOfTheClusterOverridesWhatWasFound begins with what the sample has.
func TestAnAnnotationOfTheClusterOverridesWhatWasFound(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "samples", "cluster-gateway-addresses.yaml"))
	n.Expect(err).NotTo(HaveOccurred())
	sample := &clusterv1.Cluster{}
	n.Expect(yaml.UnmarshalStrict(text, sample)).To(Succeed())
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "10.0.3.1")
	cluster := n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	hostname := n.Hostname("cluster-a")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.3.1"))

	n.Annotate(cluster, xccv1.GatewayAddressesAnnotation, sample.Annotations[xccv1.GatewayAddressesAnnotation])
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("198.51.100.7"))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayOverridden), HaveField("Message", ContainSubstring("replaces the found addresses 10.0.3.1")),
		HaveField("Source", ContainSubstring(xccv1.GatewayAddressesAnnotation)), HaveField("Ports", HaveLen(1)),
	)))
	n.Eventually(n.Condition(gatewayDNS, xccv1.ReadyCondition)).Should(HaveField("Status", metav1.ConditionTrue))
	before := n.SliceOf(fleet.WorkloadB, hostname)

	for wrong, why := range map[string]string{
		"127.0.0.1": "127.0.0.1 is a loopback address", "198.51.100.8, not an address": `"not an address" is not`,
	} {
		t.Log("One that is wrong changes nothing but the state:", wrong)
		n.Annotate(cluster, xccv1.GatewayAddressesAnnotation, wrong)
		n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
			HaveField("State", xccv1.GatewayInvalidOverride), HaveField("Message", ContainSubstring(why)),
			HaveField("Addresses", []string{"198.51.100.7"}),
		)))
	}
	n.ProveProgress("override", "192.0.2.32")
	n.Expect(n.SliceOf(fleet.WorkloadB, hostname)).To(Equal(before))

	t.Log("Several of all kinds")
	n.Annotate(cluster, xccv1.GatewayAddressesAnnotation, "192.0.2.31, nat.example.com")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.31", "nat.example.com"))
	n.Annotate(cluster, xccv1.GatewayAddressesAnnotation, "")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.3.1"))
}

// TestAnAnnotationOfTheClusterChoosesAmongAddresses begins with what the sample has.
func TestAnAnnotationOfTheClusterChoosesAmongAddresses(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "samples", "cluster-gateway-address-ranges.yaml"))
	n.Expect(err).NotTo(HaveOccurred())
	sample := &clusterv1.Cluster{}
	n.Expect(yaml.UnmarshalStrict(text, sample)).To(Succeed())
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "10.0.4.1", "192.0.2.4", "2001:db8::4")
	cluster := n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	hostname := n.Hostname("cluster-a")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.4.1", "192.0.2.4", "2001:db8::4"))

	n.Annotate(cluster, xccv1.GatewayAddressRangesAnnotation, sample.Annotations[xccv1.GatewayAddressRangesAnnotation])
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.4.1", "2001:db8::4"))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayResolved), HaveField("Message", ContainSubstring("prefers other addresses to 192.0.2.4")),
	)))

	t.Log("One that is wrong changes nothing but the state")
	n.Annotate(cluster, xccv1.GatewayAddressRangesAnnotation, "10.0.0.0/8, !192.0.2.1/24")
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayInvalidOverride), HaveField("Message", ContainSubstring("write 192.0.2.0/24")),
		HaveField("Addresses", ConsistOf("10.0.4.1", "2001:db8::4")), HaveField("Ports", HaveLen(1)),
	)))
	n.ProveProgress("ranges", "192.0.2.33")
	n.Expect(fleet.Published(ctx, fleet.WorkloadB, hostname)(n)).To(ConsistOf("10.0.4.1", "2001:db8::4"))

	t.Log("An override of one family keeps what was chosen of the other")
	n.Annotate(cluster, xccv1.GatewayAddressesAnnotation, "198.51.100.9, ipv6=found")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("198.51.100.9", "2001:db8::4"))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayOverridden)))
	n.Annotate(cluster, xccv1.GatewayAddressesAnnotation, "")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.4.1", "192.0.2.4", "2001:db8::4"))
}
