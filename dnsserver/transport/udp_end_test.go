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
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/transport"
)

// client connects a new socket to a server.
func client(t *testing.T, address string) *dns.Conn {
	t.Helper()
	g := NewWithT(t)
	conn, err := dns.Dial("udp", address)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = conn.Close() })
	g.Expect(conn.SetDeadline(time.Now().Add(10 * time.Second))).To(Succeed())
	return conn
}

// A waiting query must not keep a socket that receives further queries and does not read them.
func TestAServerThatEndsLeavesQueriesToOthers(t *testing.T) {
	t.Parallel()
	for bound, host := range map[string]string{
		":0": "127.0.0.1", "[::]:0": "::1", "127.0.0.1:0": "127.0.0.1", "[::1]:0": "::1", "0.0.0.0:0": "127.0.0.2",
	} {
		t.Run(bound, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			handler, known := dnstest.NewHandler(dnstest.Snapshot()), make(chan struct{})
			handler.Aliases = waits{dnstest.KnownAliases(), known}
			old, err := transport.ListenUDP(t.Context(), bound, 2, handler)
			g.Expect(err).NotTo(HaveOccurred())
			served, stopped := make(chan error, 1), make(chan error, 1)
			go func() { served <- old.Serve() }()
			_, port, err := net.SplitHostPort(old.Addr().String())
			g.Expect(err).NotTo(HaveOccurred())
			address := net.JoinHostPort(host, port)
			patient := client(t, address)
			g.Expect(patient.WriteMsg(dnstest.Question("kuard.gateway.cluster-c.dev-team.clusters.xcc.test.", dns.TypeA))).To(Succeed())
			expectAnswer(g, patient)

			other := startUDP(t, old.Addr().String())
			go func() { stopped <- old.Shutdown(context.WithoutCancel(t.Context())) }()
			for range 60 {
				expectAnswer(g, client(t, address))
			}
			g.Expect(stopped).NotTo(Receive(), "one query waits")
			close(known)
			response, err := patient.ReadMsg()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(response.Answer).To(HaveLen(3), "the alias and two addresses")
			g.Eventually(stopped, 5*time.Second).Should(Receive(BeNil()))
			g.Eventually(served, 5*time.Second).Should(Receive(BeNil()))
			g.Expect(observed(other)).NotTo(BeZero())
		})
	}
}

// observed returns the number of answered queries, without those of the current batch.
func observed(server *transport.UDPServer) (total uint64) {
	for _, counters := range server.Counters() {
		_, n, _ := counters.Durations()
		total += n
	}
	return total
}

// If a client cannot be reached, only its own response is lost.
func TestAFailedSendCostsItsOwnResponseOnly(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server := startUDP(t, "127.0.0.1:0")
	packet, err := dnstest.Question("plain.xcc.test.", dns.TypeA).Pack()
	g.Expect(err).NotTo(HaveOccurred())
	good := []*dns.Conn{client(t, server.Addr().String()), client(t, server.Addr().String()), client(t, server.Addr().String())}
	nowhere := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	local := func(i int) netip.AddrPort { return netip.MustParseAddrPort(good[i].LocalAddr().String()) }
	server.Send(packet, nowhere, local(0), nowhere, nowhere, local(1), local(2), nowhere)
	for _, conn := range good {
		_, err := conn.ReadMsg()
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(server.Counters()[0].Dropped(query.NotSent)).To(Equal(uint64(4)))
}

func TestAServerThatIsAloneAnswersWhatWaitsAtItsEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler, known := dnstest.NewHandler(dnstest.Snapshot()), make(chan struct{})
	handler.Aliases = waits{dnstest.KnownAliases(), known}
	server, err := transport.ListenUDP(t.Context(), "127.0.0.1:0", 1, handler)
	g.Expect(err).NotTo(HaveOccurred())
	served, stopped := make(chan error, 1), make(chan error, 1)
	go func() { served <- server.Serve() }()
	patient := client(t, server.Addr().String())
	g.Expect(patient.WriteMsg(dnstest.Question("kuard.gateway.cluster-c.dev-team.clusters.xcc.test.", dns.TypeA))).To(Succeed())
	expectAnswer(g, patient)
	go func() { stopped <- server.Shutdown(context.WithoutCancel(t.Context())) }()
	g.Eventually(served, 5*time.Second).Should(Receive(BeNil()), "nothing is read any more")
	g.Expect(stopped).NotTo(Receive(), "one query waits")
	close(known)
	response, err := patient.ReadMsg()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(response.Answer).To(HaveLen(3), "the alias and two addresses")
	g.Eventually(stopped, 5*time.Second).Should(Receive(BeNil()))
}

