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

var network = resolve.NetworkOf("xcc.test", clusterv1.ClusterNetwork{})

// expected is the expected Result: the state, the addresses and ports separated by spaces, and a
// part of the message. A port has the form name/protocol:number. If the message begins with "=", it
// is the whole message.
type expected struct {
	state            xccv1.GatewayState
	addresses, ports string
	message          string
}

func check(t *testing.T, result resolve.Result, want expected) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(result.State).To(Equal(want.state), result.Message)
	g.Expect(strings.Join(result.Addresses, " ")).To(Equal(want.addresses))
	if result.State == xccv1.GatewayResolved || result.State == xccv1.GatewayOverridden {
		g.Expect(portsOf(result)).To(Equal(want.ports))
		g.Expect(result.Source).NotTo(BeEmpty())
	} else {
		g.Expect(result.Message).NotTo(BeEmpty(), "the message must say what to change")
	}
	if whole, ok := strings.CutPrefix(want.message, "="); ok {
		g.Expect(result.Message).To(Equal(whole))
	} else {
		g.Expect(result.Message).To(ContainSubstring(want.message))
	}
	g.Expect(len(result.Message)).To(BeNumerically("<=", 1024))
	g.Expect(len(result.Source)).To(BeNumerically("<=", 512))
}

func portsOf(result resolve.Result) string {
	var ports []string
	for _, port := range result.Ports {
		ports = append(ports, fmt.Sprintf("%s/%s:%d", port.Name, port.Protocol, port.Port))
	}
	return strings.Join(ports, " ")
}

func target(resolutionType xccv1.ResolutionType) resolve.Target {
	return resolve.TargetOf(&xccv1.GatewayDNSSpec{Service: "projectcontour/envoy", ResolutionType: resolutionType})
}

func service(serviceType corev1.ServiceType, changes ...func(*corev1.Service)) *corev1.Service {
	service := &corev1.Service{Spec: corev1.ServiceSpec{Type: serviceType, Ports: []corev1.ServicePort{
		{Name: "https", Port: 443, NodePort: 30443}, {Name: "http", Protocol: corev1.ProtocolTCP, Port: 80, NodePort: 30080},
	}}}
	for _, change := range changes {
		change(service)
	}
	return service
}

func ingress(addresses ...string) func(*corev1.Service) {
	return func(service *corev1.Service) {
		for _, address := range addresses {
			point := corev1.LoadBalancerIngress{Hostname: strings.TrimPrefix(address, "host=")}
			if !strings.HasPrefix(address, "host=") {
				point = corev1.LoadBalancerIngress{IP: address}
			}
			service.Status.LoadBalancer.Ingress = append(service.Status.LoadBalancer.Ingress, point)
		}
	}
}

const servicePorts = "http/TCP:80 https/TCP:443"

