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
	"context"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// addGatewayOf creates a GatewayDNS of a Service that selects the Clusters labelled gateway=true.
func (n *tenant) addGatewayOf(name string, service *corev1.Service, resolutionType xccv1.ResolutionType) *xccv1.GatewayDNS {
	n.T.Helper()
	gatewayDNS := &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: name},
		Spec: xccv1.GatewayDNSSpec{
			ClusterSelector: metav1.LabelSelector{MatchLabels: fleet.HasGateway()}, Service: fleet.ServiceRef(service), ResolutionType: resolutionType,
		},
	}
	n.Expect(fleet.Management.Create(n.T.Context(), gatewayDNS)).To(Succeed())
	return gatewayDNS
}

// addNode creates a node of a workload cluster that is ready and has the addresses, for the time of the test.
func addNode(t *testing.T, workload *fleet.Cluster, name string, addresses ...corev1.NodeAddress) *corev1.Node {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	NewWithT(t).Expect(workload.Create(t.Context(), node)).To(Succeed())
	t.Cleanup(func() { _ = workload.Delete(context.Background(), node) })
	// The API server marks a new node as not ready by a taint, which is of no matter here.
	node.Status.Addresses = addresses
	setReady(t, workload, node, corev1.ConditionTrue)
	return node
}

func setReady(t *testing.T, workload *fleet.Cluster, node *corev1.Node, status corev1.ConditionStatus) {
	t.Helper()
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status}}
	NewWithT(t).Expect(workload.Status().Update(t.Context(), node)).To(Succeed())
}

func internalIP(address string) corev1.NodeAddress {
	return corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: address}
}

func externalIP(address string) corev1.NodeAddress {
	return corev1.NodeAddress{Type: corev1.NodeExternalIP, Address: address}
}

// endpoint returns an endpoint of a Pod on a node.
func endpoint(address, pod, node string, ready bool) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}, NodeName: &node,
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: pod},
	}
}

// addEndpoints creates the EndpointSlice of a Service, as Kubernetes' controller would.
func addEndpoints(t *testing.T, workload *fleet.Cluster, service *corev1.Service, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	t.Helper()
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: service.Namespace, Name: service.Name + "-x", Labels: map[string]string{discoveryv1.LabelServiceName: service.Name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(8080)), Protocol: new(corev1.ProtocolTCP)}},
		Endpoints:   endpoints,
	}
	NewWithT(t).Expect(workload.Create(t.Context(), slice)).To(Succeed())
	return slice
}

// watches returns how many watches of a resource an API server serves.
func watches(workload *fleet.Cluster, resource string) func(Gomega) int {
	return func(g Gomega) int {
		set, err := kubernetes.NewForConfig(workload.Config)
		g.Expect(err).NotTo(HaveOccurred())
		text, err := set.RESTClient().Get().AbsPath("/metrics").DoRaw(context.Background())
		g.Expect(err).NotTo(HaveOccurred())
		count := 0
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "apiserver_longrunning_requests{") || !strings.Contains(line, fmt.Sprintf("resource=%q", resource)) {
				continue
			}
			value := 0
			_, err := fmt.Sscan(line[strings.LastIndexByte(line, ' '):], &value)
			g.Expect(err).NotTo(HaveOccurred())
			count += value
		}
		return count
	}
}

