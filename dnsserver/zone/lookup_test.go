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

package zone_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

func lookup(snapshot *zone.Snapshot, name string, qtype uint16) zone.Result {
	return snapshot.Lookup([]byte(name), qtype)
}

func TestLookup(t *testing.T) {
	t.Parallel()
	snapshot := dnstest.Snapshot()
	for _, test := range dnstest.Cases() {
		t.Run(test.About, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			result := lookup(snapshot, strings.ToLower(strings.TrimSuffix(test.Query, ".")), test.Type)
			g.Expect(result.Kind).To(Equal(kindOf(test)))
			if result.Kind != zone.OutsideZones {
				g.Expect(test.Query).To(MatchRegexp("(?i)" + result.Zone.Apex() + `\.$`))
			}
			if test.Rcode != dns.RcodeServerFailure {
				g.Expect(dataOf(result)).To(ConsistOf(wantedData(g, test)))
			}
		})
	}
}

// kindOf derives the kind of the lookup's result from the sections of a response.
func kindOf(test dnstest.Case) zone.Kind {
	switch {
	case test.Rcode == dns.RcodeRefused:
		return zone.OutsideZones
	case test.Rcode == dns.RcodeServerFailure && strings.HasPrefix(test.Query, "unresolved."):
		return zone.Unresolved
	case len(test.Answer) > 0 && strings.Contains(test.Answer[0], " CNAME "), test.Rcode == dns.RcodeServerFailure:
		return zone.Alias
	case test.Rcode == dns.RcodeNameError:
		return zone.NameError
	case len(test.Authority) > 0:
		return zone.NoData
	case strings.Contains(test.Answer[0], " SOA "):
		return zone.StartOfAuthority
	case strings.Contains(test.Answer[0], " NS "):
		return zone.NameServers
	case strings.Contains(test.Answer[0], " SRV "):
		return zone.Services
	case strings.Contains(test.Answer[0], " HINFO "):
		return zone.Exists
	default:
		return zone.Addresses
	}
}

func dataOf(result zone.Result) []string {
	var data []string
	for _, address := range result.Addresses {
		data = append(data, address.String())
	}
	for _, service := range result.Services {
		data = append(data, fmt.Sprint(service.Port))
		if service.Target != "" {
			data = append(data, service.Target+".")
		}
	}
	if result.Alias != "" {
		data = append(data, result.Alias+".")
	}
	return data
}

// wantedData returns the addresses and the alias target that the lookup of the name itself must
// find.
func wantedData(g Gomega, test dnstest.Case) []string {
	var data []string
	switch kindOf(test) {
	case zone.Alias:
		test.Answer, test.Additional = test.Answer[:min(1, len(test.Answer))], nil
	case zone.Services:
		test.Additional = nil
	}
	for _, text := range append(test.Answer, test.Additional...) {
		record, err := dns.NewRR(text)
		g.Expect(err).NotTo(HaveOccurred())
		switch record := record.(type) {
		case *dns.A:
			data = append(data, record.A.String())
		case *dns.AAAA:
			data = append(data, record.AAAA.String())
		case *dns.CNAME:
			data = append(data, record.Target)
		case *dns.SRV:
			data = append(data, fmt.Sprint(record.Port))
			if !strings.HasSuffix(test.Query, record.Target) {
				data = append(data, record.Target)
			}
		}
	}
	return data
}

func TestNameServerWithoutAddressExists(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	snapshot := zone.New(zone.Content{Zones: []string{"xcc.test"}, Packer: answer.Packer{}}, start)
	g.Expect(lookup(snapshot, "ns.xcc.test", dns.TypeA).Kind).To(Equal(zone.NoData))
	g.Expect(lookup(snapshot, "xcc.test", dns.TypeNS)).To(Equal(zone.Result{Kind: zone.NameServers, Zone: snapshot.Zones()[0]}))
}

func TestALookupDoesNotAllocate(t *testing.T) {
	g := NewWithT(t)
	snapshot := dnstest.Snapshot()
	for _, test := range dnstest.Cases() {
		name := []byte(strings.ToLower(strings.TrimSuffix(test.Query, ".")))
		g.Expect(testing.AllocsPerRun(10, func() { snapshot.Lookup(name, test.Type) })).To(BeZero(), test.About)
	}
}

func FuzzLookup(f *testing.F) {
	snapshot := dnstest.Snapshot()
	for _, test := range dnstest.Cases() {
		f.Add(strings.ToLower(strings.TrimSuffix(test.Query, ".")), test.Type)
	}
	f.Add(`\`, dns.TypeA)
	f.Add(`..xcc.test`, dns.TypeA)
	f.Fuzz(func(t *testing.T, name string, qtype uint16) {
		g := NewWithT(t)
		result := lookup(snapshot, name, qtype)
		g.Expect(result.Zone == nil).To(Equal(result.Kind == zone.OutsideZones))
		if result.Kind == zone.NameError {
			// RFC 8020: no name exists below a name that does not exist.
			g.Expect(lookup(snapshot, "below."+name, qtype).Kind).To(Equal(zone.NameError))
		}
		if result.Kind == zone.Addresses {
			is := map[uint16]func(netip.Addr) bool{dns.TypeA: netip.Addr.Is4, dns.TypeAAAA: netip.Addr.Is6}[qtype]
			g.Expect(is).NotTo(BeNil())
			for _, address := range result.Addresses {
				g.Expect(is(address)).To(BeTrue())
			}
		}
	})
}

// A name of very many DNS labels does not take one lookup for each of them.
func TestNamesAreDeep(t *testing.T) {
	t.Parallel()
	deep := func(labels int, name string) string { return strings.Repeat("a.", labels) + name }
	address := []netip.Addr{netip.MustParseAddr("10.0.0.1")}
	for _, depth := range []int{1, 7, 8, 9, 10, 30, 100} {
		g := NewWithT(t)
		snapshot := zone.New(zone.Content{Zones: []string{"xcc.test"}, Packer: answer.Packer{}}, time.Unix(1, 0)).With([]zone.Record{
			{Name: deep(depth, "exact.xcc.test"), Addresses: address}, {Name: "*.wild.xcc.test", Addresses: address},
			{Name: "*." + deep(depth, "wild.xcc.test"), Addresses: address},
		}, time.Unix(2, 0))
		kind := func(name string) zone.Kind { return snapshot.Lookup([]byte(name), dns.TypeA).Kind }
		g.Expect(kind(deep(depth, "exact.xcc.test"))).To(Equal(zone.Addresses))
		g.Expect(kind(deep(115, "exact.xcc.test"))).To(Equal(zone.NameError))
		g.Expect(kind(deep(115, "nope.xcc.test"))).To(Equal(zone.NameError))
		g.Expect(kind(deep(115, "wild.xcc.test"))).To(Equal(zone.Addresses), "of the deep wildcard")
		g.Expect(kind("b."+deep(115, "b.wild.xcc.test"))).To(Equal(zone.Addresses), "of the other wildcard")
		g.Expect(kind(deep(depth-1, "b.wild.xcc.test"))).To(Equal(zone.Addresses))
		g.Expect(kind(deep(115, "example.com"))).To(Equal(zone.OutsideZones))
	}
}
