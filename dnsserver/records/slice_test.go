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
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

var zones = []string{"xcc.test", "other.test"}

// endpointSlice returns a slice. An address that starts with "!" belongs to an endpoint that is not
// ready, and one that starts with "?" to an endpoint without conditions.
func endpointSlice(name, hostname string, addressType discoveryv1.AddressType, addresses ...string) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: name, Annotations: map[string]string{xccv1.DNSHostnameAnnotation: hostname}},
		AddressType: addressType,
	}
	for _, address := range addresses {
		endpoint := discoveryv1.Endpoint{Addresses: []string{strings.TrimLeft(address, "!?")}}
		if !strings.HasPrefix(address, "?") {
			endpoint.Conditions.Ready = new(!strings.HasPrefix(address, "!"))
		}
		slice.Endpoints = append(slice.Endpoints, endpoint)
	}
	return slice
}

func v4(name, hostname string, addresses ...string) *discoveryv1.EndpointSlice {
	return endpointSlice(name, hostname, discoveryv1.AddressTypeIPv4, addresses...)
}

func v6(name, hostname string, addresses ...string) *discoveryv1.EndpointSlice {
	return endpointSlice(name, hostname, discoveryv1.AddressTypeIPv6, addresses...)
}

func fqdn(name, hostname string, addresses ...string) *discoveryv1.EndpointSlice {
	return endpointSlice(name, hostname, discoveryv1.AddressTypeFQDN, addresses...)
}

func addresses(name string, texts ...string) zone.Record {
	record := zone.Record{Name: name}
	for _, text := range texts {
		record.Addresses = append(record.Addresses, netip.MustParseAddr(text))
	}
	return record
}

func alias(name, target string) zone.Record { return zone.Record{Name: name, Alias: target} }

type test struct {
	slices []*discoveryv1.EndpointSlice
	// records without their order.
	records []zone.Record
	// problems as "slice reason".
	problems []string
}

func (test test) check(t *testing.T) {
	t.Helper()
	t.Parallel()
	g := NewWithT(t)
	var parsed []records.Slice
	for _, slice := range test.slices {
		parsed = append(parsed, records.Parse(slice, zones, netaddr.Judge{})...)
	}
	// The order of events must not matter.
	for range 4 {
		got, problems := merge(parsed)
		g.Expect(got).To(ConsistOf(test.records))
		var texts []string
		for _, problem := range problems {
			texts = append(texts, problem.Slice+" "+string(problem.Reason))
		}
		g.Expect(texts).To(Equal(test.problems))
		rand.Shuffle(len(parsed), func(i, j int) { parsed[i], parsed[j] = parsed[j], parsed[i] })
	}
}

// merge merges slices group by group. It returns non-empty records, and problems by slice.
func merge(all []records.Slice) (merged []zone.Record, problems []records.Problem) {
	groups := map[string][]records.Slice{}
	for _, slice := range all {
		groups[slice.Group()] = append(groups[slice.Group()], slice)
	}
	for name, group := range groups {
		record, found := records.Merge(name, group, &network{hasIPv4: true})
		if len(record.Addresses) > 0 || record.Alias != "" {
			merged = append(merged, record)
		}
		problems = append(problems, found...)
	}
	slices.SortFunc(problems, func(a, b records.Problem) int {
		return cmp.Or(strings.Compare(a.Slice, b.Slice), strings.Compare(string(a.Reason), string(b.Reason)))
	})
	return merged, problems
}

