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
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

// variant is a form of a query that may change the answer.
type variant struct {
	about  string
	change func(msg *dns.Msg)
}

func variants() []variant {
	edns := func(size uint16, do bool, options ...dns.EDNS0) func(*dns.Msg) {
		return func(msg *dns.Msg) { msg.SetEdns0(size, do); msg.IsEdns0().Option = options }
	}
	cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}
	return []variant{
		{"plain", func(*dns.Msg) {}},
		{"without RD", func(msg *dns.Msg) { msg.RecursionDesired = false }},
		{"with every flag", func(msg *dns.Msg) {
			msg.CheckingDisabled, msg.AuthenticatedData, msg.Authoritative, msg.Zero = true, true, true, true
			msg.RecursionAvailable, msg.Truncated = true, true
		}},
		{"EDNS", edns(1232, false)},
		{"EDNS of no size, DO", edns(0, true)},
		{"EDNS of every size, with a cookie", edns(65535, true, cookie)},
		{"EDNS with padding and an NSID", edns(600, false, &dns.EDNS0_PADDING{Padding: make([]byte, 9)}, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})},
		{"EDNS with a subnet", edns(600, false, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 0, Address: make([]byte, 4)})},
		{"EDNS of version 1", func(msg *dns.Msg) { msg.SetEdns0(1232, true); msg.IsEdns0().SetVersion(1) }},
		{"in capitals", func(msg *dns.Msg) { msg.Question[0].Name = strings.ToUpper(msg.Question[0].Name) }},
		{"class CHAOS", func(msg *dns.Msg) { msg.Question[0].Qclass = dns.ClassCHAOS }},
	}
}

// corpus returns the packets of all cases in all variants.
func corpus(t testing.TB) [][]byte {
	t.Helper()
	g := NewWithT(t)
	cases := dnstest.Cases()
	for _, name := range append(dnstest.AliasToMany[:], dnstest.ManyAddresses) {
		cases = append(cases, dnstest.Case{Query: name, Type: dns.TypeA})
	}
	var packets [][]byte
	for _, test := range cases {
		for _, variant := range variants() {
			msg := dnstest.Question(test.Query, test.Type)
			variant.change(msg)
			packet, err := msg.Pack()
			g.Expect(err).NotTo(HaveOccurred(), variant.about)
			packets = append(packets, packet)
		}
	}
	return packets
}

// normal returns a response as text, with the records of each section in sorted order.
func normal(g Gomega, packet []byte) string {
	response := unpacked(g, packet)
	if response == nil {
		return "silence"
	}
	if response.Truncated {
		// Chance decides which addresses are left out, and name compression how many.
		response.Answer = slices.DeleteFunc(response.Answer, func(record dns.RR) bool { return record.Header().Rrtype != dns.TypeCNAME })
	}
	for _, section := range [][]dns.RR{response.Answer, response.Ns, response.Extra} {
		slices.SortFunc(section, func(a, b dns.RR) int { return strings.Compare(a.String(), b.String()) })
	}
	return response.String()
}

// The library judges the responses of the production code.
func TestBothWaysAnswerAlike(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	fast := 0
	for _, packet := range corpus(t) {
		for _, transport := range []query.Transport{query.UDP, query.TCP} {
			if answer.IsUsual(packet) {
				fast++
			}
			g.Expect(normal(g, respond(handler, packet, transport))).To(Equal(normal(g, handler.AnswerWithLibrary(packet, transport))))
		}
	}
	g.Expect(fast).To(BeNumerically(">", len(corpus(t))/2), "most of the corpus is about plain queries")
}

// A type with a meaning in the library must not count as a type without records.
func TestBothWaysAnswerAlikeForEveryType(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	for _, test := range dnstest.Cases() {
		for qtype := range uint16(300) {
			packet, err := dnstest.Question(test.Query, qtype).Pack()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(normal(g, respond(handler, packet, query.UDP))).
				To(Equal(normal(g, handler.AnswerWithLibrary(packet, query.UDP))), "%s %s", test.Query, dns.Type(qtype))
		}
	}
}

