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
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// also adds host names to a slice.
func also(slice *discoveryv1.EndpointSlice, hostnames string) *discoveryv1.EndpointSlice {
	slice.Annotations[xccv1.AdditionalHostnamesAnnotation] = hostnames
	return slice
}

// at adds a port to a slice.
func at(slice *discoveryv1.EndpointSlice, name string, protocol corev1.Protocol, port int32) *discoveryv1.EndpointSlice {
	slice.Ports = append(slice.Ports, discoveryv1.EndpointPort{Name: &name, Protocol: &protocol, Port: &port})
	return slice
}

// serving adds services to the record.
func serving(record zone.Record, services ...zone.Service) zone.Record {
	record.Services = services
	return record
}

func TestAdditionalHostnames(t *testing.T) {
	t.Parallel()
	without := also(v4("a", "", "10.0.0.1"), "y.xcc.test")
	delete(without.Annotations, xccv1.DNSHostnameAnnotation)
	for name, test := range map[string]test{
		"every name has the addresses": {
			slices:  []*discoveryv1.EndpointSlice{also(v4("a", "*.x.xcc.test", "10.0.0.1"), "x.xcc.test, Y.xcc.test.")},
			records: []zone.Record{addresses("*.x.xcc.test", "10.0.0.1"), addresses("x.xcc.test", "10.0.0.1"), addresses("y.xcc.test", "10.0.0.1")},
		},
		"a name that is there twice is there once, and nothing is no name": {
			slices:  []*discoveryv1.EndpointSlice{also(v4("a", "x.xcc.test", "10.0.0.1"), " ,X.xcc.test,,y.xcc.test,y.xcc.test")},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.1"), addresses("y.xcc.test", "10.0.0.1")},
		},
		"a bad name costs itself only": {
			slices:   []*discoveryv1.EndpointSlice{also(v4("a", "x.xcc.test", "10.0.0.1"), "a b,y.xcc.test,www.example.com,z._probe.xcc.test")},
			records:  []zone.Record{addresses("x.xcc.test", "10.0.0.1"), addresses("y.xcc.test", "10.0.0.1")},
			problems: []string{"a invalid_hostname", "a outside_zones", "a probe_name"},
		},
		"a bad first name does not cost the others": {
			slices:   []*discoveryv1.EndpointSlice{also(v4("a", "ns.xcc.test", "10.0.0.1"), "y.xcc.test")},
			records:  []zone.Record{addresses("y.xcc.test", "10.0.0.1")},
			problems: []string{"a reserved_name"},
		},
		"bad content is one problem, not one of each name": {
			slices:   []*discoveryv1.EndpointSlice{also(v4("a", "x.xcc.test", "10.0.0.1", "word"), "y.xcc.test")},
			records:  []zone.Record{addresses("x.xcc.test", "10.0.0.1"), addresses("y.xcc.test", "10.0.0.1")},
			problems: []string{"a invalid_address"},
		},
		"only the name that is an alias for itself is lost": {
			slices:   []*discoveryv1.EndpointSlice{also(fqdn("a", "x.xcc.test", "y.xcc.test"), "y.xcc.test")},
			records:  []zone.Record{alias("x.xcc.test", "y.xcc.test")},
			problems: []string{"a invalid_address", "a no_address"},
		},
		"they are of no effect alone": {slices: []*discoveryv1.EndpointSlice{without}},
	} {
		t.Run(name, test.check)
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	https, http := zone.Service{Prefix: "_https._tcp", Port: 443}, zone.Service{Prefix: "_http._tcp", Port: 80}
	nameless, anyPort, implied := v4("a", "x.xcc.test", "10.0.0.1"), v4("a", "x.xcc.test", "10.0.0.1"), v4("a", "x.xcc.test", "10.0.0.1")
	nameless.Ports = []discoveryv1.EndpointPort{{Port: new(int32(1))}, {Name: new(""), Port: new(int32(2))}}
	anyPort.Ports = []discoveryv1.EndpointPort{{Name: new("https")}}
	implied.Ports = []discoveryv1.EndpointPort{{Name: new("https"), Port: new(int32(443))}}
	x := addresses("x.xcc.test", "10.0.0.1")
	for name, test := range map[string]test{
		"ports are sorted": {
			slices:  []*discoveryv1.EndpointSlice{at(at(v4("a", "x.xcc.test", "10.0.0.1"), "https", "TCP", 443), "http", "TCP", 80)},
			records: []zone.Record{serving(x, http, https)},
		},
		"every name has them": {
			slices:  []*discoveryv1.EndpointSlice{also(at(v4("a", "x.xcc.test", "10.0.0.1"), "https", "TCP", 443), "*.x.xcc.test")},
			records: []zone.Record{serving(x, https), serving(addresses("*.x.xcc.test", "10.0.0.1"), https)},
		},
		"TCP is implied":              {slices: []*discoveryv1.EndpointSlice{implied}, records: []zone.Record{serving(x, https)}},
		"UDP and SCTP, and capitals":  {slices: []*discoveryv1.EndpointSlice{at(at(v4("a", "x.xcc.test", "10.0.0.1"), "QUIC", "UDP", 443), "s", "SCTP", 9)}, records: []zone.Record{serving(x, zone.Service{Prefix: "_quic._udp", Port: 443}, zone.Service{Prefix: "_s._sctp", Port: 9})}},
		"a port without a name":       {slices: []*discoveryv1.EndpointSlice{nameless}, records: []zone.Record{x}},
		"all ports are no port":       {slices: []*discoveryv1.EndpointSlice{anyPort}, records: []zone.Record{x}},
		"an alias has ports, too":     {slices: []*discoveryv1.EndpointSlice{at(fqdn("a", "x.xcc.test", "lb.example.com"), "https", "TCP", 443)}, records: []zone.Record{serving(alias("x.xcc.test", "lb.example.com"), https)}},
		"a protocol that is none":     {slices: []*discoveryv1.EndpointSlice{at(v4("a", "x.xcc.test", "10.0.0.1"), "https", "IPX", 1)}, records: []zone.Record{x}, problems: []string{"a invalid_port"}},
		"a number that is too large":  {slices: []*discoveryv1.EndpointSlice{at(at(v4("a", "x.xcc.test", "10.0.0.1"), "big", "TCP", 65536), "https", "TCP", 443)}, records: []zone.Record{serving(x, https)}, problems: []string{"a invalid_port"}},
		"a number that is too small":  {slices: []*discoveryv1.EndpointSlice{at(v4("a", "x.xcc.test", "10.0.0.1"), "zero", "TCP", 0)}, records: []zone.Record{x}, problems: []string{"a invalid_port"}},
		"a name of two DNS labels":    {slices: []*discoveryv1.EndpointSlice{at(v4("a", "x.xcc.test", "10.0.0.1"), "a.b", "TCP", 1)}, records: []zone.Record{x}, problems: []string{"a invalid_port"}},
		"a name that is no DNS label": {slices: []*discoveryv1.EndpointSlice{at(v4("a", "x.xcc.test", "10.0.0.1"), "a b", "TCP", 1)}, records: []zone.Record{x}, problems: []string{"a invalid_port"}},
		"ports of several slices add up": {
			slices: []*discoveryv1.EndpointSlice{
				at(v4("a", "x.xcc.test", "10.0.0.1"), "https", "TCP", 443), at(v6("b", "x.xcc.test", "fd00::1"), "https", "TCP", 443),
				at(v4("c", "x.xcc.test", "10.0.0.2"), "https", "TCP", 8443),
			},
			records: []zone.Record{serving(addresses("x.xcc.test", "10.0.0.1", "10.0.0.2", "fd00::1"), https, zone.Service{Prefix: "_https._tcp", Port: 8443})},
		},
		"ports of what is not served are not either": {
			slices: []*discoveryv1.EndpointSlice{
				at(v4("a", "x.xcc.test", "10.0.0.1"), "https", "TCP", 443), at(v4("b", "x.xcc.test", "!10.0.0.2"), "http", "TCP", 80),
				at(fqdn("c", "x.xcc.test", "lb.example.com"), "other", "TCP", 1), at(v4("d", "x.xcc.test"), "none", "TCP", 1),
			},
			records:  []zone.Record{serving(x, https)},
			problems: []string{"c alias_shadowed", "d no_address"},
		},
	} {
		t.Run(name, test.check)
	}
}

func TestWhatIsTheSame(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	parse := func(slice *discoveryv1.EndpointSlice) records.Slice {
		return records.Parse(slice, zones, netaddr.Judge{})[0]
	}
	slice := parse(at(v4("a", "x.xcc.test", "10.0.0.1", "word"), "https", "TCP", 443))
	g.Expect(slice.Equal(parse(at(v4("a", "X.xcc.test.", "10.0.0.1", "word"), "https", "TCP", 443)))).To(BeTrue())
	for _, other := range []*discoveryv1.EndpointSlice{
		at(v4("b", "x.xcc.test", "10.0.0.1", "word"), "https", "TCP", 443), at(v4("a", "y.xcc.test", "10.0.0.1", "word"), "https", "TCP", 443),
		at(v4("a", "x.xcc.test", "10.0.0.2", "word"), "https", "TCP", 443), at(v4("a", "x.xcc.test", "10.0.0.1", "other"), "https", "TCP", 443),
		at(v4("a", "x.xcc.test", "10.0.0.1", "word"), "https", "TCP", 444), at(v4("a", "x.xcc.test", "!10.0.0.1", "word"), "https", "TCP", 443),
	} {
		g.Expect(slice.Equal(parse(other))).To(BeFalse())
	}
}
