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
	"net"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

func TestOPTIsAnsweredWhenAskedOnly(t *testing.T) {
	t.Parallel()
	everyWay(t, dnstest.Snapshot(), func(t *testing.T, ask ask) {
		t.Helper()
		for _, name := range []string{"plain.xcc.test.", "nope.xcc.test.", "example.com.", "xcc.test."} {
			for _, do := range []bool{false, true} {
				g := NewWithT(t)
				msg := dnstest.Question(name, dns.TypeNS)
				g.Expect(ask(g, msg).IsEdns0()).To(BeNil())

				msg.SetEdns0(4096, do)
				msg.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("unknown")}}
				response := ask(g, msg)
				option := response.IsEdns0()
				g.Expect(option).NotTo(BeNil(), name)
				g.Expect(option.UDPSize()).To(Equal(uint16(1232)))
				g.Expect(option.Version()).To(BeZero())
				g.Expect(option.Do()).To(Equal(do), "RFC 3225, section 3")
				g.Expect(option.Option).To(BeEmpty(), "options that are not known are ignored")
				g.Expect(response.Extra[len(response.Extra)-1]).To(BeIdenticalTo(option))
			}
		}
	})
}

// A message with more records than a query needs is not parsed, so the server does not see its OPT
// record.
func TestOPTIsAnsweredUpToSoManyRecords(t *testing.T) {
	t.Parallel()
	everyWay(t, dnstest.Snapshot(), func(t *testing.T, ask ask) {
		t.Helper()
		for opcode, rcodes := range map[int][2]int{ // when it is read, and when it is not
			dns.OpcodeQuery:  {dns.RcodeSuccess, dns.RcodeFormatError},
			dns.OpcodeNotify: {dns.RcodeNotImplemented, dns.RcodeNotImplemented},
			dns.OpcodeUpdate: {dns.RcodeNotImplemented, dns.RcodeNotImplemented},
			15:               {dns.RcodeNotImplemented, dns.RcodeNotImplemented},
		} {
			g := NewWithT(t)
			msg := dnstest.Question("plain.xcc.test.", dns.TypeA)
			msg.Opcode = opcode
			// As in an UPDATE, one with data and two without (RFC 2136, section 2.5).
			msg.Insert([]dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "a.xcc.test.", Rrtype: dns.TypeA}, A: net.IPv4(10, 0, 0, 1)}})
			msg.RemoveRRset(msg.Ns)
			msg.RemoveName(msg.Ns[:1])
			msg.SetEdns0(4096, true)
			response := ask(g, msg)
			g.Expect(response.Rcode).To(Equal(rcodes[0]), dns.OpcodeToString[opcode])
			g.Expect(response.IsEdns0()).NotTo(BeNil(), dns.OpcodeToString[opcode])
			g.Expect(response.IsEdns0().UDPSize()).To(Equal(uint16(1232)))
			g.Expect(response.IsEdns0().Do()).To(BeTrue(), "RFC 3225, section 3")

			msg.Insert(msg.Ns[:1])
			response = ask(g, msg)
			g.Expect(response.Rcode).To(Equal(rcodes[1]), dns.OpcodeToString[opcode])
			g.Expect(response.Extra).To(BeEmpty(), "what has five records behind the question is not read")
		}
	})
}

