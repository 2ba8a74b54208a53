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

package resolve_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// declared is the Network of a dual-stack Cluster.
var declared = resolve.NetworkOf("xcc.test", clusterv1.ClusterNetwork{
	Services:      clusterv1.NetworkRanges{CIDRBlocks: []string{"10.96.0.1/12", "nonsense", "fd00:10:96::/112"}},
	Pods:          clusterv1.NetworkRanges{CIDRBlocks: []string{"10.244.0.0/16"}},
	ServiceDomain: "K8s.Example.com.",
})

// gatewayWith returns a Gateway with these addresses in its status.
func gatewayWith(addressType string, values ...string) *unstructured.Unstructured {
	var addresses []any
	for _, value := range values {
		addresses = append(addresses, map[string]any{"type": addressType, "value": value})
	}
	return &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"addresses": addresses}}}
}

func TestAGatewayWithAnInternalAddressIsNotPublished(t *testing.T) {
	t.Parallel()
	const advice = "Gateway infra/eg has no address that other clusters can reach. Expose it with a Service of type LoadBalancer and name that Service in " +
		"spec.service, or set the annotation connectivity.tanzu.vmware.com/gateway-addresses of the Cluster: "
	own := []*corev1.Service{{Spec: corev1.ServiceSpec{ClusterIP: "172.20.0.9", ClusterIPs: []string{"172.20.0.9", "fd00:aa::9"}}}, {Spec: corev1.ServiceSpec{ClusterIP: "None"}}}
	for name, test := range map[string]struct {
		addressType string
		values      []string
		network     resolve.Network
		expected
	}{
		"a ClusterIP, as Envoy Gateway reports":                {"IPAddress", []string{"10.96.4.7"}, declared, expected{"NoAddress", "", "", "=" + advice + "10.96.4.7 is in the range of Services that the Cluster declares in spec.clusterNetwork"}},
		"a ClusterIP in IPv6":                                  {"IPAddress", []string{"fd00:10:96::7"}, declared, expected{"NoAddress", "", "", "fd00:10:96::7 is in the range of Services"}},
		"a ClusterIP behind NAT64":                             {"IPAddress", []string{"64:ff9b::10.96.0.7"}, declared, expected{"NoAddress", "", "", "is in the range of Services"}},
		"the ClusterIP of its Service":                         {"IPAddress", []string{"172.20.0.9"}, network, expected{"NoAddress", "", "", "=" + advice + "172.20.0.9 is a ClusterIP of this cluster"}},
		"the second ClusterIP of its Service":                  {"IPAddress", []string{"fd00:aa::9"}, network, expected{"NoAddress", "", "", "fd00:aa::9 is a ClusterIP of this cluster"}},
		"an address outside of the declared ranges":            {"IPAddress", []string{"10.96.4.7"}, network, expected{"Resolved", "10.96.4.7", "", "="}},
		"a name of a Service, as Istio reports":                {"Hostname", []string{"eg-istio.infra.svc.cluster.local"}, network, expected{"NoAddress", "", "", "=" + advice + "eg-istio.infra.svc.cluster.local is a name of the cluster's own DNS"}},
		"in capitals with a final dot":                         {"Hostname", []string{"EG-istio.infra.svc.Cluster.Local."}, network, expected{"NoAddress", "", "", "is a name of the cluster's own DNS"}},
		"a name in the declared domain":                        {"Hostname", []string{"eg-istio.infra.svc.k8s.example.com"}, declared, expected{"NoAddress", "", "", "is a name of the cluster's own DNS"}},
		"a name in the default domain":                         {"Hostname", []string{"eg-istio.infra.svc.cluster.local"}, declared, expected{"NoAddress", "", "", "is a name of the cluster's own DNS"}},
		"a name that the search list completes":                {"Hostname", []string{"eg-istio.infra.svc"}, network, expected{"NoAddress", "", "", "is a name of the cluster's own DNS"}},
		"a name of one DNS label":                              {"Hostname", []string{"eg-istio"}, network, expected{"NoAddress", "", "", "=Gateway infra/eg has no address that can be published: eg-istio is not a fully qualified host name"}},
		"a name that only ends like the domain":                {"Hostname", []string{"lb.notk8s.example.com"}, declared, expected{"Resolved", "lb.notk8s.example.com", "", "="}},
		"svc in the middle of a name":                          {"Hostname", []string{"lb.svc.example.com"}, declared, expected{"Resolved", "lb.svc.example.com", "", "="}},
		"another address is published":                         {"IPAddress", []string{"10.96.4.7", "192.0.2.1"}, declared, expected{"Resolved", "192.0.2.1", "", "=Left out: 10.96.4.7 is in the range of Services that the Cluster declares in spec.clusterNetwork"}},
		"an address in the Pod range is published":             {"IPAddress", []string{"10.244.0.9"}, declared, expected{"Resolved", "10.244.0.9", "", "In the Service or Pod ranges of the Cluster: 10.244.0.9, which"}},
		"an address that is refused for another reason":        {"IPAddress", []string{"127.0.0.1", "10.96.4.7"}, declared, expected{"NoAddress", "", "", "127.0.0.1 is a loopback address"}},
		"thousands of refused addresses do not cut the advice": {"IPAddress", many("10.96.%d.%d", 5000), declared, expected{"NoAddress", "", "", advice}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := resolve.TargetOf(&xccv1.GatewayDNSSpec{Gateway: "infra/eg"})
			objects := resolve.Objects{GatewayAPI: true, Gateway: gatewayWith(test.addressType, test.values...), GatewayServices: own}
			check(t, resolve.Gateway(target, objects, test.network), test.expected)
		})
	}
}

