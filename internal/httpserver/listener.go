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

package httpserver

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/linger"
)

// limitedListener accepts connections and keeps to their limits.
type limitedListener struct {
	*net.TCPListener

	mu sync.Mutex
	// conns are in the order in which they were accepted.
	conns []*limitedConn
}

func newLimitedListener(listener *net.TCPListener) *limitedListener {
	return &limitedListener{TCPListener: listener}
}

// limitedConn is a connection that counts until the kernel holds nothing for it.
type limitedConn struct {
	*net.TCPConn

	listener *limitedListener
	source   netip.Addr
	// busy says that a whole header has been read, and its request is being handled.
	busy    atomic.Bool
	closing sync.Once
}

// Accept returns the next connection. One for which there is no room is closed.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.AcceptTCP()
		if err != nil {
			return nil, err
		}
		conn := &limitedConn{TCPConn: accepted, listener: l, source: sourceOf(accepted.RemoteAddr())}
		if l.admit(conn) {
			return conn, nil
		}
		_ = linger.Abort(accepted)
	}
}

func sourceOf(address net.Addr) netip.Addr {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

// admit counts a connection. At a limit it closes a connection that waits for a request, and returns false if there
// is none.
func (l *limitedListener) admit(conn *limitedConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if evicted, full := victim(l.conns, conn.source); full {
		if evicted < 0 {
			return false
		}
		_ = linger.Abort(l.conns[evicted].TCPConn)
		l.conns = append(l.conns[:evicted], l.conns[evicted+1:]...)
	}
	l.conns = append(l.conns, conn)
	return true
}

// victim returns whether there is no room for a further connection of a source, and which one gives way to it: the
// oldest that waits for a request. At the limit of the source it is one of this source. At the limit of all it is one
// of the source that has most of those, so that many connections of one source do not close the single one of
// another. It is -1 if every one is busy.
func victim(conns []*limitedConn, source netip.Addr) (index int, full bool) {
	own := 0
	waiting := map[netip.Addr]int{}
	for _, conn := range conns {
		if conn.source == source {
			own++
		}
		if !conn.busy.Load() {
			waiting[conn.source]++
		}
	}
	if own < MaxPerSource && len(conns) < MaxConnections {
		return -1, false
	}
	index = -1
	for i, conn := range conns {
		switch {
		case conn.busy.Load() || own >= MaxPerSource && conn.source != source:
		case index < 0 || waiting[conn.source] > waiting[conns[index].source]:
			index = i
		}
	}
	return index, true
}

func (l *limitedListener) remove(conn *limitedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, other := range l.conns {
		if other == conn {
			l.conns = append(l.conns[:i], l.conns[i+1:]...)
			return
		}
	}
}

// Close returns at once. The connection counts, and may be evicted, until the client has acknowledged what it was sent.
func (c *limitedConn) Close() error {
	c.closing.Do(func() {
		c.busy.Store(false)
		go func() {
			_ = linger.Close(c.TCPConn, closeTimeout)
			c.listener.remove(c)
		}()
	})
	return nil
}

type connKey struct{}

// withConn lets handlers find the connection of a request.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, conn)
}

// connOf returns nil for a request that did not come over a limited connection.
func connOf(ctx context.Context) *limitedConn {
	conn, _ := ctx.Value(connKey{}).(*limitedConn)
	return conn
}
