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
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

var start = time.Unix(1_000_000, 0)

func address(text string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(text)} }

// snapshotOf returns a snapshot of zones without name server addresses.
func snapshotOf(now time.Time, zones []string, records ...zone.Record) *zone.Snapshot {
	return zone.New(zone.Content{Zones: zones, Packer: answer.Packer{}}, now).With(records, now)
}

func serials(s *zone.Snapshot) []uint32 {
	found := map[string]uint32{}
	for _, z := range s.Zones() {
		found[z.Apex()] = z.Serial()
	}
	return []uint32{found["a.test"], found["b.test"]}
}

func TestSerialGrowsWithEveryChangeOfItsZone(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	empty := zone.New(zone.Content{Zones: []string{"a.test", "b.test"}, Packer: answer.Packer{}}, start.Add(-time.Minute))
	g.Expect(serials(empty)).To(Equal([]uint32{999_940, 999_940}), "it starts as the time")
	held := zone.Record{Name: "x.a.test", Addresses: address("10.0.0.1")}
	first := empty.With([]zone.Record{held}, start)
	g.Expect(serials(first)).To(Equal([]uint32{1_000_000, 999_940}), "only one of them changes")
	g.Expect(first.With([]zone.Record{held, {Name: "nothing.a.test"}}, start.Add(time.Minute))).To(BeIdenticalTo(first), "nothing changed")

	for name, changed := range map[string]zone.Record{
		"a port":          {Name: "x.a.test", Addresses: address("10.0.0.1"), Services: []zone.Service{{Prefix: "_p._tcp", Port: 1}}},
		"an address":      {Name: "x.a.test", Addresses: address("10.0.0.2")},
		"an IPv6 address": {Name: "x.a.test", Addresses: append(address("10.0.0.1"), address("fd00::1")...)},
		"an alias":        {Name: "x.a.test", Alias: "y.test"},
		"a name more":     {Name: "y.a.test", Addresses: address("10.0.0.1")},
		"no name":         {Name: "x.a.test"},
	} {
		records := []zone.Record{changed}
		g.Expect(serials(first.With(records, start.Add(time.Minute)))).To(Equal([]uint32{1_000_060, 999_940}), name)
		g.Expect(serials(first.With(records, start))).To(Equal([]uint32{1_000_001, 999_940}), name+" in the same second")
		g.Expect(serials(first.With(records, start.Add(-time.Hour)))).To(Equal([]uint32{1_000_001, 999_940}), name+" after the clock went back")
	}
}

func TestAnotherTargetOfAnAliasIsAChange(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	first := snapshotOf(start, []string{"a.test"}, zone.Record{Name: "x.a.test", Alias: "y.test"})
	second := first.With([]zone.Record{{Name: "x.a.test", Alias: "z.test"}}, start)
	g.Expect(second.Zones()[0].Serial()).To(Equal(first.Zones()[0].Serial() + 1))
	g.Expect(lookup(second, "x.a.test", dns.TypeA).Alias).To(Equal("z.test"))
	g.Expect(second.Alias("x.a.test")).To(Equal("z.test"))
	g.Expect(second.Alias("a.test")).To(BeEmpty())
}

func TestSerialWrapsAround(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	end := time.Unix(math.MaxUint32, 0)
	first := snapshotOf(end, []string{"a.test"})
	records := []zone.Record{{Name: "x.a.test", Addresses: address("10.0.0.1")}}
	g.Expect(first.With(records, end).Zones()[0].Serial()).To(BeZero(), "RFC 1982: zero follows the greatest")
	later := first.With(records, end.Add(10*time.Second))
	g.Expect(later.Zones()[0].Serial()).To(Equal(uint32(9)), "RFC 1982: a small number is greater than a very great one")
}

func TestSnapshotIsNotChangedByItsSuccessor(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	first := snapshotOf(start, []string{"a.test"}, zone.Record{Name: "x.a.test", Addresses: address("10.0.0.1")})
	second := first.With([]zone.Record{{Name: "*.a.test", Addresses: address("10.0.0.2")}, {Name: "x.a.test"}}, start)
	g.Expect(lookup(first, "x.a.test", dns.TypeA).Addresses).To(Equal(address("10.0.0.1")))
	g.Expect(lookup(first, "y.a.test", dns.TypeA).Kind).To(Equal(zone.NameError))
	g.Expect(lookup(second, "x.a.test", dns.TypeA).Addresses).To(Equal(address("10.0.0.2")))
	g.Expect(first.Len()).To(Equal(1))
	g.Expect(second.Len()).To(Equal(1))
}

// Changes in any order lead to the same snapshot as making the end result at once, including the
// empty non-terminals.
func TestChangesLeadWhereTheyWouldLeadAtOnce(t *testing.T) {
	t.Parallel()
	zones := []string{"a.test", "sub.gap.a.test"}
	labels := []string{"*", "x", "y", "ns"}
	for seed := range uint64(300) {
		g := NewWithT(t)
		random := rand.New(rand.NewPCG(seed, 0))
		anyName := func() string {
			name := zones[random.IntN(2)]
			for depth := range 1 + random.IntN(3) {
				label := labels[1+random.IntN(2)]
				if depth > 0 && random.IntN(3) == 0 {
					label = labels[3]
				}
				name = label + "." + name
			}
			switch random.IntN(9) {
			case 0, 1, 2:
				name = "*." + name
			case 3:
				name = "_p._tcp." + name
			}
			return name
		}
		followed := snapshotOf(start, zones)
		held := map[string]zone.Record{}
		for range 60 {
			var changes []zone.Record
			for range 1 + random.IntN(4) {
				record := zone.Record{Name: anyName()}
				switch random.IntN(4) {
				case 0:
					record.Alias = "target.test"
				case 1:
					record.Addresses = address("10.0.0.1")
				}
				if n := random.IntN(6); n < 3 && (record.Alias != "" || len(record.Addresses) > 0) {
					record.Services = []zone.Service{{Prefix: "_p._tcp", Port: 1}, {Prefix: "_q._tcp", Port: 2}}[n/2 : min(2, 1+n)]
				}
				held[record.Name] = record
				changes = append(changes, record)
			}
			followed = followed.With(changes, start)
		}
		atOnce := snapshotOf(start, zones, slices.Collect(maps.Values(held))...)
		g.Expect(followed.Records()).To(Equal(atOnce.Records()), "seed %d", seed)
		g.Expect(followed.Len()).To(Equal(atOnce.Len()), "seed %d", seed)
		for range 300 {
			name := strings.TrimPrefix(anyName(), "*.")
			if random.IntN(2) == 0 {
				name = "q." + name
			}
			if random.IntN(3) == 0 {
				name = []string{"_p._tcp.", "_q._tcp.", "_tcp."}[random.IntN(3)] + name
			}
			for _, qtype := range []uint16{dns.TypeA, dns.TypeTXT, dns.TypeSRV} {
				is, want := lookup(followed, name, qtype), lookup(atOnce, name, qtype)
				is.Zone, want.Zone = nil, nil
				g.Expect(is).To(Equal(want), "seed %d: %s", seed, name)
			}
		}
	}
}

func TestReservedForProbes(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(zone.ReservedForProbes("xcc.test", "_probe.xcc.test")).To(BeTrue())
	g.Expect(zone.ReservedForProbes("xcc.test", "*.a._probe.xcc.test")).To(BeTrue())
	g.Expect(zone.ReservedForProbes("xcc.test", "x_probe.xcc.test")).To(BeFalse())
	g.Expect(zone.ReservedForProbes("xcc.test", "_probe.a.xcc.test")).To(BeFalse())
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
