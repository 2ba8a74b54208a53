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

package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/linger"
)

const (
	// MaxConnections bounds the TCP connections. At the limit, a new connection replaces the one
	// that has been silent longest, among those of the source with the most connections. The
	// kernel's buffers for connections count as memory of the Pod.
	MaxConnections = 256
	// tcpReadBuffer and tcpWriteBuffer are the buffers of a connection in octets. The kernel
	// doubles them for its own needs. Without a limit, a client that does not read could take
	// megabytes.
	tcpReadBuffer  = 16 << 10
	tcpWriteBuffer = 32 << 10
	// tcpIdle is how long a connection may wait for its next query. RFC 7766, section 6.2.3
	// suggests a few seconds.
	tcpIdle = 10 * time.Second
	// tcpSlow is how long a client may take to send a query, or to receive a response.
	tcpSlow = 3 * time.Second
	// tcpGrace is how long the server still accepts connections and reads from them after Shutdown.
	// Clients that sent a query by then did not know of it.
	tcpGrace = 200 * time.Millisecond
)

// TCPServer serves the connections of one listener.
type TCPServer struct {
	handler        Handler
	listener       *net.TCPListener
	counters       query.Counters
	waiting        *waiters
	maxConnections int
	// idle, slow and grace are the limits above. Tests shorten them.
	idle, slow, grace time.Duration

	running sync.WaitGroup
	// ending is set when connections must not wait for further queries.
	ending atomic.Bool
	mu     sync.Mutex
	// stopping is set when no further connections are accepted.
	stopping bool
	conns    map[*tcpConn]bool
}

// ListenTCP binds an address, in the form [host]:port. Without a host it serves IPv4 and IPv6.
func ListenTCP(ctx context.Context, address string, handler Handler) (*TCPServer, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &TCPServer{
		handler: handler, listener: listener.(*net.TCPListener), counters: query.Counters{Transport: query.TCP}, waiting: newWaiters(handler),
		maxConnections: MaxConnections, idle: tcpIdle, slow: tcpSlow, grace: tcpGrace, conns: map[*tcpConn]bool{},
	}, nil
}

// Addr returns the bound address.
func (s *TCPServer) Addr() net.Addr { return s.listener.Addr() }

// Counters returns the counters of all connections together.
func (s *TCPServer) Counters() *query.Counters { return &s.counters }

// Serve accepts connections until Shutdown, or until the listener fails for good.
func (s *TCPServer) Serve() error {
	for {
		conn, err := s.listener.AcceptTCP()
		if err == nil {
			s.start(conn)
			continue
		}
		s.mu.Lock()
		stopping := s.stopping
		s.mu.Unlock()
		if stopping {
			return nil
		}
		// Too many open files, and a client that has gone, are temporary errors.
		var failed net.Error
		if !errors.As(err, &failed) || errors.Is(err, net.ErrClosed) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// start serves a connection in a goroutine. At the limit it closes another connection first.
func (s *TCPServer) start(accepted *net.TCPConn) {
	limitBuffers(accepted)
	conn, err := newStream(accepted)
	if err != nil {
		_ = accepted.Close()
		return
	}
	c := &tcpConn{server: s, conn: conn, tcp: accepted, source: sourceOf(accepted)}
	c.active.Store(time.Now().UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		_ = conn.Close()
		return
	}
	if len(s.conns) >= s.maxConnections {
		silent := s.longestSilent()
		delete(s.conns, silent)
		_ = linger.Abort(silent.tcp)
	}
	s.conns[c] = true
	s.running.Go(func() {
		c.serve()
		// The connection counts until the client has received everything, or has run out of time.
		_ = linger.Close(accepted, s.slow)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
	})
}

// limitBuffers bounds the kernel's buffers of a connection. If this fails, the client has gone, and
// the next read says so.
func limitBuffers(conn *net.TCPConn) {
	_ = conn.SetReadBuffer(tcpReadBuffer)
	_ = conn.SetWriteBuffer(tcpWriteBuffer)
}

func sourceOf(conn *net.TCPConn) netip.Addr {
	address, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return address.AddrPort().Addr().Unmap()
}

// longestSilent returns the connection to replace. A source that opens many connections loses its
// own. CoreDNS, which has a few, keeps its connections.
func (s *TCPServer) longestSilent() *tcpConn {
	perSource := map[netip.Addr]int{}
	for c := range s.conns {
		perSource[c.source]++
	}
	var silent *tcpConn
	for c := range s.conns {
		switch {
		case silent == nil, perSource[c.source] > perSource[silent.source]:
			silent = c
		case perSource[c.source] == perSource[silent.source] && c.active.Load() < silent.active.Load():
			silent = c
		}
	}
	return silent
}

// Shutdown answers the queries that have arrived and closes all connections. It stops early if the
// context ends. It closes the listener last, because connections that are not accepted yet may
// carry queries.
func (s *TCPServer) Shutdown(ctx context.Context) error {
	s.endConnections()
	grace := time.NewTimer(s.grace)
	defer grace.Stop()
	select {
	case <-grace.C:
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.stopping = true
	_ = s.listener.Close()
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() { s.running.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.conns {
			_ = c.conn.Close()
		}
		return ctx.Err()
	}
}

// Close closes the listener of a server that has never served. Use Shutdown otherwise.
func (s *TCPServer) Close() { _ = s.listener.Close() }

// endConnections gives all connections the grace to send their last queries. Connections that are
// accepted later check ending themselves.
func (s *TCPServer) endConnections() {
	s.ending.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.conn.SetReadDeadline(time.Now().Add(s.grace))
	}
}
