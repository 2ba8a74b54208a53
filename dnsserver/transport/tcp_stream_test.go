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
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/transport"
)

// streamPair returns both ends of a connection. The first is the server's.
func streamPair(t *testing.T) (*transport.Stream, *net.TCPConn) {
	t.Helper()
	g := NewWithT(t)
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	g.Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	client, err := net.DialTCP("tcp", nil, listener.Addr().(*net.TCPAddr))
	g.Expect(err).NotTo(HaveOccurred())
	accepted, err := listener.AcceptTCP()
	g.Expect(err).NotTo(HaveOccurred())
	stream, err := transport.NewStream(accepted)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _, _ = stream.Close(), client.Close() })
	return stream, client
}

func TestAStreamWritesMoreThanTheSocketTakes(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	stream, client := streamPair(t)
	sent := bytes.Repeat([]byte("0123456789abcdef!"), 1<<20)
	written := make(chan error, 1)
	go func() {
		_, err := stream.Write(sent)
		_ = stream.CloseWrite()
		written <- err
	}()
	received, err := io.ReadAll(client)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(bytes.Equal(received, sent)).To(BeTrue())
	g.Expect(<-written).To(Succeed())
}

func TestAStreamEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	stream, _ := streamPair(t)
	much := make([]byte, 64<<20)
	g.Expect(stream.SetReadDeadline(time.Now().Add(short))).To(Succeed())
	g.Expect(stream.SetWriteDeadline(time.Now().Add(short))).To(Succeed())
	n, err := stream.Write(much)
	g.Expect(err).To(MatchError(os.ErrDeadlineExceeded))
	g.Expect(n).To(And(BeNumerically(">", 0), BeNumerically("<", len(much))), "what the kernel took")
	_, err = stream.Read(make([]byte, 1))
	g.Expect(err).To(MatchError(os.ErrDeadlineExceeded))
}

func TestAStreamReadsToTheEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	stream, client := streamPair(t)
	_, err := client.Write([]byte("last"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(client.CloseWrite()).To(Succeed())
	g.Expect(io.ReadAll(stream)).To(BeEquivalentTo("last"))
}

func TestAStreamTellsOfAReset(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	stream, client := streamPair(t)
	g.Expect(client.SetLinger(0)).To(Succeed())
	g.Expect(client.Close()).To(Succeed())
	_, err := stream.Read(make([]byte, 1))
	g.Expect(err).To(MatchError(syscall.ECONNRESET))
	_, err = stream.Write([]byte("x"))
	g.Expect(err).To(MatchError(syscall.EPIPE))
}