func many(format string, count int) []string {
	var all []string
	for i := range count {
		all = append(all, fmt.Sprintf(format, i>>8&255, i&255))
	}
	return all
}

func TestAddressesInTheClustersRangesGetARemark(t *testing.T) {
	t.Parallel()
	remark := func(addresses string) string {
		return "In the Service or Pod ranges of the Cluster: " + addresses +
			", which clusters with the same ranges cannot reach; correct spec.clusterNetwork if it is wrong"
	}
	clusterIP := func(service *corev1.Service) { service.Spec.ClusterIPs = []string{"10.96.0.5", "fd00::5"} }
	external := service("ClusterIP", clusterIP)
	external.Spec.ExternalIPs = []string{"10.96.9.9", "192.0.2.1"}
	for name, test := range map[string]struct {
		resolutionType xccv1.ResolutionType
		objects        resolve.Objects
		expected
	}{
		"a load balancer": {"loadBalancer", resolve.Objects{Service: service("LoadBalancer", ingress("10.97.0.1"))}, expected{"Resolved", "10.97.0.1", servicePorts, "=" + remark("10.97.0.1")}},
		"external IPs":    {"externalIPs", resolve.Objects{Service: external}, expected{"Resolved", "10.96.9.9 192.0.2.1", servicePorts, "=" + remark("10.96.9.9")}},
		"a node": {"nodePort", resolve.Objects{Service: service("NodePort"), Nodes: []*corev1.Node{{Status: corev1.NodeStatus{
			Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.244.3.3"}},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		}}}}, expected{"Resolved", "10.244.3.3", "http/TCP:30080 https/TCP:30443", "=" + remark("10.244.3.3")}},
		"many are counted": {"loadBalancer", resolve.Objects{Service: service("LoadBalancer", ingress("10.96.0.1", "10.96.0.2", "10.96.0.3", "10.96.0.4", "10.96.0.4"))},
			expected{"Resolved", "10.96.0.1 10.96.0.2 10.96.0.3 10.96.0.4", servicePorts, "=" + remark("10.96.0.1, 10.96.0.2, 10.96.0.3 and 1 more")}},
		"the Service's own ClusterIP is refused": {"loadBalancer", resolve.Objects{Service: service("LoadBalancer", clusterIP, ingress("fd00::5"))},
			expected{"NoAddress", "", "", "fd00::5 is a ClusterIP of this cluster"}},
		"the Service's own ClusterIP is refused beside another address": {"loadBalancer", resolve.Objects{Service: service("LoadBalancer", clusterIP, ingress("10.96.0.5", "192.0.2.1"))},
			expected{"Resolved", "192.0.2.1", servicePorts, "=Left out: 10.96.0.5 is a ClusterIP of this cluster"}},
		"a name of the cluster's DNS is refused": {"loadBalancer", resolve.Objects{Service: service("LoadBalancer", ingress("host=envoy.projectcontour.svc.cluster.local"))},
			expected{"NoAddress", "", "", "is a name of the cluster's own DNS"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, resolve.Gateway(target(test.resolutionType), test.objects, declared), test.expected)
		})
	}
	found := resolve.Result{State: xccv1.GatewayResolved, Addresses: []string{"10.0.0.1"}}
	check(t, resolve.Override("10.96.0.5,192.0.2.1", declared, found), expected{"Overridden", "10.96.0.5 192.0.2.1", "", remark("10.96.0.5")})
	check(t, resolve.Override("eg.infra.svc.cluster.local", declared, found), expected{"InvalidOverride", "", "", "is a name of the cluster's own DNS"})
	NewWithT(t).Expect(resolve.Override("192.0.2.1", declared, found).Message).NotTo(ContainSubstring("spec.clusterNetwork"))
}

func TestGatewayServices(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	services := func(name string, gateway *unstructured.Unstructured) []resolve.ServiceSelector {
		return resolve.GatewayServices(resolve.TargetOf(&xccv1.GatewayDNSSpec{Gateway: "infra/" + name}), gateway)
	}
	g.Expect(services("eg", gatewayWith("Hostname", "lb.example.com"))).To(BeEmpty())
	g.Expect(services("eg", gatewayWith("IPAddress"))).To(BeEmpty())
	g.Expect(services(strings.Repeat("a", 64), gatewayWith("IPAddress", "10.0.0.1"))).To(BeEmpty(), "no API server takes such a selector")
	g.Expect(services("eg", gatewayWith("IPAddress", "lb", "10.0.0.1"))).To(HaveExactElements(
		resolve.ServiceSelector{Namespace: "infra", Labels: map[string]string{"gateway.networking.k8s.io/gateway-name": "eg"}},
		resolve.ServiceSelector{Labels: map[string]string{
			"gateway.envoyproxy.io/owning-gateway-name": "eg", "gateway.envoyproxy.io/owning-gateway-namespace": "infra",
		}},
	))
	ofClass := gatewayWith("IPAddress", "10.0.0.1")
	ofClass.Object["spec"] = map[string]any{"gatewayClassName": "merged"}
	shared := resolve.ServiceSelector{Labels: map[string]string{"gateway.envoyproxy.io/owning-gatewayclass": "merged"}}
	g.Expect(services("eg", ofClass)).To(HaveLen(3))
	g.Expect(services(strings.Repeat("a", 64), ofClass)).To(HaveExactElements(shared), "the Gateway's name is no part of what it selects")
	ofClass.Object["spec"] = map[string]any{"gatewayClassName": strings.Repeat("a", 64)}
	g.Expect(services("eg", ofClass)).To(HaveLen(2), "no API server takes such a selector")
}