func TestANodePortGatewayFollowsTheNodes(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	before := watches(workloadA, "nodes")(n)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeNodePort)
	one := addNode(t, workloadA, n.Namespace+"-one", internalIP("10.0.0.1"))
	two := addNode(t, workloadA, n.Namespace+"-two", internalIP("10.0.0.2"), externalIP("192.0.2.2"), externalIP("2001:db8::2"))
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.addGatewayOf("gw", service, xccv1.ResolutionTypeNodePort)
	hostname := n.Hostname("cluster-a")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.0.1", "192.0.2.2"), "the Service has IPv4 alone")
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayResolved), HaveField("Source", ContainSubstring("node ports")),
		HaveField("Ports", ConsistOf(HaveField("Port", service.Spec.Ports[0].NodePort))),
	)))
	n.Expect(watches(workloadA, "nodes")(n)).To(Equal(before+1), "nodes are watched")

	t.Log("The Service gets IPv6")
	service.Spec.IPFamilyPolicy = new(corev1.IPFamilyPolicyRequireDualStack)
	n.Expect(workloadA.Update(ctx, service)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.0.1", "192.0.2.2", "2001:db8::2"))

	t.Log("A node that is drained, loses readiness or leaves drops out, and comes back")
	two.Spec.Unschedulable = true
	n.Expect(workloadA.Update(ctx, two)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.0.1"))
	two.Spec.Unschedulable = false
	n.Expect(workloadA.Update(ctx, two)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(HaveLen(3))
	setReady(t, workloadA, two, corev1.ConditionUnknown)
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.0.1"))
	setReady(t, workloadA, two, corev1.ConditionTrue)
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(HaveLen(3))
	n.Expect(workloadA.Delete(ctx, two)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.0.1"))
	setReady(t, workloadA, one, corev1.ConditionFalse)
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayNoReadyEndpoint), HaveField("Message", ContainSubstring("1 not ready")),
	)))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(BeEmpty())

	t.Log("The watch ends with the need for it")
	n.Expect(fleet.Management.Delete(ctx, gatewayDNS)).To(Succeed())
	n.Eventually(watches(workloadA, "nodes")).Should(Equal(before))
}

func TestANodePortGatewayWithLocalTrafficFollowsItsEndpoints(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	before := watches(workloadA, "endpointslices")(n)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeNodePort)
	one := addNode(t, workloadA, n.Namespace+"-one", internalIP("10.0.1.1"))
	two := addNode(t, workloadA, n.Namespace+"-two", internalIP("10.0.1.2"))
	slice := addEndpoints(t, workloadA, service, endpoint("10.244.0.1", "a", one.Name, true), endpoint("10.244.1.1", "b", two.Name, false))
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.addGatewayOf("gw", service, xccv1.ResolutionTypeNodePort)
	hostname := n.Hostname("cluster-a")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.1.1", "10.0.1.2"))
	atFirst := watches(workloadA, "endpointslices")(n)

	service.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
	n.Expect(workloadA.Update(ctx, service)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.1.1"))
	n.Expect(watches(workloadA, "endpointslices")(n)).To(Equal(atFirst+1), "endpoints are watched")
	slice.Endpoints[0].Conditions.Ready, slice.Endpoints[1].Conditions.Ready = new(false), new(true)
	n.Expect(workloadA.Update(ctx, slice)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.1.2"))

	t.Log("The last endpoint terminates, and serves until it is gone")
	n.Expect(workloadA.Get(ctx, client.ObjectKeyFromObject(slice), slice)).To(Succeed())
	slice.Endpoints[1].Conditions = discoveryv1.EndpointConditions{Ready: new(false), Serving: new(true), Terminating: new(true)}
	n.Expect(workloadA.Update(ctx, slice)).To(Succeed())
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayResolved), HaveField("Addresses", ConsistOf("10.0.1.2")), HaveField("Message", ContainSubstring("terminating endpoints that still serve")),
	)))
	n.Expect(fleet.Published(ctx, fleet.WorkloadB, hostname)(n)).To(ConsistOf("10.0.1.2"))
	slice.Endpoints[1].Conditions.Serving = new(false)
	n.Expect(workloadA.Update(ctx, slice)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(BeEmpty())
	n.Expect(workloadA.Get(ctx, client.ObjectKeyFromObject(service), service)).To(Succeed())
	service.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyCluster
	n.Expect(workloadA.Update(ctx, service)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.1.1", "10.0.1.2"))
	n.Eventually(watches(workloadA, "endpointslices")).Should(BeNumerically("<=", max(before, atFirst)), "endpoints are watched no more")
}