func TestLoadBalancer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		service *corev1.Service
		expected
	}{
		"an IPv4 address":             {service("LoadBalancer", ingress("192.0.2.1")), expected{"Resolved", "192.0.2.1", servicePorts, "="}},
		"an IPv6 address":             {service("LoadBalancer", ingress("2001:DB8:0::1")), expected{"Resolved", "2001:db8::1", servicePorts, "="}},
		"both":                        {service("LoadBalancer", ingress("192.0.2.1", "2001:db8::1")), expected{"Resolved", "192.0.2.1 2001:db8::1", servicePorts, "="}},
		"a host name":                 {service("LoadBalancer", ingress("host=LB.example.com.")), expected{"Resolved", "lb.example.com", servicePorts, "="}},
		"an address in the host name": {service("LoadBalancer", ingress("host=192.0.2.1")), expected{"Resolved", "192.0.2.1", servicePorts, "="}},
		"all kinds of addresses, without duplicates": {service("LoadBalancer", ingress("192.0.2.2", "host=lb.example.com", "2001:db8::1", "192.0.2.1", "192.0.2.2")), expected{"Resolved", "192.0.2.1 192.0.2.2 2001:db8::1 lb.example.com", servicePorts, "=Left out of answers: lb.example.com, because a name with addresses cannot also be an alias for a host name"}},
		"two host names":                                    {service("LoadBalancer", ingress("host=b.example.com", "host=a.example.com", "host=B.example.com")), expected{"Resolved", "a.example.com b.example.com", servicePorts, "=Left out of answers: b.example.com, because a name can be an alias for one host name only, which is a.example.com"}},
		"many host names":                                   {service("LoadBalancer", ingress("host=a.example.com", "host=b.example.com", "host=c.example.com", "host=d.example.com", "host=e.example.com")), expected{"Resolved", "a.example.com b.example.com c.example.com d.example.com e.example.com", servicePorts, "Left out of answers: b.example.com, c.example.com, d.example.com and 1 more, because"}},
		"an IPv4-mapped IPv6 address":                       {service("LoadBalancer", ingress("::ffff:192.0.2.1")), expected{"Resolved", "192.0.2.1", servicePorts, "="}},
		"an incomplete ingress point":                       {service("LoadBalancer", ingress("")), expected{"NoAddress", "", "", "no load balancer address yet"}},
		"an incomplete ingress point beside a complete one": {service("LoadBalancer", ingress("", "192.0.2.1")), expected{"Resolved", "192.0.2.1", servicePorts, "="}},
		"no ingress":                                        {service("LoadBalancer"), expected{"NoAddress", "", "", "no load balancer address yet"}},
		"no Service":                                        {nil, expected{"ServiceNotFound", "", "", "Cluster has no Service projectcontour/envoy: create it or correct spec.service"}},
		"type ClusterIP":                                    {service("ClusterIP", ingress("192.0.2.1")), expected{"WrongServiceType", "", "", "is of type ClusterIP: resolutionType loadBalancer needs type LoadBalancer"}},
		"type NodePort":                                     {service("NodePort"), expected{"WrongServiceType", "", "", "is of type NodePort"}},
		"type ExternalName":                                 {service("ExternalName"), expected{"WrongServiceType", "", "", "is of type ExternalName"}},
		"an unusable address beside a usable one":           {service("LoadBalancer", ingress("192.0.2.1", "127.0.0.1")), expected{"Resolved", "192.0.2.1", servicePorts, "=Left out: 127.0.0.1 is a loopback address"}},
		"loopback":                                          {service("LoadBalancer", ingress("127.0.0.1")), expected{"NoAddress", "", "", "127.0.0.1 is a loopback address"}},
		"loopback in IPv6":                                  {service("LoadBalancer", ingress("::1")), expected{"NoAddress", "", "", "::1 is a loopback address"}},
		"IPv4-mapped loopback":                              {service("LoadBalancer", ingress("::ffff:127.0.0.1")), expected{"NoAddress", "", "", "a loopback address"}},
		"link-local":                                        {service("LoadBalancer", ingress("169.254.1.1", "fe80::1")), expected{"NoAddress", "", "", "169.254.1.1 is a link-local address; fe80::1 is a link-local address"}},
		"multicast":                                         {service("LoadBalancer", ingress("224.0.1.1", "ff05::1")), expected{"NoAddress", "", "", "224.0.1.1 is a multicast address; ff05::1 is a multicast address"}},
		"unspecified":                                       {service("LoadBalancer", ingress("0.0.0.0", "::")), expected{"NoAddress", "", "", "0.0.0.0 is the unspecified address; :: is the unspecified address"}},
		"metadata":                                          {service("LoadBalancer", ingress("168.63.129.16", "fd00:ec2::254")), expected{"NoAddress", "", "", "168.63.129.16 is the address of a cloud's metadata service; fd00:ec2::254 is the address of"}},
		"reserved":                                          {service("LoadBalancer", ingress("0.1.2.3", "240.0.0.1", "fec0::1")), expected{"NoAddress", "", "", "0.1.2.3 is an address of \"this network\"; 240.0.0.1 is a reserved address; fec0::1 is a site-local address"}},
		"loopback through NAT64":                            {service("LoadBalancer", ingress("64:ff9b::7f00:1")), expected{"NoAddress", "", "", "64:ff9b::7f00:1 is a NAT64 address for 127.0.0.1, which is a loopback address"}},
		"another host through NAT64":                        {service("LoadBalancer", ingress("64:ff9b::c000:201")), expected{"Resolved", "64:ff9b::c000:201", servicePorts, "="}},
		"broadcast":                                         {service("LoadBalancer", ingress("255.255.255.255")), expected{"NoAddress", "", "", "the broadcast address"}},
		"an address with a zone":                            {service("LoadBalancer", ingress("2001:db8::1%eth0")), expected{"NoAddress", "", "", "an address with a zone"}},
		"octal":                                             {service("LoadBalancer", ingress("010.0.0.1")), expected{"NoAddress", "", "", "010.0.0.1 is not an IP address"}},
		"an octal address as a host name":                   {service("LoadBalancer", ingress("host=010.0.0.1")), expected{"NoAddress", "", "", "010.0.0.1 is not a fully qualified host name"}},
		"a host name of one DNS label":                      {service("LoadBalancer", ingress("host=localhost")), expected{"NoAddress", "", "", "localhost is not a fully qualified host name"}},
		"a host name with a long label":                     {service("LoadBalancer", ingress("host="+strings.Repeat("a", 64)+".example.com")), expected{"NoAddress", "", "", "not a fully qualified host name"}},
		"a host name with invalid characters":               {service("LoadBalancer", ingress("host=a b;c.example.com")), expected{"NoAddress", "", "", `"a b;c.example.com" is not a fully qualified host name`}},
		"a wildcard":                                        {service("LoadBalancer", ingress("host=*.example.com")), expected{"NoAddress", "", "", "not a fully qualified host name"}},
		"a host name in the zone":                           {service("LoadBalancer", ingress("host=app.gateway.a.dev.clusters.XCC.test.")), expected{"NoAddress", "", "", "inside the zone xcc.test"}},
		"the zone's apex":                                   {service("LoadBalancer", ingress("host=xcc.test")), expected{"NoAddress", "", "", "inside the zone xcc.test"}},
		"a host name that only ends like the zone":          {service("LoadBalancer", ingress("host=notxcc.test")), expected{"Resolved", "notxcc.test", servicePorts, "="}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, resolve.Gateway(target(""), resolve.Objects{Service: test.service}, network), test.expected)
		})
	}
}

