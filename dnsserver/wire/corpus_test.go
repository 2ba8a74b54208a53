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

package wire_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/wire"
)

// variant is a way to ask a question that the answer may depend on.
type variant struct {
	about  string
	change func(query *dns.Msg)
}

func variants() []variant {
	edns := func(size uint16, do bool, options ...dns.EDNS0) func(*dns.Msg) {
		return func(query *dns.Msg) { query.SetEdns0(size, do); query.IsEdns0().Option = options }
	}
	cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}
	return []variant{
		{"plain", func(*dns.Msg) {}},
		{"without RD", func(query *dns.Msg) { query.RecursionDesired = false }},
		{"with every flag", func(query *dns.Msg) {
			query.CheckingDisabled, query.AuthenticatedData, query.Authoritative, query.Zero = true, true, true, true
			query.RecursionAvailable, query.Truncated = true, true
		}},
		{"EDNS", edns(1232, false)},
		{"EDNS of no size, DO", edns(0, true)},
		{"EDNS of every size, with a cookie", edns(65535, true, cookie)},
		{"EDNS with padding and an NSID", edns(600, false, &dns.EDNS0_PADDING{Padding: make([]byte, 9)}, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})},
		{"EDNS with a subnet", edns(600, false, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 0, Address: make([]byte, 4)})},
		{"EDNS of version 1", func(query *dns.Msg) { query.SetEdns0(1232, true); query.IsEdns0().SetVersion(1) }},
		{"in capitals", func(query *dns.Msg) { query.Question[0].Name = strings.ToUpper(query.Question[0].Name) }},
		{"class CHAOS", func(query *dns.Msg) { query.Question[0].Qclass = dns.ClassCHAOS }},
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
			query := question(test.Query, test.Type)
			variant.change(query)
			packet, err := query.Pack()
			g.Expect(err).NotTo(HaveOccurred(), variant.about)
			packets = append(packets, packet)
		}
	}
	return packets
}

// normal returns a response as text, with the records of each set in an order of their own.
func normal(g Gomega, packet []byte) string {
	response := unpacked(g, packet)
	if response == nil {
		return "silence"
	}
	if response.Truncated {
		// Which addresses are left out is up to chance, and how many of them up to how well names are compressed.
		response.Answer = slices.DeleteFunc(response.Answer, func(record dns.RR) bool { return record.Header().Rrtype != dns.TypeCNAME })
	}
	for _, section := range [][]dns.RR{response.Answer, response.Ns, response.Extra} {
		slices.SortFunc(section, func(a, b dns.RR) int { return strings.Compare(a.String(), b.String()) })
	}
	return response.String()
}

// The library is the judge of what is answered without it.
func TestBothWaysAnswerAlike(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := newHandler(dnstest.Snapshot())
	fast := 0
	for _, packet := range corpus(t) {
		for _, transport := range []wire.Transport{wire.UDP, wire.TCP} {
			if handler.IsFast(packet, transport) {
				fast++
			}
			g.Expect(normal(g, answer(handler, packet, transport))).To(Equal(normal(g, handler.AnswerWithLibrary(packet, transport))))
		}
	}
	g.Expect(fast).To(BeNumerically(">", len(corpus(t))/2), "most of the corpus is about plain queries")
}

// A type that means something to the library must not be taken for one that no name holds.
func TestBothWaysAnswerAlikeForEveryType(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := newHandler(dnstest.Snapshot())
	for _, test := range dnstest.Cases() {
		for qtype := range uint16(300) {
			packet, err := question(test.Query, qtype).Pack()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(normal(g, answer(handler, packet, wire.UDP))).
				To(Equal(normal(g, handler.AnswerWithLibrary(packet, wire.UDP))), "%s %s", test.Query, dns.Type(qtype))
		}
	}
}

// What is not plain in only one octet must not be taken for plain.
func TestBothWaysAnswerAlikeWhateverOctetChanges(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := newHandler(dnstest.Snapshot())
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
			g.Expect(normal(g, answer(handler, changed, wire.UDP))).
				To(Equal(normal(g, handler.AnswerWithLibrary(changed, wire.UDP))), fmt.Sprintf("%x", changed))
		}
	}
}

func TestPlainQueriesAreAnsweredWithoutTheLibrary(t *testing.T) {
	g := NewWithT(t)
	handler := newHandler(dnstest.Snapshot())
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
		query := question(name, qtype)
		query.SetEdns0(1232, false)
		packet, err := query.Pack()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(handler.IsFast(packet, wire.UDP)).To(BeTrue(), name)
		out := make([]byte, 0, 1232)
		var counters wire.Counters
		g.Expect(testing.AllocsPerRun(100, func() {
			handler.Answer(out, wire.Query{Packet: packet}, &counters)
		})).To(BeZero(), name)
	}
}

// FuzzPacket gives both ways whatever may come over the network.
func FuzzPacket(f *testing.F) {
	for _, packet := range corpus(f) {
		f.Add(packet)
	}
	handler := newHandler(dnstest.Snapshot())
	f.Fuzz(func(t *testing.T, packet []byte) {
		g := NewWithT(t)
		sent := answer(handler, packet, wire.UDP)
		response := unpacked(g, sent)
		g.Expect(normal(g, sent)).To(Equal(normal(g, handler.AnswerWithLibrary(packet, wire.UDP))))
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
