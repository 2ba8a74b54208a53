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

package dnsserver

import (
	"io"
	"net"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
)

// link is a proxy to a server that a test can cut and mend. While it is cut, connections are
// refused.
type link struct {
	address, target string

	running sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
}

// newLink returns a link that is cut. It ends with the test.
func newLink(t *testing.T, target string) *link {
	t.Helper()
	l := &link{address: "127.0.0.1:0", target: target}
	l.mend(t)
	l.cut()
	t.Cleanup(func() {
		l.cut()
		l.running.Wait()
	})
	return l
}

func (l *link) mend(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", l.address)
	g.Expect(err).NotTo(HaveOccurred())
	l.address = listener.Addr().String()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listener = listener
	l.running.Go(func() { l.accept(listener) })
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		_ = l.listener.Close()
		l.listener = nil
	}
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.conns = nil
}

func (l *link) accept(listener net.Listener) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		l.join(listener, near, far)
		for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
			l.running.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				_ = pair[0].Close()
			})
		}
	}
}

// join registers both ends of a connection, so that they close with the listener.
func (l *link) join(listener net.Listener, conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener == listener {
		l.conns = append(l.conns, conns...)
		return
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
}
