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
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

const (
	v4 = corev1.IPv4Protocol
	v6 = corev1.IPv6Protocol
)

// kube-proxy does not serve a node port in a family that the Service does not have.
func TestNodePortsArePublishedInTheFamiliesOfTheService(t *testing.T) {
	t.Parallel()
	const nodePorts = "http/TCP:30080 https/TCP:30443"
	dual := node("one", "10.0.0.1 fd00::1")
	eks := node("one", "2001:db8::1 ext=192.0.2.1") // An EKS node in an IPv6 cluster.
	clusterIP := func(service *corev1.Service) { service.Spec.ClusterIPs = []string{"fd00:10::7"} }
	for name, test := range map[string]struct {
		service *corev1.Service
		nodes   []*corev1.Node
		expected
	}{
		"an IPv4 Service on a dual-stack node":                          {service("NodePort", inFamilies(v4)), []*corev1.Node{dual}, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"an IPv6 Service on a dual-stack node":                          {service("NodePort", inFamilies(v6)), []*corev1.Node{dual}, expected{"Resolved", "fd00::1", nodePorts, "="}},
		"both":                                                          {service("NodePort", inFamilies(v6, v4)), []*corev1.Node{dual}, expected{"Resolved", "10.0.0.1 fd00::1", nodePorts, "="}},
		"without ipFamilies, the family of the ClusterIP":               {service("NodePort", clusterIP), []*corev1.Node{dual}, expected{"Resolved", "fd00::1", nodePorts, "="}},
		"invalid ipFamilies are ignored":                                {service("NodePort", inFamilies("IPv5", "")), []*corev1.Node{dual}, expected{"Resolved", "10.0.0.1 fd00::1", nodePorts, "="}},
		"an IPv6 Service on a node with an external IPv4 address":       {service("NodePort", inFamilies(v6)), []*corev1.Node{eks}, expected{"Resolved", "2001:db8::1", nodePorts, "="}},
		"a dual-stack Service on a node with an external IPv4 address":  {service("NodePort", inFamilies(v4, v6)), []*corev1.Node{eks}, expected{"Resolved", "192.0.2.1 2001:db8::1", nodePorts, "="}},
		"an IPv4 Service on a node with an external IPv4 address":       {service("NodePort", inFamilies(v4)), []*corev1.Node{eks}, expected{"Resolved", "192.0.2.1", nodePorts, "="}},
		"external addresses of both families":                           {service("NodePort", inFamilies(v4, v6)), []*corev1.Node{node("one", "10.0.0.1 fd00::1 ext=192.0.2.1 ext=2001:db8::1")}, expected{"Resolved", "192.0.2.1 2001:db8::1", nodePorts, "="}},
		"an IPv4-mapped address is IPv4":                                {service("NodePort", inFamilies(v4)), []*corev1.Node{node("one", "::ffff:10.0.0.1 fd00::1")}, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"an unusable external address does not hide an internal one":    {service("NodePort", inFamilies(v4)), []*corev1.Node{node("one", "10.0.0.1 ext=169.254.1.1")}, expected{"Resolved", "10.0.0.1", nodePorts, "=Left out: 169.254.1.1 is a link-local address"}},
		"an unusable external address does not affect the other family": {service("NodePort"), []*corev1.Node{node("one", "10.0.0.1 fd00::1 ext=192.0.2.1 ext=fe80::1")}, expected{"Resolved", "192.0.2.1 fd00::1", nodePorts, "=Left out: fe80::1 is a link-local address"}},
		"an invalid address does not hide an internal one":              {service("NodePort", inFamilies(v6)), []*corev1.Node{node("one", "fd00::1 ext=eth0")}, expected{"Resolved", "fd00::1", nodePorts, "=Left out: eth0 is not an IP address"}},
		"an unusable external address before a usable one":              {service("NodePort", inFamilies(v4)), []*corev1.Node{node("one", "10.0.0.1 ext=127.0.0.1 ext=192.0.2.1")}, expected{"Resolved", "192.0.2.1", nodePorts, "=Left out: 127.0.0.1 is a loopback address"}},
		"the first address of each family":                              {service("NodePort", inFamilies(v4, v6)), []*corev1.Node{node("one", "10.0.0.2 fd00::2 10.0.0.1 fd00::1")}, expected{"Resolved", "10.0.0.2 fd00::2", nodePorts, "="}},
		"a node without an address of the family":                       {service("NodePort", inFamilies(v6)), []*corev1.Node{dual, node("two", "10.0.0.2")}, expected{"Resolved", "fd00::1", nodePorts, "=Left out: Node two has no IPv6 address of type ExternalIP or InternalIP"}},
		"no node with an address of the family":                         {service("NodePort", inFamilies(v4)), []*corev1.Node{node("one", "fd00::1")}, expected{"NoAddress", "", "", "Node one has no IPv4 address of type"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, resolve.Gateway(target("nodePort"), resolve.Objects{Service: test.service, Nodes: test.nodes}, network), test.expected)
		})
	}
}

// If externalTrafficPolicy is Local, a node drops traffic in a family without a local endpoint.
func TestEndpointsCountInTheirFamily(t *testing.T) {
	t.Parallel()
	nodes := []*corev1.Node{node("one", "10.0.0.1 fd00::1"), node("two", "10.0.0.2 fd00::2")}
	const nodePorts, hostPorts = "http/TCP:30080 https/TCP:30443", "http/TCP:80"
	both := inFamilies(v4, v6)
	for name, test := range map[string]struct {
		service  *corev1.Service
		slices   []*discoveryv1.EndpointSlice
		nodePort expected
		hostPort expected
	}{
		"IPv4 on one, both on two": {service("NodePort", local, both), []*discoveryv1.EndpointSlice{slice("a@one b@two"), sliceOf("IPv6", "!a@one b@two")},
			expected{"Resolved", "10.0.0.1 10.0.0.2 fd00::2", nodePorts, "="}, expected{"Resolved", "10.0.0.1 10.0.0.2 fd00::2", hostPorts, "="}},
		"an IPv6 Service": {service("NodePort", local, inFamilies(v6)), []*discoveryv1.EndpointSlice{sliceOf("IPv6", "a@one")},
			expected{"Resolved", "fd00::1", nodePorts, "="}, expected{"Resolved", "fd00::1", hostPorts, "="}},
		"a slice of a former family of the Service": {service("NodePort", local, inFamilies(v4)), []*discoveryv1.EndpointSlice{slice("a@one"), sliceOf("IPv6", "a@one b@two")},
			expected{"Resolved", "10.0.0.1", nodePorts, "="}, expected{"Resolved", "10.0.0.1", hostPorts, "="}},
		"a slice of host names": {service("NodePort", local, both), []*discoveryv1.EndpointSlice{sliceOf("FQDN", "a@one")},
			expected{"NoReadyEndpoint", "", "", "2 without a ready endpoint"}, expected{"NoReadyEndpoint", "", "", "has no ready Pod"}},
		"a slice of an unknown type": {service("NodePort", local, both), []*discoveryv1.EndpointSlice{sliceOf("IPv9", "a@one")},
			expected{"NoReadyEndpoint", "", "", "2 without a ready endpoint"}, expected{"NoReadyEndpoint", "", "", "has no ready Pod"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := resolve.Objects{
				Service: test.service, Nodes: nodes, Slices: test.slices, Pods: []*corev1.Pod{pod("a", "one", hostPort(80)), pod("b", "two", hostPort(80))},
			}
			check(t, resolve.Gateway(target("nodePort"), objects, network), test.nodePort)
			check(t, resolve.Gateway(target("hostPort"), objects, network), test.hostPort)
		})
	}
}

func TestAHostPortCountsInTheFamilyOfItsHostIP(t *testing.T) {
	t.Parallel()
	bound := func(hostIP string, port int32) corev1.ContainerPort {
		return corev1.ContainerPort{ContainerPort: 8080, HostPort: port, HostIP: hostIP}
	}
	inHost := pod("a", "one", bound("0.0.0.0", 8080))
	inHost.Spec.HostNetwork = true
	for name, test := range map[string]struct {
		pod *corev1.Pod
		expected
	}{
		"no hostIP":                    {pod("a", "one", bound("", 80)), expected{"Resolved", "10.0.0.1 fd00::1", "http/TCP:80", "="}},
		"the unspecified IPv4 address": {pod("a", "one", bound("0.0.0.0", 80)), expected{"Resolved", "10.0.0.1", "http/TCP:80", "="}},
		"the unspecified IPv6 address": {pod("a", "one", bound("::", 80)), expected{"Resolved", "fd00::1", "http/TCP:80", "="}},
		"both unspecified addresses":   {pod("a", "one", bound("0.0.0.0", 80), bound("::", 80)), expected{"Resolved", "10.0.0.1 fd00::1", "http/TCP:80", "="}},
		"loopback in IPv4 only":        {pod("a", "one", bound("127.0.0.1", 80), bound("::", 80)), expected{"Resolved", "fd00::1", "http/TCP:80", "="}},
		"loopback in IPv6":             {pod("a", "one", bound("::1", 80)), expected{"NoReadyEndpoint", "", "", "without a hostPort"}},
		"an invalid hostIP":            {pod("a", "one", bound("eth0", 80)), expected{"Resolved", "10.0.0.1 fd00::1", "http/TCP:80", "="}},
		"host network":                 {inHost, expected{"Resolved", "10.0.0.1 fd00::1", "http/TCP:8080", "="}},
		"another port in IPv6":         {pod("a", "one", bound("0.0.0.0", 80), bound("::", 81)), expected{"Resolved", "10.0.0.1 fd00::1", "http/TCP:80", "different host ports"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := resolve.Objects{
				Service: service("ClusterIP", inFamilies(v4, v6)), Nodes: []*corev1.Node{node("one", "10.0.0.1 fd00::1")},
				Slices: []*discoveryv1.EndpointSlice{slice("a@one"), sliceOf("IPv6", "a@one")}, Pods: []*corev1.Pod{test.pod},
			}
			check(t, resolve.Gateway(target("hostPort"), objects, network), test.expected)
		})
	}
}

// An external IP may be routed by other means than kube-proxy.
func TestExternalIPsOfAnotherFamilyGetARemark(t *testing.T) {
	t.Parallel()
	const remark = "=Nodes do not forward traffic to 2001:db8::1, because the Service's only IP family is IPv4: change its spec.ipFamilyPolicy"
	external := func(service *corev1.Service) { service.Spec.ExternalIPs = []string{"192.0.2.1", "2001:db8::1"} }
	for name, test := range map[string]struct {
		service *corev1.Service
		message string
	}{
		"one family":    {service("ClusterIP", external, inFamilies(v4)), remark},
		"both families": {service("ClusterIP", external, inFamilies(v4, v6)), "="},
		"no families":   {service("ClusterIP", external), "="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, resolve.Gateway(target(xccv1.ResolutionTypeExternalIPs), resolve.Objects{Service: test.service}, network),
				expected{"Resolved", "192.0.2.1 2001:db8::1", servicePorts, test.message})
		})
	}
}