func TestTooManyQueriesThatWaitOverUDPFailAtOnce(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler, known := dnstest.NewHandler(dnstest.Snapshot()), make(chan struct{})
	defer close(known) // Also when it fails: a server that ends waits for them.
	handler.Aliases = waits{dnstest.KnownAliases(), known}
	server, err := transport.ListenUDP(t.Context(), "127.0.0.1:0", 1, handler)
	g.Expect(err).NotTo(HaveOccurred())
	const limit = 10
	server.SetWaiting(limit)
	dnstest.Run(t, server.Serve, server.Shutdown)
	conn := client(t, server.Addr().String())
	for range limit + 1 {
		g.Expect(conn.WriteMsg(dnstest.Question("hangs.xcc.test.", dns.TypeAAAA))).To(Succeed())
	}
	response, err := conn.ReadMsg()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(response.Rcode).To(Equal(dns.RcodeServerFailure))
	expectAnswer(g, conn)
}

// The route back may use another interface, except for a link-local address.
func TestTheInterfaceIsLeftToRouting(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	v4 := (&ipv4.ControlMessage{Src: net.IPv4(192, 0, 2, 1), IfIndex: 7}).Marshal()
	v6 := (&ipv6.ControlMessage{Src: net.ParseIP("2001:db8::1"), IfIndex: 7}).Marshal()
	link := (&ipv6.ControlMessage{Src: net.ParseIP("fe80::1"), IfIndex: 7}).Marshal()
	data := unix.CmsgLen(0)
	g.Expect(v4[data]).To(Equal(byte(7)), "the interface comes first")
	g.Expect(transport.SourceControl(v4)).To(Equal((&ipv4.ControlMessage{Src: net.IPv4(192, 0, 2, 1)}).Marshal()))
	g.Expect(v6[data+net.IPv6len]).To(Equal(byte(7)), "the address comes first")
	g.Expect(transport.SourceControl(v6)).To(Equal((&ipv6.ControlMessage{Src: net.ParseIP("2001:db8::1")}).Marshal()))
	g.Expect(transport.SourceControl(link)).To(Equal((&ipv6.ControlMessage{Src: net.ParseIP("fe80::1"), IfIndex: 7}).Marshal()))
	g.Expect(transport.SourceControl(nil)).To(BeEmpty())
}

func TestWhatGetsNoResponseIsCountedAsDropped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	udp := startUDP(t, "127.0.0.1:0")
	conn := client(t, udp.Addr().String())
	reply := dnstest.Question("plain.xcc.test.", dns.TypeA)
	reply.Response = true
	g.Expect(conn.WriteMsg(reply)).To(Succeed())
	expectAnswer(g, conn)
	dropped := func() (n uint64) {
		for _, counters := range udp.Counters() {
			n += counters.Dropped(query.NoQuery)
		}
		return n
	}
	g.Expect(dropped()).To(Equal(uint64(1)))

	tcp, err := transport.ListenTCP(t.Context(), "127.0.0.1:0", handler)
	g.Expect(err).NotTo(HaveOccurred())
	dnstest.Run(t, tcp.Serve, tcp.Shutdown)
	stream, err := dns.Dial("tcp", tcp.Addr().String())
	g.Expect(err).NotTo(HaveOccurred())
	defer stream.Close()
	g.Expect(stream.SetDeadline(time.Now().Add(10 * time.Second))).To(Succeed())
	g.Expect(stream.WriteMsg(reply)).To(Succeed())
	_, err = stream.Conn.Write([]byte{0, 3, 1, 2, 3})
	g.Expect(err).NotTo(HaveOccurred())
	expectAnswer(g, stream)
	expectAnswer(g, stream)
	g.Eventually(func() uint64 {
		_, n, _ := tcp.Counters().Durations()
		return n
	}, 5*time.Second).Should(Equal(uint64(2)), "what gets no response has no duration")
	_, err = stream.Conn.Write([]byte{0xff, 0xff})
	g.Expect(err).NotTo(HaveOccurred())
	expectEnd(g, stream)
	g.Expect(tcp.Counters().Dropped(query.NoQuery)).To(Equal(uint64(3)), "a response, three octets, and what is too long")
}
