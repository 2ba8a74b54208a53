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

package wire

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/linger"
)

const (
	// MaxConnections is how many TCP connections there may be. At the limit, of the source with the most connections the one that has
	// been silent for longest makes room. What the kernel keeps for them counts as memory of the Pod.
	MaxConnections = 256
	// tcpReadBuffer and tcpWriteBuffer are how many octets may wait in a connection, of which the kernel takes the double for
	// what it needs itself. Left alone, it lets a client that reads nothing have megabytes.
	tcpReadBuffer  = 16 << 10
	tcpWriteBuffer = 32 << 10
	// tcpIdle is how long a connection may wait for its next query (RFC 7766, section 6.2.3 wants seconds).
	tcpIdle = 10 * time.Second
	// tcpSlow is how long a client may take to send a query, and to receive a response.
	tcpSlow = 3 * time.Second
	// tcpGrace is how long connections are accepted, and each of them is read from, when the server ends: what has arrived by then
	// was sent by a client that could not know.
	tcpGrace = 200 * time.Millisecond
)

// TCPServer answers on the connections of one listener.
type TCPServer struct {
	handler        *Handler
	listener       *net.TCPListener
	counters       Counters
	waiting        chan struct{}
	maxConnections int
	// idle, slow and grace are the limits above.
	idle, slow, grace time.Duration

	running sync.WaitGroup
	// ending is set when no query shall be waited for any more, and stopping when no connection shall be accepted any more.
	ending   atomic.Bool
	mu       sync.Mutex
	stopping bool
	conns    map[*tcpConn]bool
}

// ListenTCP binds an address, as [host]:port. Without a host it takes IPv4 and IPv6.
func ListenTCP(ctx context.Context, address string, handler *Handler) (*TCPServer, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &TCPServer{
		handler: handler, listener: listener.(*net.TCPListener), counters: Counters{Transport: TCP}, waiting: make(chan struct{}, maxWaiting),
		maxConnections: MaxConnections, idle: tcpIdle, slow: tcpSlow, grace: tcpGrace, conns: map[*tcpConn]bool{},
	}, nil
}

// Addr returns the address that is bound.
func (s *TCPServer) Addr() net.Addr { return s.listener.Addr() }

// Counters returns those of all connections.
func (s *TCPServer) Counters() *Counters { return &s.counters }

// Serve accepts connections until Shutdown, or until that fails for good.
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
		// Too many open files, or a client that has gone: neither lasts.
		var failed net.Error
		if !errors.As(err, &failed) || errors.Is(err, net.ErrClosed) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// start serves a connection, for which another one may have to go.
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
		silent := s.mostSilent()
		delete(s.conns, silent)
		_ = linger.Abort(silent.tcp)
	}
	s.conns[c] = true
	s.running.Go(func() {
		c.serve()
		// It counts until the client has what it was sent, or has had its time.
		_ = linger.Close(accepted, s.slow)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
	})
}

// limitBuffers bounds what the kernel keeps for a connection. It fails only where the client has gone, which reading tells.
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

// mostSilent returns the connection that makes room for another one. A source that opens many connections closes its own by that, and not
// those of CoreDNS, which has a few.
func (s *TCPServer) mostSilent() *tcpConn {
	held := map[netip.Addr]int{}
	for c := range s.conns {
		held[c.source]++
	}
	var silent *tcpConn
	for c := range s.conns {
		switch {
		case silent == nil, held[c.source] > held[silent.source]:
			silent = c
		case held[c.source] == held[silent.source] && c.active.Load() < silent.active.Load():
			silent = c
		}
	}
	return silent
}

// Shutdown lets every query that has arrived be answered, until the context is done. Connections that wait to be accepted have
// brought theirs already, so that the listener goes last.
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

// Close frees the address of a server that never serves. One that does ends with Shutdown.
func (s *TCPServer) Close() { _ = s.listener.Close() }

// endConnections lets every connection end that has nothing more to say. Those that come later see that by themselves.
func (s *TCPServer) endConnections() {
	s.ending.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.conn.SetReadDeadline(time.Now().Add(s.grace))
	}
}

// tcpConn is one connection.
type tcpConn struct {
	server *TCPServer
	conn   *stream
	tcp    *net.TCPConn
	source netip.Addr
	// active is when a query came last, in nanoseconds since 1970.
	active atomic.Int64
	// reads is how long the client may take for what is read now, since when.
	reads deadline
	// last is when nothing is read any more, once the server ends.
	last time.Time

	writing sync.Mutex
	// writes is the same for what is written.
	writes  deadline
	waiting sync.WaitGroup
}

// deadline is one that a connection was given.
type deadline struct {
	limit time.Duration
	since time.Time
}

// renew returns whether a deadline has to be given for this limit. One that was given a moment ago is as good, and to give one
// takes longer than to answer a query.
func (d *deadline) renew(limit time.Duration, now time.Time) bool {
	if d.limit == limit && now.Sub(d.since) < limit/8 {
		return false
	}
	d.limit, d.since = limit, now
	return true
}
