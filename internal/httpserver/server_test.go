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

package httpserver_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/httpserver"
)

// start serves until the test ends, and returns the address.
func start(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	g := NewWithT(t)
	server, err := httpserver.Listen(t.Context(), "127.0.0.1:0", handler)
	g.Expect(err).NotTo(HaveOccurred())
	return serve(t, server)
}

func serve(t *testing.T, server *httpserver.Server) string {
	t.Helper()
	g := NewWithT(t)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve() }()
	t.Cleanup(func() {
		g.Expect(server.Close()).To(Succeed())
		g.Eventually(ended).Should(Receive(BeNil()))
	})
	return server.Addr().String()
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }

// dial connects from a source address of the loopback network.
func dial(t *testing.T, address, source string) net.Conn {
	t.Helper()
	g := NewWithT(t)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = conn.Close() })
	g.Expect(conn.SetDeadline(time.Now().Add(20 * time.Second))).To(Succeed())
	return conn
}

// probe sends a request like a kubelet's probe, and returns the status code.
func probe(address, source string) (int, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext}}
	response, err := client.Get("http://" + address + "/healthz")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	return response.StatusCode, nil
}

// expectEnd expects that the server closes the connection before the test's deadline.
func expectEnd(g Gomega, conn net.Conn) {
	_, err := io.Copy(io.Discard, conn)
	g.Expect(err).To(Or(BeNil(), MatchError(ContainSubstring("reset"))))
}

func TestALargeHeaderIsRefused(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	address := start(t, ok)
	for size, want := range map[int]int{
		httpserver.MaxHeader - 100: http.StatusOK,
		httpserver.MaxHeader + 100: http.StatusRequestHeaderFieldsTooLarge,
	} {
		conn := dial(t, address, "127.0.0.1")
		header := "GET /healthz HTTP/1.1\r\nHost: x\r\nA: "
		_, err := fmt.Fprint(conn, header, strings.Repeat("a", size-len(header)-4), "\r\n\r\n")
		g.Expect(err).NotTo(HaveOccurred())
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(response.StatusCode).To(Equal(want), "%d octets", size)
		g.Expect(response.Body.Close()).To(Succeed())
	}
}

func TestAConnectionWithAnUnfinishedHeaderIsClosed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	conn := dial(t, start(t, ok), "127.0.0.1")
	_, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n")
	g.Expect(err).NotTo(HaveOccurred())
	expectEnd(g, conn)
}

func TestAProbeSucceedsWhileAnotherClientHoldsAllConnections(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	address := start(t, ok)
	var held []net.Conn
	for range httpserver.MaxPerSource {
		for source := range 12 {
			conn := dial(t, address, fmt.Sprintf("127.0.1.%d", source+1))
			_, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nA: ")
			g.Expect(err).NotTo(HaveOccurred())
			held = append(held, conn)
		}
	}
	g.Expect(probe(address, "127.0.0.1")).To(Equal(http.StatusOK))
	expectEnd(g, held[0])
}

func TestTheConnectionsOfASourceAreLimited(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	address := start(t, ok)
	other := dial(t, address, "127.0.0.1")
	var held []net.Conn
	for range httpserver.MaxPerSource + 1 {
		held = append(held, dial(t, address, "127.0.2.1"))
	}
	expectEnd(g, held[0])
	for _, conn := range append(held[1:], other) {
		_, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(io.ReadAll(conn)).To(ContainSubstring("200 OK"))
	}
}

func TestRequestsInFlightAreLimited(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var running, most atomic.Int32
	release := make(chan struct{})
	address := start(t, func(w http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
		}
		<-release
		ok(w, r)
	})
	const count = 2 * httpserver.MaxInFlight
	var asking sync.WaitGroup
	statuses := make(chan int, count)
	for i := range count {
		asking.Go(func() {
			status, _ := probe(address, fmt.Sprintf("127.0.3.%d", i+1))
			statuses <- status
		})
	}
	g.Eventually(running.Load).Should(BeEquivalentTo(httpserver.MaxInFlight), "every slot is in use")
	close(release)
	asking.Wait()
	for range count {
		g.Expect(<-statuses).To(Equal(http.StatusOK), "the other requests wait for a slot")
	}
	g.Expect(most.Load()).To(BeEquivalentTo(httpserver.MaxInFlight))
}

func TestARequestInFlightOverTLSIsNotEvicted(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	withCertificate := httptest.NewTLSServer(nil)
	defer withCertificate.Close()
	running, release := make(chan struct{}), make(chan struct{})
	server, err := httpserver.ListenTLS(t.Context(), "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(running)
		<-release
		ok(w, r)
	}), withCertificate.TLS)
	g.Expect(err).NotTo(HaveOccurred())
	address := serve(t, server)
	busy := tls.Client(dial(t, address, "127.0.4.1"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	_, err = io.WriteString(busy, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(busy.ConnectionState().NegotiatedProtocol).To(Equal("http/1.1"))
	g.Eventually(running).Should(BeClosed(), "the request is being handled")
	var held []net.Conn
	for range httpserver.MaxPerSource {
		held = append(held, dial(t, address, "127.0.4.1"))
	}
	expectEnd(g, held[0])
	close(release)
	g.Expect(io.ReadAll(busy)).To(ContainSubstring("200 OK"))
}
