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

package linger_test

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/linger"
)

// pair returns both ends of a connection.
func pair(t *testing.T) (server, client *net.TCPConn) {
	t.Helper()
	g := NewWithT(t)
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	g.Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	client, err = net.DialTCP("tcp", nil, listener.Addr().(*net.TCPAddr))
	g.Expect(err).NotTo(HaveOccurred())
	server, err = listener.AcceptTCP()
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _, _ = server.Close(), client.Close() })
	return server, client
}

// fill writes until neither side takes more.
func fill(g Gomega, conn *net.TCPConn) {
	g.Expect(conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))).To(Succeed())
	_, err := conn.Write(make([]byte, 64<<20))
	g.Expect(err).To(HaveOccurred())
}

func TestWhatIsAcknowledgedArrives(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server, client := pair(t)
	_, err := server.Write([]byte("last"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(linger.Close(server, time.Minute)).To(Succeed())
	g.Expect(io.ReadAll(client)).To(BeEquivalentTo("last"))
}

func TestAClientThatReadsLateStillGetsAll(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server, client := pair(t)
	fill(g, server)
	closed := make(chan error, 1)
	go func() { closed <- linger.Close(server, time.Minute) }()
	_, err := io.Copy(io.Discard, client)
	g.Expect(err).NotTo(HaveOccurred(), "the end, and no reset")
	g.Eventually(closed).Should(Receive(BeNil()))
}

func TestAClientThatNeverReadsIsReset(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*net.TCPConn) error{
		"after the timeout": func(conn *net.TCPConn) error { return linger.Close(conn, 50*time.Millisecond) },
		"at once":           linger.Abort,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			server, client := pair(t)
			fill(g, server)
			// A client that has closed its own half is no different.
			g.Expect(client.CloseWrite()).To(Succeed())
			g.Expect(end(server)).To(Succeed())
			_, err := io.Copy(io.Discard, client)
			g.Expect(err).To(MatchError(syscall.ECONNRESET))
		})
	}
}
