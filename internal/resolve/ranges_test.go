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
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

const (
	rangesAnnotation = "connectivity.tanzu.vmware.com/gateway-address-ranges"
	excludedBy       = " is in a range that the Cluster's annotation " + rangesAnnotation + " excludes"
	prefersTo        = "The Cluster's annotation " + rangesAnnotation + " prefers other addresses to "
)

func TestRangesSelectAddressesOfALoadBalancer(t *testing.T) {
	t.Parallel()
	both := []string{"10.0.0.1", "192.0.2.1"}
	dual := []string{"10.0.0.1", "192.0.2.1", "2001:db8::1", "fd00::1"}
	for name, test := range map[string]struct {
		annotation string
		found      []string
		addresses  string
		message    string
	}{
		"prefer":                              {"10.0.0.0/8", both, "10.0.0.1", "=" + prefersTo + "192.0.2.1"},
		"the first range with an address":     {"172.16.0.0/12, 192.0.2.0/24, 10.0.0.0/8", both, "192.0.2.1", "=" + prefersTo + "10.0.0.1"},
		"no range has an address":             {"172.16.0.0/12", both, "10.0.0.1 192.0.2.1", "="},
		"each family separately":              {"10.0.0.0/8", dual, "10.0.0.1 2001:db8::1 fd00::1", "=" + prefersTo + "192.0.2.1"},
		"both families":                       {"10.0.0.0/8,fd00::/8", dual, "10.0.0.1 fd00::1", "=" + prefersTo + "192.0.2.1, 2001:db8::1"},
		"several in a range":                  {"10.0.0.0/8", []string{"10.0.0.1", "10.0.0.2", "192.0.2.1"}, "10.0.0.1 10.0.0.2", "=" + prefersTo + "192.0.2.1"},
		"exclude":                             {"!10.0.0.0/8", both, "192.0.2.1", "=Left out: 10.0.0.1" + excludedBy},
		"exclude a family":                    {"!::/0", dual, "10.0.0.1 192.0.2.1", "Left out: 2001:db8::1" + excludedBy},
		"exclude a part of a preferred range": {"10.0.0.0/8, ! 10.0.0.0/16", both, "192.0.2.1", "=Left out: 10.0.0.1" + excludedBy},
		"exclude through NAT64":               {"!192.0.2.0/24", []string{"64:ff9b::c000:201", "10.0.0.1"}, "10.0.0.1", "=Left out: 64:ff9b::c000:201" + excludedBy},
		"one address":                         {"192.0.2.1/32", both, "192.0.2.1", "=" + prefersTo + "10.0.0.1"},
		"in IPv6 notation":                    {"::ffff:192.0.2.0/120", both, "192.0.2.1", "=" + prefersTo + "10.0.0.1"},
		"ranges do not affect host names":     {"!0.0.0.0/0", []string{"host=lb.example.com"}, "lb.example.com", "="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			network := network.WithRanges(test.annotation)
			want := expected{"Resolved", test.addresses, servicePorts, test.message}
			check(t, resolve.Gateway(target(""), resolve.Objects{Service: service("LoadBalancer", ingress(test.found...))}, network), want)
			if strings.HasPrefix(test.found[0], "host=") {
				return
			}
			external := service("ClusterIP")
			external.Spec.ExternalIPs = test.found
			check(t, resolve.Gateway(target("externalIPs"), resolve.Objects{Service: external}, network), want)
			want.ports = ""
			gateway := resolve.TargetOf(&xccv1.GatewayDNSSpec{Gateway: "infra/eg"})
			check(t, resolve.Gateway(gateway, resolve.Objects{GatewayAPI: true, Gateway: gatewayWith("IPAddress", test.found...)}, network), want)
		})
	}
	all := resolve.Gateway(target(""), resolve.Objects{Service: service("LoadBalancer", ingress(both...))}, network.WithRanges("!0.0.0.0/0"))
	check(t, all, expected{"NoAddress", "", "", "=Service projectcontour/envoy has no address that can be published: 10.0.0.1" + excludedBy + "; 192.0.2.1" + excludedBy})

	t.Log("The load balancer has more addresses than are published")
	var many []string
	for i := range 300 {
		many = append(many, fmt.Sprintf("10.0.%d.%d", i>>8, i&255))
	}
	chosen := resolve.Gateway(target(""), resolve.Objects{Service: service("LoadBalancer", ingress(append(many, "192.0.2.1")...))}, network.WithRanges("192.0.2.0/24"))
	check(t, chosen, expected{"Resolved", "192.0.2.1", servicePorts, "prefers other addresses to 10.0.0.0, 10.0.0.1, 10.0.0.10 and 297 more"})

	t.Log("Only published addresses get the remark about the Cluster's ranges")
	inRange := resolve.NetworkOf("xcc.test", clusterv1.ClusterNetwork{Pods: clusterv1.NetworkRanges{CIDRBlocks: []string{"10.0.0.0/8"}}})
	chosen = resolve.Gateway(target(""), resolve.Objects{Service: service("LoadBalancer", ingress(both...))}, inRange.WithRanges("192.0.2.0/24"))
	check(t, chosen, expected{"Resolved", "192.0.2.1", servicePorts, "=" + prefersTo + "10.0.0.1"})
}

