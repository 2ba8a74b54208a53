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
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/transport"
)

const (
	short   = 50 * time.Millisecond
	forever = time.Hour
)

// startTCP serves with the limits of the test and returns a function that connects.
func startTCP(t *testing.T, handler *answer.Handler, connections int, idle, slow time.Duration, waiting ...int) func() *dns.Conn {
	t.Helper()
	g := NewWithT(t)
	server, err := transport.ListenTCP(t.Context(), "127.0.0.1:0", handler)
	g.Expect(err).NotTo(HaveOccurred())
	server.SetLimits(connections, idle, slow)
	for _, n := range waiting {
		server.SetWaiting(n)
	}
	dnstest.Run(t, server.Serve, server.Shutdown)
	return func() *dns.Conn {
		conn, err := dns.Dial("tcp", server.Addr().String())
		g.Expect(err).NotTo(HaveOccurred())
		t.Cleanup(func() { _ = conn.Close() })
		g.Expect(conn.SetDeadline(time.Now().Add(10 * time.Second))).To(Succeed())
		return conn
	}
}

func expectAnswer(g Gomega, conn *dns.Conn) {
	g.Expect(conn.WriteMsg(dnstest.Question("plain.xcc.test.", dns.TypeA))).To(Succeed())
	response, err := conn.ReadMsg()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(response.Answer).To(HaveLen(1))
}

// expectEnd expects the server to close the connection before the test's deadline.
func expectEnd(g Gomega, conn *dns.Conn) {
	_, err := conn.Read(make([]byte, 1))
	g.Expect(err).To(Or(MatchError(io.EOF), MatchError(ContainSubstring("reset"))))
}

func TestManyQueriesInOneSegmentAreAllAnswered(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	conn := startTCP(t, dnstest.NewHandler(dnstest.Snapshot()), 10, forever, forever)()
	const count = 3000
	var stream []byte
	for i := range count {
		msg := dnstest.Question("plain.xcc.test.", dns.TypeA)
		msg.Id = uint16(i)
		if i%100 == 7 {
			msg = dnstest.Question(dnstest.ManyAddresses, dns.TypeA)
			msg.Id = uint16(i)
		}
		packet, err := msg.Pack()
		g.Expect(err).NotTo(HaveOccurred())
		stream = append(binary.BigEndian.AppendUint16(stream, uint16(len(packet))), packet...)
	}
	go func() { _, _ = conn.Conn.Write(stream) }()
	for i := range count {
		response, err := conn.ReadMsg()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(response.Id).To(Equal(uint16(i)))
		g.Expect(response.Truncated).To(BeFalse())
	}
}

func TestAQueryThatComesOctetByOctetIsAnswered(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	conn := startTCP(t, dnstest.NewHandler(dnstest.Snapshot()), 10, forever, forever)()
	packet, err := dnstest.Question("plain.xcc.test.", dns.TypeA).Pack()
	g.Expect(err).NotTo(HaveOccurred())
	for _, octet := range append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...) {
		_, err := conn.Conn.Write([]byte{octet})
		g.Expect(err).NotTo(HaveOccurred())
	}
	response, err := conn.ReadMsg()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(response.Answer).To(HaveLen(1))
}

func TestAClientThatIsSilentIsSentAway(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	connect := startTCP(t, dnstest.NewHandler(dnstest.Snapshot()), 10, short, forever)
	never := connect()
	expectEnd(g, never)
	once := connect()
	expectAnswer(g, once)
	expectEnd(g, once)
}

func TestAClientThatSendsSlowlyIsSentAway(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string][]byte{"half of the length": {0}, "the length": {0, 40}, "half of a query": {0, 40, 1, 2, 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			conn := startTCP(t, dnstest.NewHandler(dnstest.Snapshot()), 10, forever, short)()
			_, err := conn.Conn.Write(sent)
			g.Expect(err).NotTo(HaveOccurred())
			expectEnd(g, conn)
		})
	}
}

func TestAClientThatReadsNothingIsSentAway(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	conn := startTCP(t, dnstest.NewHandler(dnstest.Snapshot()), 10, forever, short)()
	packet, err := dnstest.Question(dnstest.ManyAddresses, dns.TypeA).Pack()
	g.Expect(err).NotTo(HaveOccurred())
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
	for err == nil {
		_, err = conn.Conn.Write(framed)
	}
	g.Expect(err).To(Or(MatchError(ContainSubstring("reset")), MatchError(ContainSubstring("broken pipe"))))
}

