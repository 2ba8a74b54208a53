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
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/transport"
)

// The server answers queries on connections that it has not accepted yet, and queries that it has
// not read yet. Then it closes its direction.
func TestNoQueryOverTCPIsLostAtTheEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server, err := transport.ListenTCP(t.Context(), "127.0.0.1:0", dnstest.NewHandler(dnstest.Snapshot()))
	g.Expect(err).NotTo(HaveOccurred())
	server.SetGrace(2 * time.Second)
	const clients, queries = 5, 150
	var conns []*dns.Conn
	for range clients {
		conn, err := dns.Dial("tcp", server.Addr().String())
		g.Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		g.Expect(conn.SetDeadline(time.Now().Add(20 * time.Second))).To(Succeed())
		for range queries {
			g.Expect(conn.WriteMsg(dnstest.Question("plain.xcc.test.", dns.TypeA))).To(Succeed())
		}
		conns = append(conns, conn)
	}
	stopped, ended := make(chan error, 1), make(chan error, 1)
	go func() { stopped <- server.Shutdown(context.WithoutCancel(t.Context())) }()
	g.Eventually(server.IsEnding).Should(BeTrue())
	go func() { ended <- server.Serve() }()
	for _, conn := range conns {
		for range queries {
			_, err := conn.ReadMsg()
			g.Expect(err).NotTo(HaveOccurred())
		}
	}
	for _, conn := range conns {
		expectEnd(g, conn)
		g.Expect(conn.Close()).To(Succeed())
	}
	g.Eventually(stopped, 10*time.Second).Should(Receive(BeNil()))
	g.Eventually(ended, 10*time.Second).Should(Receive(BeNil()))
}

// A client that continues to query still receives all responses: unread queries do not reset the
// connection.
func TestAClientThatGoesOnReadsAllThatWasAnswered(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server, err := transport.ListenTCP(t.Context(), "127.0.0.1:0", dnstest.NewHandler(dnstest.Snapshot()))
	g.Expect(err).NotTo(HaveOccurred())
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	conn, err := dns.Dial("tcp", server.Addr().String())
	g.Expect(err).NotTo(HaveOccurred())
	defer conn.Close()
	g.Expect(conn.SetDeadline(time.Now().Add(20 * time.Second))).To(Succeed())
	expectAnswer(g, conn)
	packet, err := dnstest.Question("plain.xcc.test.", dns.TypeA).Pack()
	g.Expect(err).NotTo(HaveOccurred())
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
	asking, stopped := make(chan error, 1), make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			// More at a time than the server reads, so that there are always unread queries.
			_, err = conn.Conn.Write(bytes.Repeat(framed, 1_000))
		}
		asking <- err
	}()
	go func() { stopped <- server.Shutdown(context.WithoutCancel(t.Context())) }()
	_, err = io.Copy(io.Discard, conn.Conn)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(conn.Close()).To(Succeed())
	g.Eventually(asking, 10*time.Second).Should(Receive(MatchError(net.ErrClosed)), "the client ends the connection, and is not told of a reset")
	g.Eventually(stopped, 10*time.Second).Should(Receive(BeNil()))
	g.Eventually(served, 10*time.Second).Should(Receive(BeNil()))
}