func TestOneSlice(t *testing.T) {
	t.Parallel()
	unannotated := v4("a", "", "10.0.0.1")
	unannotated.Annotations = map[string]string{"other": "x.xcc.test"}
	published := v4("a", "x.xcc.test", "10.0.0.1")
	published.Annotations[xccv1.GatewayDNSRefAnnotation] = "dev-team/gateway"
	many := v4("a", "x.xcc.test", "10.0.0.2")
	many.Endpoints[0].Addresses = []string{"10.0.0.2", "10.0.0.1"}

	for name, test := range map[string]test{
		"IPv4 addresses are served, sorted": {
			slices:  []*discoveryv1.EndpointSlice{v4("a", "x.xcc.test", "10.0.0.10", "10.0.0.9")},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.9", "10.0.0.10")},
		},
		"IPv6 addresses are served": {
			slices:  []*discoveryv1.EndpointSlice{v6("a", "x.xcc.test", "fd00::1")},
			records: []zone.Record{addresses("x.xcc.test", "fd00::1")},
		},
		"an FQDN is served as an alias": {
			slices:  []*discoveryv1.EndpointSlice{fqdn("a", "*.x.xcc.test", "LB.example.com.")},
			records: []zone.Record{alias("*.x.xcc.test", "lb.example.com")},
		},
		"several addresses of an endpoint are served": {
			slices:  []*discoveryv1.EndpointSlice{many},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.1", "10.0.0.2")},
		},
		"a hostname in capitals with a final dot is the same name": {
			slices:  []*discoveryv1.EndpointSlice{v4("a", "X.XCC.Test.", "10.0.0.1")},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.1")},
		},
		"the second zone is served too": {
			slices:  []*discoveryv1.EndpointSlice{v4("a", "x.other.test", "10.0.0.1")},
			records: []zone.Record{addresses("x.other.test", "10.0.0.1")},
		},
		"a slice without the annotation is not ours": {slices: []*discoveryv1.EndpointSlice{unannotated}},
		"a slice with a gateway-dns-ref is served alike": {
			slices:  []*discoveryv1.EndpointSlice{published},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.1")},
		},
		"an endpoint that is not ready is left out": {
			slices:  []*discoveryv1.EndpointSlice{v4("a", "x.xcc.test", "10.0.0.1", "!10.0.0.2")},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.1")},
		},
		"an endpoint that does not say is ready": {
			slices:  []*discoveryv1.EndpointSlice{v4("a", "x.xcc.test", "?10.0.0.1", "!10.0.0.2")},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.1")},
		},
		"all endpoints are served when none is ready": {
			slices:  []*discoveryv1.EndpointSlice{v4("a", "x.xcc.test", "!10.0.0.1", "!10.0.0.2")},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.1", "10.0.0.2")},
		},
		"an address at the apex is served": {
			slices:  []*discoveryv1.EndpointSlice{v4("a", "xcc.test", "10.0.0.1")},
			records: []zone.Record{addresses("xcc.test", "10.0.0.1")},
		},
	} {
		t.Run(name, test.check)
	}
}

func TestGarbageCostsItsOwnRecordOnly(t *testing.T) {
	t.Parallel()
	good := v4("good", "good.xcc.test", "10.0.0.1")
	for name, test := range map[string]struct {
		bad    *discoveryv1.EndpointSlice
		reason records.Reason
		// left is the part that is served all the same.
		left []zone.Record
	}{
		"an empty hostname":             {bad: v4("bad", "", "10.0.0.2"), reason: records.InvalidHostname},
		"a hostname with a space":       {bad: v4("bad", "a b.xcc.test", "10.0.0.2"), reason: records.InvalidHostname},
		"a hostname with zero octets":   {bad: v4("bad", "a\x00.xcc.test", "10.0.0.2"), reason: records.InvalidHostname},
		"a wildcard in the middle":      {bad: v4("bad", "a.*.xcc.test", "10.0.0.2"), reason: records.InvalidHostname},
		"a hostname that is too long":   {bad: v4("bad", strings.Repeat("a.", 200)+"xcc.test", "10.0.0.2"), reason: records.InvalidHostname},
		"a hostname of another zone":    {bad: v4("bad", "www.example.com", "10.0.0.2"), reason: records.OutsideZones},
		"a hostname above the zone":     {bad: v4("bad", "test", "10.0.0.2"), reason: records.OutsideZones},
		"the name server's name":        {bad: v4("bad", "ns.xcc.test", "10.0.0.2"), reason: records.ReservedName},
		"the name of probes":            {bad: v4("bad", "_probe.xcc.test", "10.0.0.2"), reason: records.ProbeName},
		"a name below those of probes":  {bad: v4("bad", "*.a._PROBE.xcc.test", "10.0.0.2"), reason: records.ProbeName},
		"an alias at the apex":          {bad: fqdn("bad", "xcc.test", "www.example.com"), reason: records.ReservedName},
		"an unknown type":               {bad: endpointSlice("bad", "bad.xcc.test", "Carrier-Pigeon", "coo"), reason: records.UnknownAddressType},
		"no type":                       {bad: endpointSlice("bad", "bad.xcc.test", "", "10.0.0.2"), reason: records.UnknownAddressType},
		"no endpoints":                  {bad: v4("bad", "bad.xcc.test"), reason: records.NoAddress},
		"an IPv6 address among IPv4":    {bad: v4("bad", "bad.xcc.test", "fd00::1", "10.0.0.2"), reason: records.InvalidAddress, left: []zone.Record{addresses("bad.xcc.test", "10.0.0.2")}},
		"an IPv4 address among IPv6":    {bad: v6("bad", "bad.xcc.test", "10.0.0.2", "fd00::2"), reason: records.InvalidAddress, left: []zone.Record{addresses("bad.xcc.test", "fd00::2")}},
		"IPv4 in IPv6 notation":         {bad: v6("bad", "bad.xcc.test", "::ffff:10.0.0.2", "fd00::2"), reason: records.InvalidAddress, left: []zone.Record{addresses("bad.xcc.test", "fd00::2")}},
		"an address with a scope":       {bad: v6("bad", "bad.xcc.test", "fe80::1%eth0", "fd00::2"), reason: records.InvalidAddress, left: []zone.Record{addresses("bad.xcc.test", "fd00::2")}},
		"a word":                        {bad: v4("bad", "bad.xcc.test", "localhost", "10.0.0.2"), reason: records.InvalidAddress, left: []zone.Record{addresses("bad.xcc.test", "10.0.0.2")}},
		"an alias for a wildcard":       {bad: fqdn("bad", "bad.xcc.test", "*.example.com", "lb.example.com"), reason: records.InvalidAddress, left: []zone.Record{alias("bad.xcc.test", "lb.example.com")}},
		"an alias for itself":           {bad: fqdn("bad", "bad.xcc.test", "BAD.xcc.test.", "lb.example.com"), reason: records.InvalidAddress, left: []zone.Record{alias("bad.xcc.test", "lb.example.com")}},
		"an alias with a space":         {bad: fqdn("bad", "bad.xcc.test", "a b.example.com", "lb.example.com"), reason: records.InvalidAddress, left: []zone.Record{alias("bad.xcc.test", "lb.example.com")}},
		"an address of zero characters": {bad: v4("bad", "bad.xcc.test", "", "10.0.0.2"), reason: records.InvalidAddress, left: []zone.Record{addresses("bad.xcc.test", "10.0.0.2")}},
	} {
		t.Run(name, besides(good, test.bad, test.reason, test.left).check)
	}
}

