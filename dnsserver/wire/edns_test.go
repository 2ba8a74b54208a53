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
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/wire"
)

func TestOPTIsAnsweredWhenAskedOnly(t *testing.T) {
	t.Parallel()
	everyWay(t, dnstest.Snapshot(), func(t *testing.T, ask ask) {
		t.Helper()
		for _, name := range []string{"plain.xcc.test.", "nope.xcc.test.", "example.com.", "xcc.test."} {
			for _, do := range []bool{false, true} {
				g := NewWithT(t)
				query := question(name, dns.TypeNS)
				g.Expect(ask(g, query).IsEdns0()).To(BeNil())

				query.SetEdns0(4096, do)
				query.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("unknown")}}
				response := ask(g, query)
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

func TestBadVersionIsAnsweredInVersionZero(t *testing.T) {
	t.Parallel()
	everyWay(t, dnstest.Snapshot(), func(t *testing.T, ask ask) {
		t.Helper()
		g := NewWithT(t)
		query := question("plain.xcc.test.", dns.TypeA)
		query.SetEdns0(1232, false)
		query.IsEdns0().SetVersion(7)
		g.Expect(ask(g, query).IsEdns0().Version()).To(BeZero())
	})
}

func TestSizeOverUDP(t *testing.T) {
	t.Parallel()
	handler := newHandler(dnstest.Snapshot())
	udp, tcp := serve(t, handler)
	for asked, limit := range map[int]int{
		-1: 512, 0: 512, 1: 512, 511: 512, 512: 512, 513: 513, 1000: 1000, 1232: 1232, 1233: 1232, 4096: 1232, 65535: 1232,
	} {
		t.Run(fmt.Sprintf("%d octets asked for", asked), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			query := question(dnstest.ManyAddresses, dns.TypeA)
			if asked%2 == 0 {
				query.Question[0].Name = dnstest.AliasToMany[asked/2%2]
			}
			if asked >= 0 {
				query.SetEdns0(uint16(asked), false)
			}

			packet, err := query.Pack()
			g.Expect(err).NotTo(HaveOccurred())
			sent := answer(handler, packet, wire.UDP)
			response := unpacked(g, sent)
			g.Expect(len(sent)).To(BeNumerically("<=", limit))
			g.Expect(len(sent)).To(BeNumerically(">", limit-32), "as many addresses as fit")
			g.Expect(response.Truncated).To(BeTrue())
			g.Expect(response.IsEdns0() != nil).To(Equal(asked >= 0), "the OPT record is not left out")

			conn, err := dns.Dial("udp", udp)
			g.Expect(err).NotTo(HaveOccurred())
			defer conn.Close()
			conn.UDPSize = 65535
			g.Expect(conn.WriteMsg(query)).To(Succeed())
			truncated, err := conn.ReadMsg()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(truncated.Truncated).To(BeTrue())
			g.Expect(truncated.Answer).To(HaveLen(len(response.Answer)))

			whole := over("tcp", tcp)(g, query)
			g.Expect(whole.Truncated).To(BeFalse())
			g.Expect(len(whole.Answer)).To(BeNumerically(">=", dnstest.ManyCount))
		})
	}
}
