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

package transport_test

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/transport"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// From the system call that reads to the one that writes.
func TestAWholeBatchDoesNotAllocate(t *testing.T) {
	for _, bound := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0"} {
		g := NewWithT(t)
		server, err := transport.ListenUDP(t.Context(), bound, 1, dnstest.NewHandler(dnstest.Snapshot()))
		g.Expect(err).NotTo(HaveOccurred())
		defer server.Close()
		_, port, err := net.SplitHostPort(server.Addr().String())
		g.Expect(err).NotTo(HaveOccurred())
		conn := client(t, net.JoinHostPort("127.0.0.1", port))
		packet, err := dnstest.Question("plain.xcc.test.", dns.TypeA).Pack()
		g.Expect(err).NotTo(HaveOccurred())
		const batch = 20
		response := make([]byte, 512)
		g.Expect(testing.AllocsPerRun(50, func() {
			for range batch {
				_, _ = conn.Conn.Write(packet)
			}
			for answered := 0; answered < batch; {
				answered += server.AnswerBatch()
			}
			for range batch {
				_, _ = conn.Conn.Read(response)
			}
		})).To(BeZero(), bound)
	}
}

// Each client gets its own response, whatever queries others have sent.
func TestABatchIsAnsweredAsItsQueriesAreAlone(t *testing.T) {
	t.Parallel()
	for about, snapshot := range map[string]*zone.Snapshot{"with names": dnstest.Snapshot(), "before the first snapshot": nil} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			handler := dnstest.NewHandler(snapshot)
			server, err := transport.ListenUDP(t.Context(), "127.0.0.1:0", 1, handler)
			g.Expect(err).NotTo(HaveOccurred())
			defer server.Close()
			cases, sent := dnstest.Cases(), 0
			clients := make([]*dns.Conn, len(cases))
			bad := client(t, server.Addr().String())
			for i, c := range cases {
				clients[i] = client(t, server.Addr().String())
				g.Expect(clients[i].WriteMsg(dnstest.Question(c.Query, c.Type))).To(Succeed())
				_, err := bad.Conn.Write([]byte(strings.Repeat("x", i)))
				g.Expect(err).NotTo(HaveOccurred())
				sent += 2
			}
			for sent > 0 {
				sent -= server.AnswerBatch()
			}
			for i, c := range cases {
				response, err := clients[i].ReadMsg()
				g.Expect(err).NotTo(HaveOccurred(), c.About)
				alone := alone(g, handler, dnstest.Question(c.Query, c.Type))
				g.Expect(response.Question).To(Equal(alone.Question), c.About)
				g.Expect(response.Rcode).To(Equal(alone.Rcode), c.About)
				g.Expect(texts(response.Answer)).To(ConsistOf(texts(alone.Answer)), c.About)
				g.Expect(texts(response.Ns)).To(ConsistOf(texts(alone.Ns)), c.About)
			}
		})
	}
}

// alone returns the handler's response to a single query.
func alone(g Gomega, handler transport.Handler, msg *dns.Msg) *dns.Msg {
	packet, err := msg.Pack()
	g.Expect(err).NotTo(HaveOccurred())
	packet, _ = handler.Answer(nil, query.Query{Packet: packet, Patience: query.Wait, Arrived: time.Now(), Counters: &query.Counters{}})
	response := new(dns.Msg)
	g.Expect(response.Unpack(packet)).To(Succeed())
	return response
}

// texts returns records in presentation format.
func texts(records []dns.RR) []string {
	texts := make([]string, 0, len(records))
	for _, record := range records {
		texts = append(texts, record.String())
	}
	return texts
}

// Queries may have the announced size. Of a longer query the server sees only the header, so that
// it does not mistake the rest for a whole query.
func TestALongQueryOverUDPIsRefused(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	conn := client(t, startUDP(t, "127.0.0.1:0").Addr().String())
	good, err := dnstest.Question("plain.xcc.test.", dns.TypeA).Pack()
	g.Expect(err).NotTo(HaveOccurred())
	for size, rcode := range map[int]int{1232: dns.RcodeSuccess, 1233: dns.RcodeFormatError, 9000: dns.RcodeFormatError} {
		_, err := conn.Conn.Write(append(slices.Clone(good), make([]byte, size-len(good))...))
		g.Expect(err).NotTo(HaveOccurred())
		response, err := conn.ReadMsg()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(response.Rcode).To(Equal(rcode), "%d octets", size)
	}
}

func TestTheQueryLogTellsTheClient(t *testing.T) {
	t.Parallel()
	for bound, asked := range map[string]string{"127.0.0.1:0": "127.0.0.1", "[::]:0": "127.0.0.1", "[::1]:0": "::1"} {
		t.Run(bound, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			handler, clients := dnstest.NewHandler(dnstest.Snapshot()), make(chan string, 1)
			handler.LogEvery, handler.Log = 1, func(entry answer.LogEntry) { clients <- entry.Client.Network() + " " + entry.Client.String() }
			server, err := transport.ListenUDP(t.Context(), bound, 1, handler)
			g.Expect(err).NotTo(HaveOccurred())
			dnstest.Run(t, server.Serve, server.Shutdown)
			_, port, err := net.SplitHostPort(server.Addr().String())
			g.Expect(err).NotTo(HaveOccurred())
			conn := client(t, net.JoinHostPort(asked, port))
			expectAnswer(g, conn)
			g.Eventually(clients).WithTimeout(10 * time.Second).Should(Receive(Equal("udp " + netip.MustParseAddrPort(conn.LocalAddr().String()).String())))
		})
	}
}