func TestRangesSelectAddressesOfEachNode(t *testing.T) {
	t.Parallel()
	const nodePorts = "http/TCP:30080 https/TCP:30443"
	nodes := []*corev1.Node{node("one", "10.0.0.1 fd00::1 ext=192.0.2.1"), node("two", "10.0.0.2 10.9.0.2 ext=192.0.2.2"), node("three", "172.16.0.3 ext=192.0.2.3")}
	for name, test := range map[string]struct {
		annotation string
		addresses  string
		message    string
	}{
		"none":                           {"100.64.0.0/10", "192.0.2.1 192.0.2.2 192.0.2.3 fd00::1", "="},
		"prefer internal":                {"10.0.0.0/8", "10.0.0.1 10.0.0.2 192.0.2.3 fd00::1", "="},
		"prefer one of two internal":     {"10.9.0.0/16,10.0.0.0/16", "10.0.0.1 10.9.0.2 192.0.2.3 fd00::1", "="},
		"exclude external":               {"!192.0.2.0/24", "10.0.0.1 10.0.0.2 172.16.0.3 fd00::1", "Left out: 192.0.2.1" + excludedBy},
		"prefer internal of one network": {"10.0.0.0/8, !192.0.2.0/24", "10.0.0.1 10.0.0.2 172.16.0.3 fd00::1", "=Left out: 192.0.2.3" + excludedBy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := resolve.Objects{Service: service("NodePort"), Nodes: nodes}
			check(t, resolve.Gateway(target("nodePort"), objects, network.WithRanges(test.annotation)), expected{"Resolved", test.addresses, nodePorts, test.message})
		})
	}
	node := node("one", "ext=192.0.2.1")
	node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeExternalDNS, Address: "10.0.0.1"})
	check(t, resolve.Gateway(target("nodePort"), resolve.Objects{Service: service("NodePort"), Nodes: []*corev1.Node{node}}, network.WithRanges("10.0.0.0/8")),
		expected{"Resolved", "192.0.2.1", nodePorts, "="})
}

func TestInvalidRangesKeepThePublishedAddresses(t *testing.T) {
	t.Parallel()
	const syntax = "Annotation " + rangesAnnotation + " of the Cluster must be ranges, separated by commas, such as 10.0.0.0/8 to prefer a range, or !10.0.0.0/8 to exclude it: "
	for annotation, message := range map[string]string{
		"":                              `="" is not a CIDR such as 10.96.0.0/12`,
		"10.0.0.0/8,":                   `="" is not a CIDR such as 10.96.0.0/12`,
		"10.0.0.1":                      `="10.0.0.1" is not a CIDR such as 10.96.0.0/12`,
		"10.0.0.1/8":                    `="10.0.0.1/8" has bits set beyond its length: write 10.0.0.0/8`,
		"-10.0.0.0/8":                   "is not a CIDR",
		"!!10.0.0.0/8":                  "is not a CIDR",
		"10.0.0.0/8 fd00::/8":           "is not a CIDR",
		strings.Repeat("x", 200000):     "is not a CIDR",
		strings.Repeat("::/0,", 200000): "=it has more than 32",
	} {
		want := expected{"InvalidOverride", "", "", syntax + strings.TrimPrefix(message, "=")}
		if !strings.HasPrefix(message, "=") {
			want.message = syntax
		}
		network := network.WithRanges(annotation)
		found := resolve.Gateway(target(""), resolve.Objects{Service: service("LoadBalancer", ingress("192.0.2.1"))}, network)
		check(t, found, want)
		check(t, resolve.Gateway(target(""), resolve.Objects{}, network), expected{"ServiceNotFound", "", "", "create it"})
		check(t, resolve.Gateway(target(""), resolve.Objects{Service: service("LoadBalancer")}, network), expected{"NoAddress", "", "", "no load balancer address yet"})
		check(t, resolve.Override("192.0.2.9", network, found), expected{"Overridden", "192.0.2.9", "", "is used, and no address was found: Annotation " + rangesAnnotation})
		check(t, resolve.Override("192.0.2.9,ipv6=found", network, found), want)
	}
	exactly := strings.TrimSuffix(strings.Repeat("192.0.2.0/24,", 32), ",")
	check(t, resolve.Gateway(target(""), resolve.Objects{Service: service("LoadBalancer", ingress("192.0.2.1"))}, network.WithRanges(exactly)),
		expected{"Resolved", "192.0.2.1", servicePorts, "="})
}

