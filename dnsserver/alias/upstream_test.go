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

package alias

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
)

// startResolver serves the handler over UDP and TCP on one port of this address, and returns the
// port.
func startResolver(t *testing.T, host string, port int, handler dns.HandlerFunc) int {
	t.Helper()
	g := NewWithT(t)
	packets, listener, err := listenBoth(host, port)
	g.Expect(err).NotTo(HaveOccurred())
	port = packets.LocalAddr().(*net.UDPAddr).Port
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: listener, Handler: handler}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go func() { _ = server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return port
}

// listenBoth listens on a port over UDP and TCP. If it may choose the port, a port that is free
// over UDP may be in use over TCP. It then tries another port.
func listenBoth(host string, port int) (packets net.PacketConn, listener net.Listener, err error) {
	for range 20 {
		if packets, err = net.ListenPacket("udp", net.JoinHostPort(host, strconv.Itoa(port))); err != nil {
			return nil, nil, err
		}
		if listener, err = net.Listen("tcp", packets.LocalAddr().String()); err == nil {
			return packets, listener, nil
		}
		_ = packets.Close()
		if port != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, nil, err
		}
	}
	return nil, nil, err
}

// upstreamOf returns the resolvers at these addresses.
func upstreamOf(t *testing.T, port int, hosts ...string) *upstream {
	t.Helper()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	content := "search example.com\noptions ndots:5\n"
	for _, host := range hosts {
		content += "nameserver " + host + "\n"
	}
	NewWithT(t).Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
	return &upstream{path: path, port: strconv.Itoa(port)}
}

func answering(address string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, query *dns.Msg) {
		response := new(dns.Msg).SetReply(query)
		record, _ := dns.NewRR(query.Question[0].Name + " 60 IN A " + address)
		response.Answer = []dns.RR{record}
		_ = w.WriteMsg(response)
	}
}

func refusing(w dns.ResponseWriter, query *dns.Msg) {
	_ = w.WriteMsg(new(dns.Msg).SetRcode(query, dns.RcodeServerFailure))
}

func ask(t *testing.T, u *upstream) (string, error) {
	t.Helper()
	response, err := u.ask(t.Context(), balancer, dns.TypeA)
	if err != nil {
		return "", err
	}
	answer, ok := reader{}.read(response, balancer, dns.TypeA)
	NewWithT(t).Expect(ok).To(BeTrue())
	return say(answer), nil
}

func TestTheFirstResolverIsAskedForTheAbsoluteName(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	queries := make(chan *dns.Msg, 1)
	port := startResolver(t, "127.0.0.1", 0, func(w dns.ResponseWriter, q *dns.Msg) {
		queries <- q.Copy()
		answering("198.51.100.1")(w, q)
	})
	g.Expect(ask(t, upstreamOf(t, port, "127.0.0.1", "127.0.0.9"))).To(Equal("NOERROR 198.51.100.1"))
	query := <-queries
	g.Expect(query.Question[0].Name).To(Equal("lb.example.com."))
	g.Expect(query.RecursionDesired).To(BeTrue())
	g.Expect(query.IsEdns0().UDPSize()).To(Equal(uint16(1232)))
}

func TestTheNextResolverIsAskedWhenOneFails(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]dns.HandlerFunc{
		"it says so": refusing,
		"it answers another question": func(w dns.ResponseWriter, query *dns.Msg) {
			query.Question[0].Name = "evil.test."
			answering("203.0.113.66")(w, query)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			port := startResolver(t, "127.0.0.1", 0, handler)
			startResolver(t, "127.0.0.2", port, answering("198.51.100.2"))
			g.Expect(ask(t, upstreamOf(t, port, "127.0.0.1", "127.0.0.2"))).To(Equal("NOERROR 198.51.100.2"))
		})
	}
}

func TestASilentResolverLeavesTimeForTheNext(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	port := startResolver(t, "127.0.0.1", 0, func(dns.ResponseWriter, *dns.Msg) {})
	startResolver(t, "127.0.0.2", port, answering("198.51.100.2"))
	start := time.Now()
	g.Expect(ask(t, upstreamOf(t, port, "127.0.0.1", "127.0.0.2"))).To(Equal("NOERROR 198.51.100.2"))
	g.Expect(time.Since(start)).To(BeNumerically("<", maxWait))
}

func TestATruncatedResponseIsAskedForOverTCP(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	port := startResolver(t, "127.0.0.1", 0, func(w dns.ResponseWriter, query *dns.Msg) {
		if w.RemoteAddr().Network() == "udp" {
			response := new(dns.Msg).SetReply(query)
			response.Truncated = true
			_ = w.WriteMsg(response)
			return
		}
		answering("198.51.100.3")(w, query)
	})
	g.Expect(ask(t, upstreamOf(t, port, "127.0.0.1"))).To(Equal("NOERROR 198.51.100.3"))
}

func TestFailuresAreErrors(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	port := startResolver(t, "127.0.0.1", 0, refusing)
	_, err := ask(t, upstreamOf(t, port, "127.0.0.1"))
	g.Expect(err).To(MatchError(ContainSubstring("SERVFAIL")))
	_, err = ask(t, &upstream{path: filepath.Join(t.TempDir(), "missing")})
	g.Expect(err).To(MatchError(ContainSubstring("reading which resolvers there are")))
	_, err = ask(t, upstreamOf(t, port))
	g.Expect(err).To(HaveOccurred(), "no resolver at all")
}

func TestALookupEndsWithItsContext(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	port := startResolver(t, "127.0.0.1", 0, func(dns.ResponseWriter, *dns.Msg) {})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := upstreamOf(t, port, "127.0.0.1").ask(ctx, balancer, dns.TypeA)
	g.Expect(err).To(MatchError(context.DeadlineExceeded))
	g.Expect(time.Since(start)).To(BeNumerically("<", attemptTimeout))
}

func TestTheResolversAreReadOnceASecond(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	u := upstreamOf(t, 53, "192.0.2.1")
	now := time.Now()
	servers := func(after time.Duration) []string {
		config, err := u.resolvers(now.Add(after))
		g.Expect(err).NotTo(HaveOccurred())
		return config.Servers
	}
	g.Expect(servers(0)).To(Equal([]string{"192.0.2.1"}))
	g.Expect(os.WriteFile(u.path, []byte("nameserver 192.0.2.2\n"), 0o600)).To(Succeed())
	g.Expect(servers(configRest - 1)).To(Equal([]string{"192.0.2.1"}))
	g.Expect(servers(configRest)).To(Equal([]string{"192.0.2.2"}))
}
