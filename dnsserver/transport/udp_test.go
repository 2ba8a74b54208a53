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
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/transport"
)

func startUDP(t *testing.T, address string) *transport.UDPServer {
	t.Helper()
	server, err := transport.ListenUDP(t.Context(), address, 2, dnstest.NewHandler(dnstest.Snapshot()))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	dnstest.Run(t, server.Serve, server.Shutdown)
	return server
}

// A client with a connected socket accepts only responses from the address that it sent the query
// to.
func TestAResponseComesFromTheAddressThatWasAsked(t *testing.T) {
	t.Parallel()
	for bound, asked := range map[string][]string{
		":0": {"127.0.0.1", "127.0.0.2", "::1"}, "0.0.0.0:0": {"127.0.0.1", "127.0.0.3"}, "[::]:0": {"::1", "127.0.0.1"},
		"127.0.0.1:0": {"127.0.0.1"}, "[::1]:0": {"::1"},
	} {
		t.Run(bound, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			_, port, err := net.SplitHostPort(startUDP(t, bound).Addr().String())
			g.Expect(err).NotTo(HaveOccurred())
			for _, host := range asked {
				// Several clients, so that every socket has its share.
				for range 8 {
					response := dnstest.Over("udp", net.JoinHostPort(host, port))(g, dnstest.Question("plain.xcc.test.", dns.TypeA))
					g.Expect(response.Answer).To(HaveLen(1))
				}
			}
		})
	}
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	taken, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	defer taken.Close()
	_, err = transport.ListenUDP(t.Context(), taken.LocalAddr().String(), 2, dnstest.NewHandler(nil))
	g.Expect(err).To(HaveOccurred())
}

// Otherwise two servers with one CPU each would receive half of each other's queries.
func TestAnAddressOfAnotherServerIsAnError(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	first, err := transport.ListenUDP(t.Context(), "127.0.0.1:0", 1, dnstest.NewHandler(nil))
	g.Expect(err).NotTo(HaveOccurred())
	defer first.Close()
	_, err = transport.ListenUDP(t.Context(), first.Addr().String(), 1, dnstest.NewHandler(nil))
	g.Expect(err).To(MatchError(ContainSubstring("address already in use")))
}

// More queries than fit into a batch are all answered, even if the server shuts down after they
// have arrived.
func TestNoQueryIsLostAtTheEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server, err := transport.ListenUDP(t.Context(), "127.0.0.1:0", 1, dnstest.NewHandler(dnstest.Snapshot()))
	g.Expect(err).NotTo(HaveOccurred())
	conn, err := dns.Dial("udp", server.Addr().String())
	g.Expect(err).NotTo(HaveOccurred())
	defer conn.Close()
	g.Expect(conn.SetDeadline(time.Now().Add(10 * time.Second))).To(Succeed())
	const count = 150
	for range count {
		g.Expect(conn.WriteMsg(dnstest.Question("plain.xcc.test.", dns.TypeA))).To(Succeed())
	}
	ended := make(chan error, 1)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Shutdown(context.WithoutCancel(t.Context())) }()
	go func() { ended <- server.Serve() }()
	for range count {
		_, err := conn.ReadMsg()
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Eventually(stopped, 5*time.Second).Should(Receive(BeNil()))
	g.Eventually(ended, 5*time.Second).Should(Receive(BeNil()))
}

func TestEverySocketCounts(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server := startUDP(t, "127.0.0.1:0")
	const count = 50
	for range count {
		dnstest.Over("udp", server.Addr().String())(g, dnstest.Question("plain.xcc.test.", dns.TypeA))
	}
	g.Eventually(func() uint64 { return observed(server) }).Should(Equal(uint64(count)), "durations are counted once the responses are sent")
}
