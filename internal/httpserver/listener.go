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

// limitedListener limits the number of connections.
type limitedListener struct {
	*net.TCPListener

	mu sync.Mutex
	// conns are in the order in which they were accepted.
	conns []*limitedConn
}

func newLimitedListener(listener *net.TCPListener) *limitedListener {
	return &limitedListener{TCPListener: listener}
}

// limitedConn is a connection that counts towards the limits until the kernel has released its
// buffers.
type limitedConn struct {
	*net.TCPConn

	listener *limitedListener
	source   netip.Addr
	// busy is true while a request is being handled. A busy connection is not evicted.
	busy    atomic.Bool
	closing sync.Once
}

// Accept returns the next connection within the limits. It closes the others.
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

// admit adds a connection. At a limit, it evicts an idle one first. It returns false if all are
// busy.
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

// victim returns whether a limit is reached for a further connection of a source, and the index of
// the connection to evict, or -1 if all are busy. It is the oldest idle connection: of this source
// at the limit per source, and otherwise of the source with the most idle ones. So many connections
// of one source do not evict the only one of another.
func victim(conns []*limitedConn, source netip.Addr) (index int, full bool) {
	own := 0
	idle := map[netip.Addr]int{}
	for _, conn := range conns {
		if conn.source == source {
			own++
		}
		if !conn.busy.Load() {
			idle[conn.source]++
		}
	}
	if own < MaxPerSource && len(conns) < MaxConnections {
		return -1, false
	}
	index = -1
	for i, conn := range conns {
		switch {
		case conn.busy.Load() || own >= MaxPerSource && conn.source != source:
		case index < 0 || idle[conn.source] > idle[conns[index].source]:
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

// Close returns immediately. The connection counts towards the limits, and may be evicted, until
// the client has acknowledged the response.
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

// withConn returns a context from which connOf gets the connection.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, conn)
}

// connOf returns the connection of a request, or nil if it is not a limitedConn.
func connOf(ctx context.Context) *limitedConn {
	conn, _ := ctx.Value(connKey{}).(*limitedConn)
	return conn
}