// refusing adds an ingress point with errors of ports. A port is "number/protocol=error".
func refusing(address string, ports ...string) func(*corev1.Service) {
	return func(service *corev1.Service) {
		point := corev1.LoadBalancerIngress{IP: address}
		for _, port := range ports {
			where, reason, failed := strings.Cut(port, "=")
			number, protocol, _ := strings.Cut(where, "/")
			status := corev1.PortStatus{Protocol: corev1.Protocol(protocol)}
			_, _ = fmt.Sscan(number, &status.Port)
			if failed {
				status.Error = &reason
			}
			point.Ports = append(point.Ports, status)
		}
		service.Status.LoadBalancer.Ingress = append(service.Status.LoadBalancer.Ingress, point)
	}
}

func TestPortsThatALoadBalancerRefusesAreNotPublished(t *testing.T) {
	t.Parallel()
	const mixed = "MixedProtocolNotSupported"
	alsoUDP := func(service *corev1.Service) {
		service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{Name: "quic", Protocol: corev1.ProtocolUDP, Port: 443})
	}
	const all = "http/TCP:80 https/TCP:443 quic/UDP:443"
	for name, test := range map[string]struct {
		service *corev1.Service
		expected
	}{
		"mixed protocols are not supported":  {service("LoadBalancer", alsoUDP, refusing("192.0.2.1", "80/TCP", "443/TCP", "443/UDP="+mixed)), expected{"Resolved", "192.0.2.1", servicePorts, "=Left out: ports that the load balancer refuses: 443/UDP (" + mixed + ")"}},
		"no port is refused":                 {service("LoadBalancer", alsoUDP, refusing("192.0.2.1", "80/TCP", "443/TCP", "443/UDP")), expected{"Resolved", "192.0.2.1", all, "="}},
		"an error without a text":            {service("LoadBalancer", alsoUDP, refusing("192.0.2.1", "443/UDP=")), expected{"Resolved", "192.0.2.1", servicePorts, `443/UDP ("no reason")`}},
		"all ports are refused":              {service("LoadBalancer", refusing("192.0.2.1", "80/TCP=example.com/Quota", "443/=example.com/Quota")), expected{"Resolved", "192.0.2.1", "", "443/TCP (example.com/Quota), 80/TCP (example.com/Quota)"}},
		"refused by both points":             {service("LoadBalancer", alsoUDP, refusing("192.0.2.1", "443/UDP="+mixed), refusing("192.0.2.2", "443/UDP="+mixed)), expected{"Resolved", "192.0.2.1 192.0.2.2", servicePorts, "=Left out: ports that the load balancer refuses: 443/UDP (" + mixed + ")"}},
		"refused by one of two points":       {service("LoadBalancer", alsoUDP, refusing("192.0.2.1", "443/UDP="+mixed), refusing("192.0.2.2", "80/TCP="+mixed)), expected{"Resolved", "192.0.2.1 192.0.2.2", all, "=Some addresses of the load balancer refuse ports: 80/TCP (" + mixed + "), 443/UDP (" + mixed + ")"}},
		"refused twice by one point":         {service("LoadBalancer", alsoUDP, refusing("192.0.2.1", "443/UDP="+mixed, "443/UDP="+mixed), refusing("192.0.2.2")), expected{"Resolved", "192.0.2.1 192.0.2.2", all, "Some addresses of the load balancer refuse ports: 443/UDP"}},
		"refused by an incomplete point":     {service("LoadBalancer", alsoUDP, refusing("", "443/UDP="+mixed), refusing("192.0.2.2")), expected{"Resolved", "192.0.2.2", all, "="}},
		"refused beside an incomplete point": {service("LoadBalancer", alsoUDP, refusing(""), refusing("192.0.2.2", "443/UDP="+mixed)), expected{"Resolved", "192.0.2.2", servicePorts, "443/UDP"}},
		"an unknown port is refused":         {service("LoadBalancer", refusing("192.0.2.1", "99/TCP="+mixed)), expected{"Resolved", "192.0.2.1", servicePorts, "="}},
		"an error of a megabyte":             {service("LoadBalancer", alsoUDP, refusing("192.0.2.1", "443/UDP="+strings.Repeat("x", 1<<20))), expected{"Resolved", "192.0.2.1", servicePorts, "443/UDP ("}},
		"a host name without port statuses":  {service("LoadBalancer", alsoUDP, ingress("host=lb.example.com")), expected{"Resolved", "lb.example.com", all, "="}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, resolve.Gateway(target(""), resolve.Objects{Service: test.service}, network), test.expected)
		})
	}
}