func TestAddressesThatMustNotBePublished(t *testing.T) {
	t.Parallel()
	published := func(slice *discoveryv1.EndpointSlice) *discoveryv1.EndpointSlice {
		slice.Annotations[xccv1.GatewayDNSRefAnnotation] = "dev-team/gateway"
		return slice
	}
	judge := netaddr.NewJudge([]netip.Prefix{netip.MustParsePrefix("10.96.0.0/12"), netip.MustParsePrefix("fd00:10:96::/112")})
	for name, test := range map[string]struct {
		slice    *discoveryv1.EndpointSlice
		served   []string
		problems []string
		alias    string
	}{
		"of the manager's slices none is served": {
			published(v4("a", "x.xcc.test", "127.0.0.1", "169.254.169.254", "168.63.129.16", "239.0.0.1", "10.96.0.1", "192.0.2.1")), []string{"192.0.2.1"},
			[]string{"127.0.0.1 is a loopback address", "169.254.169.254 is a link-local address", "168.63.129.16 is the address of a cloud's metadata service",
				"239.0.0.1 is a multicast address", "10.96.0.1 is in the denied range 10.96.0.0/12"}, "",
		},
		"the same for IPv6": {
			published(v6("a", "x.xcc.test", "::1", "64:ff9b::7f00:1", "fd00:10:96::1", "64:ff9b::a60:1", "64:ff9b::c000:201")), []string{"64:ff9b::c000:201"},
			[]string{"::1 is a loopback address", "64:ff9b::7f00:1 is a NAT64 address for 127.0.0.1, which is a loopback address",
				"fd00:10:96::1 is in the denied range fd00:10:96::/112", "64:ff9b::a60:1 is a NAT64 address for 10.96.0.1, which is in the denied range 10.96.0.0/12"}, "",
		},
		"a slice that somebody wrote by hand is served as it is, but for the denied ranges": {
			v4("a", "x.xcc.test", "169.254.20.10", "168.63.129.16", "10.96.0.1"), []string{"168.63.129.16", "169.254.20.10"},
			[]string{"10.96.0.1 is in the denied range 10.96.0.0/12"}, "",
		},
		"a name without any other address does not exist": {
			published(v4("a", "x.xcc.test", "127.0.0.1")), nil, []string{"127.0.0.1 is a loopback address", "x.xcc.test"}, "",
		},
		"a host name is judged once its addresses are known": {slice: published(fqdn("a", "x.xcc.test", "lb.example.com")), alias: "lb.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			record, problems := records.Merge("x.xcc.test", records.Parse(test.slice, zones, judge), &network{hasIPv4: true})
			var served, found []string
			for _, address := range record.Addresses {
				served = append(served, address.String())
			}
			for _, problem := range problems {
				found = append(found, problem.Detail)
			}
			g.Expect(served).To(ConsistOf(test.served))
			g.Expect(found).To(Equal(test.problems))
			g.Expect(record.Alias).To(Equal(test.alias))
		})
	}
}

