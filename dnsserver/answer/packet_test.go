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
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

// Malformed packets go to the handler, and over UDP and TCP. The answer to a good query that
// follows shows that a bad one got no response.
func TestBrokenPackets(t *testing.T) {
	t.Parallel()
	handler := dnstest.NewHandler(dnstest.Snapshot())
	udp, tcp := dnstest.Serve(t, handler)
	good, err := dnstest.Question("plain.xcc.test.", dns.TypeA).Pack()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for name, test := range map[string]struct {
		packet []byte
		rcode  int
	}{
		"nothing":                                        {nil, silence},
		"less than a header":                             {good[:11], silence},
		"a header with half a question":                  {good[:20], dns.RcodeFormatError},
		"a DNS label that goes on behind the end":        {append(slices.Clone(good[:12]), 63, 'a'), dns.RcodeFormatError},
		"a name of 256 octets":                           {append(slices.Clone(good[:12]), tooLong()...), dns.RcodeFormatError},
		"an OPT record that ends early":                  {append(with(good, 11, 1), 0, 0, 41, 4, 208, 0, 0, 0, 0), dns.RcodeFormatError},
		"an option that is longer than its record":       {append(with(good, 11, 1), 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 3, 0, 9), dns.RcodeFormatError},
		"an OPT record that does not belong to the root": {append(with(good, 11, 1), 1, 'a', 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0), dns.RcodeFormatError},
		"a query that says that it was truncated":        {with(good, 2, 0x02), dns.RcodeSuccess},
		"a header with nothing behind it":                {good[:12], dns.RcodeFormatError},
		"garbage behind the question":                    {append(slices.Clone(good), 1, 2, 3), dns.RcodeSuccess},
		"a response":                                     {with(good, 2, 0x80), silence},
		"a name that points at itself":                   {append(slices.Clone(good[:12]), 0xc0, 12, 0, 1, 0, 1), dns.RcodeFormatError},
		"a DNS label of a reserved kind":                 {with(good, 12, 0x80), dns.RcodeFormatError},
		"a record that is not there":                     {with(good, 11, 1), dns.RcodeFormatError},
		"many records that are not there":                {with(with(good, 6, 255), 7, 255), dns.RcodeFormatError},
		"three additional records":                       {with(good, 11, 3), dns.RcodeFormatError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			expectRefusal(g, respond(handler, test.packet, query.UDP), good, test.rcode)
			for network, address := range map[string]string{"udp": udp, "tcp": tcp} {
				conn, err := dns.Dial(network, address)
				g.Expect(err).NotTo(HaveOccurred())
				defer conn.Close()
				g.Expect(conn.SetDeadline(time.Now().Add(10 * time.Second))).To(Succeed())
				marked := with(good, 0, ^good[0])
				for _, packet := range [][]byte{test.packet, marked} {
					_, err = conn.Write(packet)
					g.Expect(err).NotTo(HaveOccurred())
				}
				buffer := make([]byte, 512)
				n, err := conn.Read(buffer)
				g.Expect(err).NotTo(HaveOccurred(), network)
				if test.rcode == silence {
					g.Expect(buffer[0]).To(Equal(marked[0]), "over %s, the good query is the only one that is answered", network)
					continue
				}
				expectRefusal(g, buffer[:n], good, test.rcode)
				n, err = conn.Read(buffer)
				g.Expect(err).NotTo(HaveOccurred(), "%s goes on", network)
				expectRefusal(g, buffer[:n], marked, dns.RcodeSuccess)
			}
		})
	}
}

// silence means that there is no response.
const silence = -1

// expectRefusal expects a response with the ID of the query and this code.
func expectRefusal(g Gomega, response, msg []byte, rcode int) {
	if rcode == silence {
		g.Expect(response).To(BeEmpty())
		return
	}
	g.Expect(len(response)).To(BeNumerically(">=", 12))
	g.Expect(response[:2]).To(Equal(msg[:2]), "ID")
	g.Expect(int(response[3] & 0xf)).To(Equal(rcode))
}

// tooLong returns a question whose name is one octet too long.
func tooLong() []byte {
	var name []byte
	for range 127 {
		name = append(name, 1, 'a')
	}
	return append(name, 1, 'a', 0, 0, 1, 0, 1)
}

// with returns the packet with one octet changed.
func with(packet []byte, at int, octet byte) []byte {
	packet = slices.Clone(packet)
	packet[at] = octet
	return packet
}
