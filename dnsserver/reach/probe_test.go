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

package reach

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// serve serves raw connections on loopback.
func serve(t *testing.T, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return netip.MustParseAddrPort(listener.Addr().String())
}

// request reads the head of a request.
func request(conn net.Conn) {
	buffer := make([]byte, 4096)
	_, _ = conn.Read(buffer)
}

func raw(response string) func(*testing.T) netip.AddrPort {
	return func(t *testing.T) netip.AddrPort {
		t.Helper()
		return serve(t, func(conn net.Conn) {
			request(conn)
			_, _ = io.WriteString(conn, response)
		})
	}
}

func handler(handle http.HandlerFunc) func(*testing.T) netip.AddrPort {
	return func(t *testing.T) netip.AddrPort {
		t.Helper()
		server := httptest.NewServer(handle)
		t.Cleanup(server.Close)
		return netip.MustParseAddrPort(server.Listener.Addr().String())
	}
}

func secure(change func(*tls.Config), handle http.HandlerFunc) func(*testing.T) netip.AddrPort {
	return func(t *testing.T) netip.AddrPort {
		t.Helper()
		server := httptest.NewUnstartedServer(handle)
		server.TLS = &tls.Config{}
		change(server.TLS)
		server.StartTLS()
		t.Cleanup(server.Close)
		return netip.MustParseAddrPort(server.Listener.Addr().String())
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// hangs accepts connections and never answers.
func hangs(t *testing.T) netip.AddrPort {
	t.Helper()
	return serve(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
}

func refused(t *testing.T) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	listener.Close()
	return netip.MustParseAddrPort(listener.Addr().String())
}

// blackHole returns a listener that drops connections: its queue is full.
func blackHole(t *testing.T) netip.AddrPort {
	t.Helper()
	g := NewWithT(t)
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = syscall.Close(socket) })
	g.Expect(syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})).To(Succeed())
	g.Expect(syscall.Listen(socket, 0)).To(Succeed())
	name, err := syscall.Getsockname(socket)
	g.Expect(err).NotTo(HaveOccurred())
	address := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(name.(*syscall.SockaddrInet4).Port))
	for range 10 {
		conn, err := net.DialTimeout("tcp", address.String(), 100*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { conn.Close() })
	}
	if runtime.GOOS == "linux" {
		t.Fatal("a listener without a free place in its queue accepts connections")
	}
	t.Skip("Only Linux drops connections to a listener whose queue is full, as the test of dropped packets needs")
	return address
}

func TestProbesOverTheNetwork(t *testing.T) {
	t.Parallel()
	nothing := func(*tls.Config) {}
	endless := func(w http.ResponseWriter, _ *http.Request) {
		for block := make([]byte, 1<<20); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
	for name, test := range map[string]struct {
		server   func(*testing.T) netip.AddrPort
		protocol failover.Protocol
		result   Result
	}{
		"TCP, works":              {hangs, failover.TCP, Success},
		"TCP, refused":            {refused, failover.TCP, Refused},
		"TCP, dropped":            {blackHole, failover.TCP, TimedOut},
		"HTTP, refused":           {refused, failover.HTTP, Refused},
		"HTTP, hangs":             {hangs, failover.HTTP, TimedOut},
		"HTTP, 200":               {handler(status(200)), failover.HTTP, Success},
		"HTTP, 204":               {handler(status(204)), failover.HTTP, Success},
		"HTTP, 404":               {handler(status(404)), failover.HTTP, Success},
		"HTTP, 499":               {handler(status(499)), failover.HTTP, Success},
		"HTTP, 500":               {handler(status(500)), failover.HTTP, BadStatus},
		"HTTP, 503":               {handler(status(503)), failover.HTTP, BadStatus},
		"HTTP, 999":               {handler(status(999)), failover.HTTP, BadStatus},
		"HTTP, endless body":      {handler(endless), failover.HTTP, Success},
		"HTTP, HTTP/1.0":          {raw("HTTP/1.0 200 OK\r\n\r\n"), failover.HTTP, Success},
		"HTTP, no reason":         {raw("HTTP/1.1 200"), failover.HTTP, Success},
		"HTTP, early hints":       {raw("HTTP/1.1 103 Early Hints\r\n\r\n"), failover.HTTP, Success},
		"HTTP, status 099":        {raw("HTTP/1.1 099 What\r\n\r\n"), failover.HTTP, BadResponse},
		"HTTP, status -1":         {raw("HTTP/1.1 -10 What\r\n\r\n"), failover.HTTP, BadResponse},
		"HTTP, HTTP/2":            {raw("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80"), failover.HTTP, BadResponse},
		"HTTP, garbage":           {raw("SSH-2.0-OpenSSH_9.9\r\n"), failover.HTTP, BadResponse},
		"HTTP, nothing":           {raw(""), failover.HTTP, BadResponse},
		"HTTP, a part":            {raw("HTTP/1.1 "), failover.HTTP, BadResponse},
		"HTTP, TLS server":        {secure(nothing, status(200)), failover.HTTP, Success}, // Go's responds with 400.
		"HTTPS, wrong name":       {secure(nothing, status(200)), failover.HTTPS, Success},
		"HTTPS, 500":              {secure(nothing, status(500)), failover.HTTPS, BadStatus},
		"HTTPS, TLS 1.2":          {secure(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, status(200)), failover.HTTPS, Success},
		"HTTPS, endless body":     {secure(nothing, endless), failover.HTTPS, Success},
		"HTTPS, hangs":            {hangs, failover.HTTPS, TimedOut},
		"HTTPS, dropped":          {blackHole, failover.HTTPS, TimedOut},
		"HTTPS, garbage":          {raw("SSH-2.0-OpenSSH_9.9\r\n"), failover.HTTPS, BadHandshake},
		"HTTPS, HTTP server":      {handler(status(200)), failover.HTTPS, BadHandshake},
		"HTTPS, ends at once":     {serveNothing, failover.HTTPS, BadHandshake},
		"HTTPS, unknown name":     {secure(refuseName, status(200)), failover.HTTPS, BadHandshake},
		"HTTPS, wants client's":   {secure(func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }, status(200)), failover.HTTPS, BadHandshake},
		"HTTPS, expired protocol": {secure(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, status(200)), failover.HTTPS, BadHandshake},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			check := failover.HealthCheck{Protocol: test.protocol, Timeout: 500 * time.Millisecond}
			if test.result != TimedOut {
				check.Timeout = time.Minute
			}
			if test.protocol != failover.TCP {
				check.Path, check.Host = "/", "shop.example.com"
			}
			found, reason := judge(dial(t.Context(), test.server(t), check))
			g.Expect(found).To(Equal(test.result), reason)
			if test.result == Success {
				g.Expect(reason).To(BeEmpty())
			} else {
				g.Expect(reason).NotTo(BeEmpty())
			}
			g.Expect(reason).NotTo(ContainSubstring("127.0.0.1"))
		})
	}
}