func TestExternalIPs(t *testing.T) {
	t.Parallel()
	with := func(addresses ...string) func(*corev1.Service) {
		return func(service *corev1.Service) { service.Spec.ExternalIPs = addresses }
	}
	for name, test := range map[string]struct {
		service *corev1.Service
		expected
	}{
		"addresses of both families":   {service("ClusterIP", with("2001:db8::1", "192.0.2.1")), expected{"Resolved", "192.0.2.1 2001:db8::1", servicePorts, "="}},
		"on a Service of another type": {service("LoadBalancer", with("192.0.2.1"), ingress("192.0.2.9")), expected{"Resolved", "192.0.2.1", servicePorts, "="}},
		"none":                         {service("ClusterIP"), expected{"NoAddress", "", "", "has no spec.externalIPs"}},
		"a bad one":                    {service("ClusterIP", with("192.0.2.1", "fe80::1")), expected{"Resolved", "192.0.2.1", servicePorts, "=Left out: fe80::1 is a link-local address"}},
		"type ExternalName":            {service("ExternalName", with("192.0.2.1")), expected{"WrongServiceType", "", "", "needs a Service that selects Pods"}},
		"no Service":                   {nil, expected{"ServiceNotFound", "", "", "create it"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, resolve.Gateway(target("externalIPs"), resolve.Objects{Service: test.service}, network), test.expected)
		})
	}
}

func TestExternalIPsAreDeprecatedFromKubernetes136On(t *testing.T) {
	t.Parallel()
	const message = "=Kubernetes deprecated spec.externalIPs in v1.36 and will ignore it in a later version: change the Service to type LoadBalancer or NodePort, and spec.resolutionType accordingly"
	with := func(service *corev1.Service) { service.Spec.ExternalIPs = []string{"192.0.2.1"} }
	for given, want := range map[string]string{
		"": "=", "v1.35.9": "=", "v1.36.0-alpha.1": message, "v1.36.0": message, "v1.37.2+k3s1": message, "v1.40.1-eks-113cf36": message, "v2.0.0": message, "v1.4.0": "=", "nonsense": "=", "v1": "=",
	} {
		objects := resolve.Objects{Service: service("ClusterIP", with), Version: given}
		check(t, resolve.Gateway(target("externalIPs"), objects, network), expected{"Resolved", "192.0.2.1", servicePorts, want})
	}
	lb := resolve.Objects{Service: service("LoadBalancer", with, ingress("192.0.2.9")), Version: "v1.37.0"}
	check(t, resolve.Gateway(target("loadBalancer"), lb, network), expected{"Resolved", "192.0.2.9", servicePorts, "="})
}

