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
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// longest is a name of maximum length below a wildcard.
var longest = "_https._tcp." + strings.Repeat(strings.Repeat("a", 62)+".", 3) + strings.Repeat("b", 252-12-3*63-len("long.xcc.test.")) + ".long.xcc.test."

// costly returns a handler for names with so many addresses of each family and so many ports.
func costly(addresses, ports int) *answer.Handler {
	record := zone.Record{}
	for i := range addresses {
		record.Addresses = append(record.Addresses, netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}))
	}
	for i := range addresses {
		record.Addresses = append(record.Addresses, netip.AddrFrom16([16]byte{0: 0xfd, 14: byte(i >> 8), 15: byte(i)}))
	}
	for i := range ports {
		record.Services = append(record.Services, zone.Service{Prefix: "_https._tcp", Port: uint16(1000 + i)})
	}
	var records []zone.Record
	for _, name := range []string{"svc.xcc.test", "*.gateway.cluster-a.dev-team.clusters.xcc.test", "*.long.xcc.test"} {
		record.Name = name
		records = append(records, record)
	}
	for i := range 9 {
		records = append(records, zone.Record{Name: fmt.Sprintf("chain%d.xcc.test", i), Alias: fmt.Sprintf("chain%d.xcc.test", i+1)})
	}
	records = append(records,
		zone.Record{Name: "lb.xcc.test", Alias: "lb.example.com", Services: record.Services},
		zone.Record{Name: "inner.xcc.test", Alias: "chain4.xcc.test", Services: record.Services},
		zone.Record{Name: "chain9.xcc.test", Addresses: record.Addresses},
		sharedBy("*.shop.dev-team.gateways.xcc.test", 100*ports))
	return dnstest.NewHandler(zone.New(zone.Content{
		Zones: []string{"xcc.test"}, NameServer: []netip.Addr{netip.MustParseAddr("10.96.0.53")}, Packer: answer.Packer{TTL: 5},
	}, time.Unix(1000, 0)).With(records, time.Unix(1000, 0)))
}

// costlyQuery is a query whose cost is bounded.
type costlyQuery struct {
	about  string
	packet []byte
}

// costlyQueries are the kinds of queries that an attacker may send.
func costlyQueries(g Gomega) []costlyQuery {
	gateway := "kuard.gateway.cluster-a.dev-team.clusters.xcc.test."
	var queries []costlyQuery
	add := func(about, name string, qtype uint16, change ...func(*dns.Msg)) {
		msg := dnstest.Question(name, qtype)
		msg.SetEdns0(1232, false)
		for _, change := range change {
			change(msg)
		}
		packet, err := msg.Pack()
		g.Expect(err).NotTo(HaveOccurred(), about)
		queries = append(queries, costlyQuery{about, packet})
	}
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeHTTPS, dns.TypeCNAME, dns.TypeANY, dns.TypeAXFR, 65280} {
		add(dns.Type(qtype).String(), gateway, qtype)
	}
	add("SRV", "_https._tcp."+gateway, dns.TypeSRV)
	add("SRV-exact", "_https._tcp.svc.xcc.test.", dns.TypeSRV)
	add("SRV-alias", "_https._tcp.lb.xcc.test.", dns.TypeSRV)
	add("SRV-chain", "_https._tcp.inner.xcc.test.", dns.TypeSRV)
	add("SRV-longest", longest, dns.TypeSRV)
	add("A-longest", longest, dns.TypeA)
	add("SRV-none", gateway, dns.TypeSRV)
	add("shared-A", "kuard.shop.dev-team.gateways.xcc.test.", dns.TypeA)
	add("shared-SRV", "_https._tcp.kuard.shop.dev-team.gateways.xcc.test.", dns.TypeSRV)
	add("SOA", "xcc.test.", dns.TypeSOA)
	add("SOA-none", gateway, dns.TypeSOA)
	add("NS", "xcc.test.", dns.TypeNS)
	add("ANY-SRV", "_https._tcp."+gateway, dns.TypeANY)
	add("NXDOMAIN", "a.b.c.d.e.f.nope.xcc.test.", dns.TypeA)
	add("NXDOMAIN-labels", strings.Repeat("a.", 110)+"xcc.test.", dns.TypeA)
	add("REFUSED", "www.example.com.", dns.TypeA)
	add("alias", "lb.xcc.test.", dns.TypeA)
	add("chain", "chain2.xcc.test.", dns.TypeA)
	add("chain-end", "chain8.xcc.test.", dns.TypeA)
	add("chain-too-long", "chain0.xcc.test.", dns.TypeA)
	add("escaped", "a\\255b.nope.xcc.test.", dns.TypeA)
	add("escaped-longest", strings.Repeat(strings.Repeat("\\255", 62)+".", 3)+"xcc.test.", dns.TypeA)
	add("CHAOS", gateway, dns.TypeA, func(msg *dns.Msg) { msg.Question[0].Qclass = dns.ClassCHAOS })
	add("NOTIFY", gateway, dns.TypeA, func(msg *dns.Msg) { msg.Opcode = dns.OpcodeNotify })
	add("BADVERS", gateway, dns.TypeA, func(msg *dns.Msg) { msg.IsEdns0().SetVersion(1) })
	subnet := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: []byte{10, 0, 0, 0}}
	add("subnet", gateway, dns.TypeA, func(msg *dns.Msg) { msg.IsEdns0().Option = []dns.EDNS0{subnet} })
	for name, code := range map[string]uint16{"options-unknown": 65001, "options-padding": dns.EDNS0PADDING, "options-ede": dns.EDNS0EDE} {
		add(name, gateway, dns.TypeA, func(msg *dns.Msg) {
			for range 100 {
				msg.IsEdns0().Option = append(msg.IsEdns0().Option, &dns.EDNS0_LOCAL{Code: code, Data: []byte{0, 1}})
			}
		})
	}
	add("TXT-additional", gateway, dns.TypeA, func(msg *dns.Msg) {
		txt := &dns.TXT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeTXT, Class: dns.ClassINET}}
		for range 300 {
			txt.Txt = append(txt.Txt, "x")
		}
		msg.Extra = append(msg.Extra, txt)
	})
	garbage := append([]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, make([]byte, 1000)...)
	queries = append(queries, costlyQuery{"garbage", garbage},
		costlyQuery{"pointer-loop", []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 0x0c, 0, 1, 0, 1}})
	return queries
}