// A packet that differs from the usual form in one octet must not count as usual.
func TestBothWaysAnswerAlikeWhateverOctetChanges(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	random := rand.New(rand.NewPCG(1, 2))
	for _, packet := range corpus(t) {
		for range 20 {
			changed := slices.Clone(packet)
			changed[random.IntN(len(changed))] = byte(random.Uint32())
			switch random.IntN(8) {
			case 0:
				changed = changed[:random.IntN(len(changed))]
			case 1:
				changed = append(changed, byte(random.Uint32()))
			}
			g.Expect(normal(g, respond(handler, changed, query.UDP))).
				To(Equal(normal(g, handler.AnswerWithLibrary(changed, query.UDP))), fmt.Sprintf("%x", changed))
		}
	}
}

func TestPlainQueriesAreAnsweredWithoutTheLibrary(t *testing.T) {
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	for name, qtype := range map[string]uint16{
		"KUARD.gateway.cluster-a.dev-team.clusters.xcc.test.": dns.TypeA, "kuard.gateway.cluster-a.dev-team.clusters.xcc.TEST.": dns.TypeAAAA,
		"nope.xcc.test.": dns.TypeA, "kuard.gateway.cluster-c.dev-team.clusters.xcc.test.": dns.TypeA, "chain.xcc.test.": dns.TypeAAAA,
		"plain.xcc.test.": dns.TypeHTTPS, "nope.sub.nope.xcc.test.": dns.TypeTXT, "alias-to-wildcard.xcc.test.": dns.TypeHTTPS, "gone.xcc.test.": dns.TypeMX,
		dnstest.ManyAddresses: dns.TypeA, dnstest.AliasToMany[0]: dns.TypeA, dnstest.AliasToMany[1]: dns.TypeA,
		"xcc.test.": dns.TypeSOA, "sub.xcc.test.": dns.TypeNS, "_https._tcp.svc.xcc.test.": dns.TypeSRV, "alias-to-svc.xcc.test.": dns.TypeSRV,
		"_https._tcp.inner-svc.xcc.test.": dns.TypeSRV, "_https._tcp.loop-svc.xcc.test.": dns.TypeSRV, "www.sub.xcc.test.": dns.TypeANY,
		"alias.xcc.test.": dns.TypeCNAME, "loop.xcc.test.": dns.TypeA, "hangs.xcc.test.": dns.TypeSRV, "www.example.com.": dns.TypeA,
		"odd\\.octets\\000.sub.xcc.test.": dns.TypeA, "alias-to-alias.xcc.test.": dns.TypeA,
	} {
		msg := dnstest.Question(name, qtype)
		msg.SetEdns0(1232, false)
		packet, err := msg.Pack()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(answer.IsUsual(packet)).To(BeTrue(), name)
		out := make([]byte, 0, 1232)
		var counters query.Counters
		g.Expect(testing.AllocsPerRun(100, func() {
			handler.Answer(out, query.Query{Packet: packet, Counters: &counters})
		})).To(BeZero(), name)
	}
}

// FuzzPacket compares the responses to any packet.
func FuzzPacket(f *testing.F) {
	for _, packet := range corpus(f) {
		f.Add(packet)
	}
	handler := dnstest.NewHandler(dnstest.Snapshot())
	f.Fuzz(func(t *testing.T, packet []byte) {
		g := NewWithT(t)
		sent := respond(handler, packet, query.UDP)
		response := unpacked(g, sent)
		g.Expect(normal(g, sent)).To(Equal(normal(g, handler.AnswerWithLibrary(packet, query.UDP))))
		if response == nil {
			g.Expect(len(packet) < 12 || packet[2]&0x80 != 0).To(BeTrue(), "silence")
			return
		}
		g.Expect(len(sent)).To(BeNumerically("<=", 1232))
		g.Expect(sent[:2]).To(Equal(packet[:2]), "ID")
		g.Expect(response.Response).To(BeTrue())
		if response.IsEdns0() == nil {
			g.Expect(len(sent)).To(BeNumerically("<=", 512))
		}
	})
}