func TestAGatewayWithVeryManyAddressesStaysWithinTheSchema(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var good, bad []string
	for i := range 5000 {
		good = append(good, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
		bad = append(bad, fmt.Sprintf("host=localhost%d", i))
	}
	many := service("LoadBalancer", ingress(good...))
	for i := range 5000 {
		many.Spec.Ports = append(many.Spec.Ports, corev1.ServicePort{Name: fmt.Sprintf("p%d", i), Port: int32(i + 1)})
	}
	result := resolve.Gateway(target(""), resolve.Objects{Service: many}, network)
	g.Expect(result.State).To(Equal(xccv1.GatewayResolved))
	g.Expect(result.Addresses).To(HaveLen(100))
	g.Expect(result.Ports).To(HaveLen(100))
	g.Expect(result.Message).To(Equal("Only the first 100 of 5000 addresses are published; Only the first 100 of 5002 ports are published"))
	check(t, resolve.Gateway(target(""), resolve.Objects{Service: service("LoadBalancer", ingress(bad...))}, network),
		expected{"NoAddress", "", "", "localhost0 is not a fully qualified host name"})
}

func TestAnUnknownResolutionTypeKeepsThePublishedAddresses(t *testing.T) {
	t.Parallel()
	check(t, resolve.Gateway(target("tunnel"), resolve.Objects{Service: service("ClusterIP")}, network),
		expected{"Unknown", "", "", "does not know resolutionType tunnel"})
}

func TestOverride(t *testing.T) {
	t.Parallel()
	found := resolve.Result{
		State: xccv1.GatewayResolved, Addresses: []string{"10.0.0.1"}, Ports: []xccv1.GatewayPort{{Name: "http", Protocol: "TCP", Port: 80}}, Source: "x",
	}
	state := func(state xccv1.GatewayState) resolve.Result { return resolve.Result{State: state, Message: "why"} }
	for name, test := range map[string]struct {
		annotation string
		found      resolve.Result
		expected
	}{
		"an address":            {"192.0.2.1", found, expected{"Overridden", "192.0.2.1", "http/TCP:80", "replaces the found addresses 10.0.0.1"}},
		"several of all kinds":  {" 192.0.2.2,LB.example.com. , 2001:DB8::1,192.0.2.2", found, expected{"Overridden", "192.0.2.2 2001:db8::1 lb.example.com", "http/TCP:80", "=Left out of answers: lb.example.com, because a name with addresses cannot also be an alias for a host name; The Cluster's annotation connectivity.tanzu.vmware.com/gateway-addresses replaces the found addresses 10.0.0.1"}},
		"nothing was found":     {"192.0.2.1", state(xccv1.GatewayNoAddress), expected{"Overridden", "192.0.2.1", "", "no address was found: why"}},
		"a Service of any type": {"192.0.2.1", state(xccv1.GatewayWrongServiceType), expected{"Overridden", "192.0.2.1", "", ""}},
		"no answer":             {"192.0.2.1", state(xccv1.GatewayUnknown), expected{"Overridden", "192.0.2.1", "", ""}},
		"no Service":            {"192.0.2.1", state(xccv1.GatewayServiceNotFound), expected{"ServiceNotFound", "", "", "=why"}},
		"no Gateway":            {"192.0.2.1", state(xccv1.GatewayGatewayNotFound), expected{"GatewayNotFound", "", "", "=why"}},
		"no Gateway API":        {"192.0.2.1", state(xccv1.GatewayGatewayAPINotInstalled), expected{"GatewayAPINotInstalled", "", "", "=why"}},
		"empty":                 {"", found, expected{"InvalidOverride", "", "", "separated by commas"}},
		"a part is empty":       {"192.0.2.1,", found, expected{"InvalidOverride", "", "", `"" is not`}},
		"a part is no address":  {"192.0.2.1,loadbalancer", found, expected{"InvalidOverride", "", "", "loadbalancer is not a fully qualified host name"}},
		"a mistyped address":    {"192.0.2.256", found, expected{"InvalidOverride", "", "", "192.0.2.256 is not a fully qualified host name"}},
		"loopback":              {"127.0.0.1", found, expected{"InvalidOverride", "", "", "127.0.0.1 is a loopback address"}},
		"a name in our zone":    {"a.xcc.test", found, expected{"InvalidOverride", "", "", "inside the zone"}},
		"a very long one":       {strings.Repeat("x", 200000), found, expected{"InvalidOverride", "", "", "separated by commas"}},
		"very many":             {strings.TrimSuffix(strings.Repeat("192.0.2.1,", 300), ","), found, expected{"Overridden", "192.0.2.1", "http/TCP:80", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, resolve.Override(test.annotation, network, test.found), test.expected)
		})
	}
	var many []string
	for i := range 101 {
		many = append(many, fmt.Sprintf("192.0.2.%d", i))
	}
	check(t, resolve.Override(strings.Join(many, ","), network, found), expected{"InvalidOverride", "", "", "it has 101, and at most 100 are published"})
}
