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
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

func wildcards(count int) []zone.Record {
	records := make([]zone.Record, count)
	for i := range records {
		records[i] = zone.Record{Name: fmt.Sprintf("*.gateway.c%d.ns.clusters.xcc.test", i), Addresses: address("10.0.0.1")}
	}
	return records
}

// Snapshots share unchanged content, so a change costs the same among many names.
func TestAChangeCostsTheSameAmongManyNames(t *testing.T) {
	g := NewWithT(t)
	allocations := map[int]float64{}
	for _, count := range []int{1_000, 100_000} {
		records := wildcards(count)
		snapshot := snapshotOf(start, []string{"xcc.test"}, records...)
		last := netip.MustParseAddr("10.0.0.1")
		allocations[count] = testing.AllocsPerRun(100, func() {
			last = last.Next()
			snapshot = snapshot.With([]zone.Record{{Name: records[count/2].Name, Addresses: []netip.Addr{last}}}, start)
		})
	}
	g.Expect(allocations[100_000]).To(BeNumerically("<", 2*allocations[1_000]+50), "%v", allocations)
}

// BenchmarkWith changes one name among so many.
func BenchmarkWith(b *testing.B) {
	for _, count := range []int{1_000, 10_000, 100_000} {
		records := wildcards(count)
		snapshot, name := snapshotOf(start, []string{"xcc.test"}, records...), records[count/2].Name
		b.Run(fmt.Sprintf("change/%d", count), func(b *testing.B) {
			last := netip.MustParseAddr("10.0.0.1")
			for b.Loop() {
				last = last.Next()
				snapshot = snapshot.With([]zone.Record{{Name: name, Addresses: []netip.Addr{last}}}, start)
			}
		})
		b.Run(fmt.Sprintf("removal/%d", count), func(b *testing.B) {
			for b.Loop() {
				snapshot.With([]zone.Record{{Name: name}}, start)
			}
		})
	}
}

// BenchmarkLookup looks up different names in turn, so that the CPU cache has none of them, or only
// those of a batch that was prefetched.
func BenchmarkLookup(b *testing.B) {
	for _, count := range []int{1_000, 10_000, 100_000} {
		snapshot := snapshotOf(start, []string{"xcc.test"}, wildcards(count)...)
		for about, name := range map[string]string{"hit": "kuard.gateway.c%d.ns.clusters.xcc.test", "miss": "kuard.gateway.nowhere%d.ns.clusters.xcc.test"} {
			random := rand.New(rand.NewPCG(1, 1))
			var names [1 << 17][]byte
			for i := range names {
				names[i] = fmt.Appendf(nil, name, random.IntN(count))
			}
			b.Run(fmt.Sprintf("%s/%d", about, count), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					snapshot.Lookup(names[i%len(names)], dns.TypeA)
				}
			})
			for _, size := range []int{2, 4, 16} {
				b.Run(fmt.Sprintf("%s/%d/batch-%d", about, count, size), func(b *testing.B) {
					b.ReportAllocs()
					var batch zone.Batch
					for i := 0; b.Loop(); i++ {
						at := i % len(names)
						if at%size == 0 {
							batch.Clear()
							for _, name := range names[at : at+size] {
								batch.Add(name)
							}
							snapshot.Prefetch(&batch)
						}
						snapshot.Lookup(names[at], dns.TypeA)
					}
				})
			}
		}
	}
}