func besides(good, bad *discoveryv1.EndpointSlice, reason records.Reason, left []zone.Record) test {
	return test{
		slices:   []*discoveryv1.EndpointSlice{bad, good},
		records:  append([]zone.Record{addresses("good.xcc.test", "10.0.0.1")}, left...),
		problems: []string{"bad " + string(reason)},
	}
}

func TestASliceOfInvalidAddressesOnlyMakesNoName(t *testing.T) {
	test{
		slices:   []*discoveryv1.EndpointSlice{v4("bad", "bad.xcc.test", "localhost")},
		problems: []string{"bad invalid_address", "bad no_address"},
	}.check(t)
}

func TestSeveralSlicesForOneName(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]test{
		"addresses add up without duplicates": {
			slices: []*discoveryv1.EndpointSlice{
				v4("a", "x.xcc.test", "10.0.0.1", "10.0.0.2"), v4("b", "X.xcc.test", "10.0.0.2", "10.0.0.3"), v6("c", "x.xcc.test", "fd00::1"),
			},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1")},
		},
		"a slice whose endpoints are not ready is left out": {
			slices:  []*discoveryv1.EndpointSlice{v4("a", "x.xcc.test", "10.0.0.1"), v4("b", "x.xcc.test", "!10.0.0.2")},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.1")},
		},
		"an address that is ready in one slice is served": {
			slices:  []*discoveryv1.EndpointSlice{v4("a", "x.xcc.test", "!10.0.0.1"), v4("b", "x.xcc.test", "10.0.0.1")},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.1")},
		},
		"all are served when no slice has a ready endpoint": {
			slices:  []*discoveryv1.EndpointSlice{v4("a", "x.xcc.test", "!10.0.0.1"), v4("b", "x.xcc.test", "!10.0.0.2")},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.1", "10.0.0.2")},
		},
		"a slice without addresses takes nothing away": {
			slices:   []*discoveryv1.EndpointSlice{v4("a", "x.xcc.test"), v4("b", "x.xcc.test", "10.0.0.2")},
			records:  []zone.Record{addresses("x.xcc.test", "10.0.0.2")},
			problems: []string{"a no_address"},
		},
		"addresses win over an alias": {
			slices:   []*discoveryv1.EndpointSlice{fqdn("a", "x.xcc.test", "lb.example.com"), v4("b", "x.xcc.test", "10.0.0.2")},
			records:  []zone.Record{addresses("x.xcc.test", "10.0.0.2")},
			problems: []string{"a alias_shadowed"},
		},
		"an alias that is ready wins over addresses that are not": {
			slices:  []*discoveryv1.EndpointSlice{fqdn("a", "x.xcc.test", "lb.example.com"), v4("b", "x.xcc.test", "!10.0.0.2")},
			records: []zone.Record{alias("x.xcc.test", "lb.example.com")},
		},
		"an alias that is not ready shadows nothing and is no problem": {
			slices:  []*discoveryv1.EndpointSlice{fqdn("a", "x.xcc.test", "!lb.example.com"), v4("b", "x.xcc.test", "10.0.0.2")},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.2")},
		},
		"the first of several aliases wins": {
			slices:   []*discoveryv1.EndpointSlice{fqdn("a", "x.xcc.test", "b.example.com"), fqdn("b", "x.xcc.test", "a.example.com")},
			records:  []zone.Record{alias("x.xcc.test", "a.example.com")},
			problems: []string{"a several_aliases"},
		},
		"the same alias twice is one": {
			slices:  []*discoveryv1.EndpointSlice{fqdn("a", "x.xcc.test", "b.example.com"), fqdn("b", "x.xcc.test", "B.example.com.")},
			records: []zone.Record{alias("x.xcc.test", "b.example.com")},
		},
		"names do not mix": {
			slices:  []*discoveryv1.EndpointSlice{v4("a", "x.xcc.test", "10.0.0.1"), v4("b", "*.xcc.test", "10.0.0.2"), fqdn("c", "y.xcc.test", "a.example.com")},
			records: []zone.Record{addresses("x.xcc.test", "10.0.0.1"), addresses("*.xcc.test", "10.0.0.2"), alias("y.xcc.test", "a.example.com")},
		},
	} {
		t.Run(name, test.check)
	}
}
