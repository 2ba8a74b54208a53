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

package answer_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// manyNames returns a handler for so many wildcard names, as in "make bench-dns".
func manyNames(count int) *answer.Handler {
	records := make([]zone.Record, 0, count+1)
	for i := range count {
		records = append(records, zone.Record{
			Name: fmt.Sprintf("*.gateway.cluster-%d.dev-team.clusters.xcc.test", i), Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")},
		})
	}
	records = append(records, zone.Record{Name: "alias.xcc.test", Alias: "lb.example.com"},
		zone.Record{Name: "inner.xcc.test", Alias: "a-name-of-more-than-32-octets.gateway.cluster-1.dev-team.clusters.xcc.test"})
	many := zone.Record{Name: "many.xcc.test"}
	for i := range 1_000 {
		many.Addresses = append(many.Addresses, netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}))
	}
	records = append(records, many)
	for i := range min(count, 1_000) {
		records = append(records, sharedBy(fmt.Sprintf("*.shop-%d.dev-team.gateways.xcc.test", i), 5))
	}
	snapshot := zone.New(zone.Content{Zones: []string{"xcc.test"}, Packer: answer.Packer{TTL: 5}}, time.Unix(1000, 0)).With(records, time.Unix(1000, 0))
	return dnstest.NewHandler(snapshot)
}

// sharedBy returns the record of a shared name of so many clusters.
func sharedBy(name string, clusters int) zone.Record {
	record := zone.Record{Name: name, Choices: &zone.Choices{MaxTTL: 5, Usage: unused{}}}
	for i := range clusters {
		record.Choices.All = append(record.Choices.All, zone.Choice{
			Weight: uint16(1 + i), Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(i)})},
		})
		record.Services = append(record.Services, zone.Service{
			Prefix: "_https._tcp", Port: 443, Weight: uint16(1 + i), Target: fmt.Sprintf("gateway.cluster-%d.dev-team.clusters.xcc.test", i),
		})
	}
	return record
}

// unused ignores queries.
type unused struct{}

func (unused) Mark() {}

// queriesOf are the benchmarks' queries among so many names.
func queriesOf(count int) map[string]*dns.Msg {
	name := func(i int) string { return fmt.Sprintf("kuard.gateway.cluster-%d.dev-team.clusters.xcc.test.", i) }
	return map[string]*dns.Msg{
		"hit":    dnstest.Question(name(count/2), dns.TypeA),
		"nodata": dnstest.Question(name(count/2), dns.TypeAAAA),
		"miss":   dnstest.Question(name(count+1), dns.TypeA),
		"alias":  dnstest.Question("alias.xcc.test.", dns.TypeA),
		"inner":  dnstest.Question("inner.xcc.test.", dns.TypeA),
		"shared": dnstest.Question("kuard.shop-7.dev-team.gateways.xcc.test.", dns.TypeA),
		"many":   dnstest.Question("many.xcc.test.", dns.TypeA),
	}
}

func BenchmarkAnswer(b *testing.B) {
	g := NewWithT(b)
	for _, count := range []int{1_000, 100_000} {
		handler := manyNames(count)
		for about, msg := range queriesOf(count) {
			packet, err := msg.Pack()
			g.Expect(err).NotTo(HaveOccurred())
			b.Run(fmt.Sprintf("%s/%d", about, count), func(b *testing.B) {
				b.ReportAllocs()
				out := make([]byte, 0, 1232)
				q := query.Query{Packet: packet, Arrived: time.Now(), Counters: &query.Counters{}}
				for b.Loop() {
					handler.Answer(out, q)
				}
			})
		}
	}
}

func TestBenchmarkedQueriesDoNotAllocate(t *testing.T) {
	g := NewWithT(t)
	handler := manyNames(1_000)
	for about, msg := range queriesOf(1_000) {
		packet, err := msg.Pack()
		g.Expect(err).NotTo(HaveOccurred())
		out := make([]byte, 0, 1232)
		var counters query.Counters
		g.Expect(testing.AllocsPerRun(100, func() {
			handler.Answer(out, query.Query{Packet: packet, Counters: &counters})
		})).To(BeZero(), about)
	}
}
