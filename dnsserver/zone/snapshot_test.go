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
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

var start = time.Unix(1_000_000, 0)

func address(text string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(text)} }

func TestSerialGrowsWithEveryChangeOfItsZone(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	content := zone.Content{Zones: []string{"a.test", "b.test"}, Records: []zone.Record{{Name: "x.a.test", Addresses: address("10.0.0.1")}}}
	serials := func(s *zone.Snapshot) []uint32 {
		return []uint32{s.Zones()["a.test"].Serial(), s.Zones()["b.test"].Serial()}
	}

	first := zone.NewSnapshot(nil, content, start)
	g.Expect(serials(first)).To(Equal([]uint32{1_000_000, 1_000_000}), "it starts as the time")

	same := zone.NewSnapshot(first, content, start.Add(time.Minute))
	g.Expect(serials(same)).To(Equal(serials(first)), "nothing changed")

	for name, changed := range map[string]zone.Content{
		"an address":               {Zones: content.Zones, Records: []zone.Record{{Name: "x.a.test", Addresses: address("10.0.0.2")}}},
		"an IPv6 address":          {Zones: content.Zones, Records: []zone.Record{{Name: "x.a.test", Addresses: append(address("10.0.0.1"), address("fd00::1")...)}}},
		"an alias":                 {Zones: content.Zones, Records: []zone.Record{{Name: "x.a.test", Alias: "y.test"}}},
		"a name more":              {Zones: content.Zones, Records: append(content.Records, zone.Record{Name: "y.a.test", Addresses: address("10.0.0.1")})},
		"no name":                  {Zones: content.Zones},
		"another name of its kind": {Zones: content.Zones, Records: []zone.Record{{Name: "z.a.test", Addresses: address("10.0.0.1")}}},
	} {
		g.Expect(serials(zone.NewSnapshot(first, changed, start.Add(time.Minute)))).To(Equal([]uint32{1_000_060, 1_000_000}), name)
		g.Expect(serials(zone.NewSnapshot(first, changed, start))).To(Equal([]uint32{1_000_001, 1_000_000}), name+" in the same second")
		g.Expect(serials(zone.NewSnapshot(first, changed, start.Add(-time.Hour)))).To(Equal([]uint32{1_000_001, 1_000_000}), name+" after the clock went back")
	}
}

func TestAnotherTargetOfAnAliasIsAChange(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	content := zone.Content{Zones: []string{"a.test"}, Records: []zone.Record{{Name: "x.a.test", Alias: "y.test"}}}
	first := zone.NewSnapshot(nil, content, start)
	content.Records = []zone.Record{{Name: "x.a.test", Alias: "z.test"}}
	second := zone.NewSnapshot(first, content, start)
	g.Expect(second.Zones()["a.test"].Serial()).To(Equal(uint32(1_000_001)))
	g.Expect(second.Lookup("x.a.test", dns.TypeA).Alias).To(Equal("z.test"))
}

func TestSerialWrapsAround(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	content := zone.Content{Zones: []string{"a.test"}}
	end := time.Unix(math.MaxUint32, 0)
	first := zone.NewSnapshot(nil, content, end)
	content.Records = []zone.Record{{Name: "x.a.test", Addresses: address("10.0.0.1")}}
	second := zone.NewSnapshot(first, content, end)
	g.Expect(second.Zones()["a.test"].Serial()).To(BeZero(), "RFC 1982: zero follows the greatest")
	later := zone.NewSnapshot(first, content, end.Add(10*time.Second))
	g.Expect(later.Zones()["a.test"].Serial()).To(Equal(uint32(9)), "RFC 1982: a small number is greater than a very great one")
}

func TestSnapshotIsNotChangedByItsSuccessor(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	content := zone.Content{Zones: []string{"a.test"}, Records: []zone.Record{{Name: "x.a.test", Addresses: address("10.0.0.1")}}}
	first := zone.NewSnapshot(nil, content, start)
	content.Records = []zone.Record{{Name: "*.a.test", Addresses: address("10.0.0.2")}}
	second := zone.NewSnapshot(first, content, start)
	g.Expect(first.Lookup("x.a.test", dns.TypeA).Addresses).To(Equal(address("10.0.0.1")))
	g.Expect(first.Lookup("y.a.test", dns.TypeA).Kind).To(Equal(zone.NameError))
	g.Expect(second.Lookup("x.a.test", dns.TypeA).Addresses).To(Equal(address("10.0.0.2")))
}

func TestReserved(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(zone.Reserved("xcc.test", "ns.xcc.test", false)).To(BeTrue())
	g.Expect(zone.Reserved("xcc.test", "ns.xcc.test", true)).To(BeTrue())
	g.Expect(zone.Reserved("xcc.test", "xcc.test", true)).To(BeTrue(), "an alias beside SOA and NS")
	g.Expect(zone.Reserved("xcc.test", "xcc.test", false)).To(BeFalse())
	g.Expect(zone.Reserved("xcc.test", "a.xcc.test", true)).To(BeFalse())
}

func TestFindTakesTheLongestZone(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	apexes := []string{"xcc.test", "sub.xcc.test"}
	for name, want := range map[string]string{
		"xcc.test": "xcc.test", "a.xcc.test": "xcc.test", "sub.xcc.test": "sub.xcc.test", "a.sub.xcc.test": "sub.xcc.test",
		"notsub.xcc.test": "xcc.test",
	} {
		apex, ok := zone.Find(apexes, name)
		g.Expect(ok).To(BeTrue(), name)
		g.Expect(apex).To(Equal(want), name)
	}
	_, ok := zone.Find(apexes, "xcc.example")
	g.Expect(ok).To(BeFalse())
}