// RFC 6891, section 7: the client must be able to tell a server that rejects its OPT record from
// one without EDNS.
func TestABadOPTIsAnsweredWithAnOPT(t *testing.T) {
	t.Parallel()
	handler := dnstest.NewHandler(dnstest.Snapshot())
	msg := dnstest.Question("plain.xcc.test.", dns.TypeA)
	msg.SetEdns0(1232, false)
	good, err := msg.Pack()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	size := len(good) - 2
	for about, test := range map[string]struct {
		packet []byte
		option bool
	}{
		"an option that is longer than the record": {append(with(good, size+1, 4), 0, 3, 0, 9), true},
		"a record that ends early":                 {good[:size], true},
		"a record that has nothing but its type":   {good[:size-6], true},
		"half a type":                              {good[:size-7], false},
		"no record":                                {good[:size-9], false},
		"another record":                           {with(with(good, size+1, 4), size-7, 1), false},
		"a record in front of it":                  {with(with(good, size+1, 4), 7, 1), false},
		"two questions":                            {with(with(good, size+1, 4), 5, 2), false},
		"no question":                              {with(with(good, size+1, 4), 5, 0), false},
		"a name that points at itself":             {with(with(good, 12, 0xc0), 13, 12), false},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			for _, transport := range []query.Transport{query.UDP, query.TCP} {
				response := unpacked(g, respond(handler, test.packet, transport))
				g.Expect(response.Rcode).To(Equal(dns.RcodeFormatError))
				g.Expect(response.IsEdns0() != nil).To(Equal(test.option))
			}
		})
	}
}

// RFC 6891, section 6.1.2: an unknown option is ignored, whatever its data.
func TestWhatIsInAnOptionDoesNotMatter(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	msg := dnstest.Question("plain.xcc.test.", dns.TypeA)
	msg.SetEdns0(1232, false)
	good, err := msg.Pack()
	g.Expect(err).NotTo(HaveOccurred())
	// A client subnet with an unknown address family.
	packet := append(with(good, len(good)-1, 8), 0, 8, 0, 4, 0, 9, 0, 0)
	g.Expect(unpacked(g, respond(handler, packet, query.UDP)).Answer).To(HaveLen(1))
	g.Expect(answer.IsUsual(packet)).To(BeTrue())
}

func TestBadVersionIsAnsweredInVersionZero(t *testing.T) {
	t.Parallel()
	everyWay(t, dnstest.Snapshot(), func(t *testing.T, ask ask) {
		t.Helper()
		g := NewWithT(t)
		msg := dnstest.Question("plain.xcc.test.", dns.TypeA)
		msg.SetEdns0(1232, false)
		msg.IsEdns0().SetVersion(7)
		g.Expect(ask(g, msg).IsEdns0().Version()).To(BeZero())
	})
}

func TestSizeOverUDP(t *testing.T) {
	t.Parallel()
	handler := dnstest.NewHandler(dnstest.Snapshot())
	udp, tcp := dnstest.Serve(t, handler)
	for asked, limit := range map[int]int{
		-1: 512, 0: 512, 1: 512, 511: 512, 512: 512, 513: 513, 1000: 1000, 1232: 1232, 1233: 1232, 4096: 1232, 65535: 1232,
	} {
		t.Run(fmt.Sprintf("%d octets asked for", asked), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			msg := dnstest.Question(dnstest.ManyAddresses, dns.TypeA)
			if asked%2 == 0 {
				msg.Question[0].Name = dnstest.AliasToMany[asked/2%2]
			}
			if asked >= 0 {
				msg.SetEdns0(uint16(asked), false)
			}

			packet, err := msg.Pack()
			g.Expect(err).NotTo(HaveOccurred())
			sent := respond(handler, packet, query.UDP)
			response := unpacked(g, sent)
			g.Expect(len(sent)).To(BeNumerically("<=", limit))
			g.Expect(len(sent)).To(BeNumerically(">", limit-32), "as many addresses as fit")
			g.Expect(response.Truncated).To(BeTrue())
			g.Expect(response.IsEdns0() != nil).To(Equal(asked >= 0), "the OPT record is not left out")

			conn, err := dns.Dial("udp", udp)
			g.Expect(err).NotTo(HaveOccurred())
			defer conn.Close()
			conn.UDPSize = 65535
			g.Expect(conn.WriteMsg(msg)).To(Succeed())
			truncated, err := conn.ReadMsg()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(truncated.Truncated).To(BeTrue())
			g.Expect(truncated.Answer).To(HaveLen(len(response.Answer)))

			whole := dnstest.Over("tcp", tcp)(g, msg)
			g.Expect(whole.Truncated).To(BeFalse())
			g.Expect(len(whole.Answer)).To(BeNumerically(">=", dnstest.ManyCount))
		})
	}
}