func TestAnOverrideOfOneFamilyKeepsTheOther(t *testing.T) {
	t.Parallel()
	const annotation = "=The Cluster's annotation connectivity.tanzu.vmware.com/gateway-addresses "
	found := resolve.Result{
		State: xccv1.GatewayResolved, Addresses: []string{"10.0.0.1", "10.0.0.2", "2001:db8::1", "lb.example.com"},
		Ports: []xccv1.GatewayPort{{Name: "http", Protocol: "TCP", Port: 80}}, Source: "x",
	}
	empty := resolve.Result{State: xccv1.GatewayNoAddress, Message: "why"}
	for name, test := range map[string]struct {
		annotation string
		found      resolve.Result
		expected
	}{
		"IPv4":                     {"198.51.100.7,ipv6=found", found, expected{"Overridden", "198.51.100.7 2001:db8::1", "http/TCP:80", annotation + "replaces the found addresses 10.0.0.1, 10.0.0.2, lb.example.com"}},
		"IPv6":                     {"IPv4=Found , 2001:db8::7", found, expected{"Overridden", "10.0.0.1 10.0.0.2 2001:db8::7", "http/TCP:80", annotation + "replaces the found addresses 2001:db8::1, lb.example.com"}},
		"one more address":         {"198.51.100.7,ipv4=found,ipv6=found", resolve.Result{State: xccv1.GatewayResolved, Addresses: []string{"10.0.0.1"}}, expected{"Overridden", "10.0.0.1 198.51.100.7", "", annotation + "replaces none of the found addresses"}},
		"only a family":            {"ipv4=found", found, expected{"Overridden", "10.0.0.1 10.0.0.2", "http/TCP:80", "the found addresses 2001:db8::1, lb.example.com"}},
		"no address of the family": {"ipv6=found", resolve.Result{State: xccv1.GatewayResolved, Addresses: []string{"10.0.0.1"}}, expected{"NoAddress", "", "", "=No address is left. " + annotation[1:] + "replaces the found addresses 10.0.0.1"}},
		"no address was found":     {"198.51.100.7,ipv6=found", empty, expected{"Overridden", "198.51.100.7", "", "no address was found: why"}},
		"no address was found, and only a family": {"ipv6=found", empty, expected{"NoAddress", "", "", "no address was found: why"}},
		"the result is unknown":                   {"198.51.100.7,ipv6=found", resolve.Result{State: xccv1.GatewayUnknown, Message: "silence"}, expected{"Unknown", "", "", "=silence"}},
		"the result is unknown, but not needed":   {"198.51.100.7", resolve.Result{State: xccv1.GatewayUnknown, Message: "silence"}, expected{"Overridden", "198.51.100.7", "", ""}},
		"no Service":                              {"198.51.100.7,ipv6=found", resolve.Result{State: xccv1.GatewayServiceNotFound, Message: "why"}, expected{"ServiceNotFound", "", "", "=why"}},
		"an unknown family":                       {"198.51.100.7,ipv5=found", found, expected{"InvalidOverride", "", "", "ipv5=found is not a fully qualified host name"}},
		"an unknown keyword":                      {"198.51.100.7,ipv6=published", found, expected{"InvalidOverride", "", "", "must be IP addresses or host names, ipv4=found or ipv6=found, separated by commas"}},
		"an invalid address":                      {"300.1.2.3,ipv6=found", resolve.Result{State: xccv1.GatewayUnknown}, expected{"InvalidOverride", "", "", "300.1.2.3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, resolve.Override(test.annotation, network, test.found), test.expected)
		})
	}
	full := resolve.Result{State: xccv1.GatewayResolved, Addresses: many("10.0.%d.%d", 100)}
	result := resolve.Override("198.51.100.7,ipv4=found", network, full)
	NewWithT(t).Expect(result.Addresses).To(HaveLen(100))
	NewWithT(t).Expect(result.Message).To(ContainSubstring("Only the first 100 of 101 addresses are published"))
}