func serveNothing(t *testing.T) netip.AddrPort {
	t.Helper()
	return serve(t, func(net.Conn) {})
}

// refuseName refuses the name of the tests as a server does that has no certificate for it.
func refuseName(c *tls.Config) {
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		return nil, &failure{Failed, "no " + hello.ServerName}
	}
}

func TestARequestIsMinimal(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	requests := make(chan *http.Request, 10)
	names := make(chan string, 10)
	server := secure(func(c *tls.Config) {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			names <- hello.ServerName
			return nil, nil
		}
	}, func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})(t)
	check := failover.HealthCheck{
		Protocol: failover.HTTPS, Path: "/live?full=1", Host: "shop.example.com", Timeout: time.Minute,
	}
	g.Expect(dial(t.Context(), server, check)).To(Succeed(), "a redirect is alive")
	g.Expect(names).To(Receive(Equal("shop.example.com")))
	var r *http.Request
	g.Expect(requests).To(Receive(&r))
	g.Expect(r.Method + " " + r.RequestURI + " " + r.Proto).To(Equal("GET /live?full=1 HTTP/1.1"))
	g.Expect(r.Host).To(Equal("shop.example.com"))
	g.Expect(r.Close).To(BeTrue())
	g.Expect(requests).NotTo(Receive(), "it is not followed")
}

func TestASlowResponseRunsIntoTheTimeout(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server := serve(t, func(conn net.Conn) {
		request(conn)
		for _, c := range []byte("HTTP/1.1 200 OK\r\n\r\n") {
			if _, err := conn.Write([]byte{c}); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	check := failover.HealthCheck{Protocol: failover.HTTP, Path: "/", Host: "shop", Timeout: 300 * time.Millisecond}
	found, _ := judge(dial(t.Context(), server, check))
	g.Expect(found).To(Equal(TimedOut), "the timeout is for the whole probe")
}

// A server that sends without end must not cost this process more than a buffer.
func TestAResponseIsReadNoFurtherThanItsStatus(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var sent atomic.Int64
	ended := make(chan struct{})
	server := serve(t, func(conn net.Conn) {
		defer close(ended)
		request(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		for block := make([]byte, 1<<16); ; {
			n, err := conn.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	check := failover.HealthCheck{Protocol: failover.HTTP, Path: "/", Host: "shop", Timeout: time.Minute}
	g.Expect(dial(t.Context(), server, check)).To(Succeed())
	g.Eventually(ended).Should(BeClosed(), "the connection is reset")
	g.Expect(sent.Load()).To(BeNumerically("<", 64<<20), "only the buffers of the kernel fill")
}

func TestAddressesThatMayNotBePublishedAreNotDialled(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var accepted atomic.Int32
	server := serve(t, func(net.Conn) { accepted.Add(1) })
	check := failover.HealthCheck{Protocol: failover.TCP, Port: server.Port(), Timeout: time.Second}
	for _, address := range []string{"127.0.0.1", "::ffff:127.0.0.1"} {
		err := prober{}.probe(t.Context(), Target{Address: netip.MustParseAddr(address), Check: check})
		g.Expect(err).To(MatchError(ContainSubstring("loopback")))
	}
	denied := prober{judge: netaddr.NewJudge([]netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")})}
	err := denied.probe(t.Context(), Target{Address: netip.MustParseAddr("198.51.100.7"), Check: check})
	g.Expect(err).To(MatchError(ContainSubstring("denied range")))
	g.Expect(accepted.Load()).To(BeZero())
}

// A proxy of the environment must not be asked: it would see and answer the probes.
func TestNoProxyIsUsed(t *testing.T) {
	g := NewWithT(t)
	var accepted atomic.Int32
	proxy := serve(t, func(net.Conn) { accepted.Add(1) })
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "http://"+proxy.String())
	}
	server := handler(status(200))(t)
	check := failover.HealthCheck{Protocol: failover.HTTP, Path: "/", Host: "shop.example.com", Timeout: time.Minute}
	g.Expect(dial(t.Context(), server, check)).To(Succeed())
	g.Expect(accepted.Load()).To(BeZero())
}

func TestAProbeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check := failover.HealthCheck{Protocol: failover.TCP, Timeout: time.Minute}
	g.Expect(dial(ctx, hangs(t), check)).NotTo(Succeed())
}

func TestFamiliesOfThisHost(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ipv4, ipv6 := hasFamily()
	g.Expect(ipv4 || ipv6).To(BeTrue(), "without any, both are probed")
}