// BenchmarkCost prints the cost of each kind of query, and the ratio of the sizes of response and
// query.
func BenchmarkCost(b *testing.B) {
	g := NewWithT(b)
	queries := costlyQueries(g)
	for _, size := range [][2]int{{1, 1}, {1, 100}, {10, 1}, {10, 100}, {100, 1}, {100, 100}} {
		handler := costly(size[0], size[1])
		for _, msg := range queries {
			for _, transport := range []query.Transport{query.UDP, query.TCP} {
				b.Run(fmt.Sprintf("%s/%daddresses/%dports/%s", msg.about, size[0], size[1], transport), func(b *testing.B) {
					b.ReportAllocs()
					out := make([]byte, 0, dns.MaxMsgSize)
					q := query.Query{Packet: msg.packet, Transport: transport, Arrived: time.Now(), Counters: &query.Counters{}}
					var response []byte
					for b.Loop() {
						response, _ = handler.Answer(out, q)
					}
					b.ReportMetric(float64(len(response))/float64(len(msg.packet)), "amplification")
				})
			}
		}
	}
}

// Allocations are most of the cost of a query that allocates. Times are in docs/performance.md.
func TestNoQueryOfAStrangerAllocates(t *testing.T) {
	g := NewWithT(t)
	handler := costly(100, 100)
	// These get a response that has only a header, or a header and an OPT record.
	refused := map[string]bool{"NOTIFY": true, "garbage": true, "pointer-loop": true}
	for _, msg := range costlyQueries(g) {
		for _, transport := range []query.Transport{query.UDP, query.TCP} {
			out := make([]byte, 0, dns.MaxMsgSize)
			var counters query.Counters
			var response []byte
			allocations := testing.AllocsPerRun(20, func() {
				response, _ = handler.Answer(out, query.Query{Packet: msg.packet, Transport: transport, Counters: &counters})
			})
			if refused[msg.about] {
				g.Expect(len(response)).To(BeNumerically("<=", 12+11), msg.about)
				// The library reads the name of a malformed question.
				g.Expect(allocations).To(BeNumerically("<=", 4), msg.about)
				continue
			}
			g.Expect(allocations).To(BeZero(), msg.about)
			g.Expect(response).NotTo(BeEmpty())
			if transport == query.UDP {
				g.Expect(len(response)).To(BeNumerically("<=", 1232), msg.about)
			}
		}
	}
}

// Additional records are bounded over TCP, too.
func TestServicesAddAddressesUpToTheSizeOfAPacket(t *testing.T) {
	t.Parallel()
	for addresses, added := range map[int]int{1: 2, 10: 20, 30: 30, 60: 60, 100: 0} {
		g := NewWithT(t)
		handler := costly(addresses, 3)
		packet, err := dnstest.Question("_https._tcp.svc.xcc.test.", dns.TypeSRV).Pack()
		g.Expect(err).NotTo(HaveOccurred())
		response := unpacked(g, respond(handler, packet, query.TCP))
		g.Expect(response.Answer).To(HaveLen(3))
		g.Expect(response.Truncated).To(BeFalse())
		g.Expect(response.Extra).To(HaveLen(added), "%d addresses of each family", addresses)
	}
}