func TestAQueryThatIsTooLongEndsTheConnection(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	conn := startTCP(t, dnstest.NewHandler(dnstest.Snapshot()), 10, forever, forever)()
	_, err := conn.Conn.Write(append([]byte{0xff, 0xff}, make([]byte, 65535)...))
	g.Expect(err).NotTo(HaveOccurred())
	expectEnd(g, conn)
}

func TestTheMostSilentConnectionMakesRoom(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	connect := startTCP(t, dnstest.NewHandler(dnstest.Snapshot()), 3, forever, forever)
	first, second, third := connect(), connect(), connect()
	expectAnswer(g, second)
	expectAnswer(g, third)
	expectAnswer(g, first)
	expectAnswer(g, connect())
	expectEnd(g, second)
	expectAnswer(g, first)
	expectAnswer(g, third)
}

// A source that opens many connections does not close those of a source with few.
func TestASourceWithManyConnectionsMakesRoom(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server, err := transport.ListenTCP(t.Context(), "127.0.0.1:0", dnstest.NewHandler(dnstest.Snapshot()))
	g.Expect(err).NotTo(HaveOccurred())
	server.SetLimits(5, forever, forever)
	dnstest.Run(t, server.Serve, server.Shutdown)
	connect := func(source string) *dns.Conn {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
		conn, err := dialer.DialContext(t.Context(), "tcp", server.Addr().String())
		g.Expect(err).NotTo(HaveOccurred())
		t.Cleanup(func() { _ = conn.Close() })
		g.Expect(conn.SetDeadline(time.Now().Add(10 * time.Second))).To(Succeed())
		return &dns.Conn{Conn: conn}
	}
	forwarder := connect("127.0.0.1")
	expectAnswer(g, forwarder)
	for range 20 {
		expectAnswer(g, connect("127.0.0.2"))
	}
	expectAnswer(g, forwarder)
}

// waits makes queries wait for targets until the test closes the channel.
type waits struct {
	dnstest.Aliases

	known chan struct{}
}

func (w waits) Cached(string, uint16) *alias.Answer { return nil }

func (w waits) Wait(target string, qtype uint16) *alias.Answer {
	<-w.known
	return w.Aliases.Wait(target, qtype)
}

func TestAQueryThatWaitsIsOvertaken(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	known := make(chan struct{})
	handler.Aliases = waits{dnstest.KnownAliases(), known}
	tcp := startTCP(t, handler, 10, forever, forever)()
	address, _ := dnstest.Serve(t, handler)
	udp, err := dns.Dial("udp", address)
	g.Expect(err).NotTo(HaveOccurred())
	defer udp.Close()
	g.Expect(udp.SetDeadline(time.Now().Add(10 * time.Second))).To(Succeed())
	for _, conn := range []*dns.Conn{tcp, udp} {
		g.Expect(conn.WriteMsg(dnstest.Question("kuard.gateway.cluster-c.dev-team.clusters.xcc.test.", dns.TypeA))).To(Succeed())
		expectAnswer(g, conn)
	}
	close(known)
	for _, conn := range []*dns.Conn{tcp, udp} {
		response, err := conn.ReadMsg()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(response.Answer).To(HaveLen(3), "the alias and two addresses")
	}
}

func TestTooManyQueriesThatWaitFailAtOnce(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	known := make(chan struct{})
	handler.Aliases = waits{dnstest.KnownAliases(), known}
	const count = 11
	conn := startTCP(t, handler, 10, forever, forever, count-1)()
	for range count {
		g.Expect(conn.WriteMsg(dnstest.Question("hangs.xcc.test.", dns.TypeAAAA))).To(Succeed())
	}
	response, err := conn.ReadMsg()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(response.Rcode).To(Equal(dns.RcodeServerFailure))
	expectAnswer(g, conn)
	close(known)
	for range count - 1 {
		_, err := conn.ReadMsg()
		g.Expect(err).NotTo(HaveOccurred())
	}
}
