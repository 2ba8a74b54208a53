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
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

const (
	// batchSize is the largest number of packets per system call.
	batchSize = 64
	// socketBuffer is the size of a socket's buffers in octets, for clients that send in bursts.
	// The kernel may grant less.
	socketBuffer = 4 << 20
	// discardPort is the port of a service that sends nothing (RFC 863).
	discardPort = 9
)

// udpSocket is a socket with the state of the goroutine that serves it.
type udpSocket struct {
	handler  Handler
	prefetch func(packets [][]byte)
	udp      *net.UDPConn
	counters query.Counters
	in       *inbox
	out      *outbox
	// packets are the queries of a batch, and responses the buffers for its responses.
	packets   [batchSize][]byte
	responses [batchSize][]byte
	// waiting is shared by all sockets. running are the goroutines of this socket's waiting
	// queries.
	waiting *waiters
	running sync.WaitGroup
	// drained is closed when the socket is no longer read.
	drained chan struct{}
}

func newUDPSocket(udp *net.UDPConn, handler Handler, waiting *waiters) (*udpSocket, error) {
	s := &udpSocket{
		handler: handler, prefetch: handler.NewPrefetch(), udp: udp, counters: query.Counters{Transport: query.UDP},
		waiting: waiting, drained: make(chan struct{}),
	}
	// Smaller buffers only drop more packets in bursts, so a failure does not matter.
	_ = udp.SetReadBuffer(socketBuffer)
	_ = udp.SetWriteBuffer(socketBuffer)
	controls, err := requestDestination(udp)
	if err != nil {
		return nil, err
	}
	conn, err := udp.SyscallConn()
	if err != nil {
		return nil, err
	}
	s.in, s.out = newInbox(conn, controls), newOutbox(conn, batchSize)
	for i := range s.responses {
		s.responses[i] = make([]byte, 0, query.MaxUDP)
	}
	return s, nil
}

func (s *udpSocket) serve(stopping *atomic.Bool) error {
	defer close(s.drained)
	for {
		n, err := s.in.read(false)
		switch {
		case err == nil:
			s.answer(n)
		case stopping.Load():
			s.drain()
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
		default:
			return err
		}
	}
}

// drain answers the queries that are left in the socket.
func (s *udpSocket) drain() {
	_ = s.udp.SetReadDeadline(time.Time{})
	for {
		n, err := s.in.read(true)
		if err != nil || n == 0 {
			return
		}
		s.answer(n)
	}
}

// shutdown stops new queries, answers those that have arrived, and closes the socket.
func (s *udpSocket) shutdown() {
	s.leave()
	_ = s.udp.SetReadDeadline(time.Now())
	<-s.drained
	s.running.Wait()
	_ = s.udp.Close()
}

// leave connects the socket to an address that sends nothing. Queries in the socket stay there. The
// kernel gives new queries to other sockets of the port, those of other processes included.
func (s *udpSocket) leave() {
	conn, err := s.udp.SyscallConn()
	if err != nil {
		return
	}
	var silent unix.Sockaddr = &unix.SockaddrInet6{Port: discardPort, Addr: [16]byte(net.IPv6loopback)}
	if s.udp.LocalAddr().(*net.UDPAddr).IP.To4() != nil {
		silent = &unix.SockaddrInet4{Port: discardPort, Addr: [4]byte{127, 0, 0, 1}}
	}
	// If this fails, the socket accepts queries until it is closed.
	_ = conn.Control(func(fd uintptr) { _ = unix.Connect(int(fd), silent) })
}

// answer answers the first n packets of the inbox.
func (s *udpSocket) answer(n int) {
	arrived := time.Now()
	for i := range n {
		s.packets[i] = s.in.packet(i)
	}
	if n > 1 {
		s.prefetch(s.packets[:n])
	}
	for i := range n {
		client := s.in.client(i)
		q := query.Query{Packet: s.packets[i], Transport: query.UDP, Client: client, Arrived: arrived, Counters: &s.counters}
		response, done := s.handler.Answer(s.responses[i][:0], q)
		s.responses[i] = response
		switch {
		case !done:
			s.wait(q, *client, slices.Clone(sourceControl(s.in.control(i))))
		case len(response) > 0:
			s.out.add(response, client, sourceControl(s.in.control(i)))
		}
	}
	answered := s.out.added
	s.write(s.out)
	s.counters.Observe(time.Since(arrived), answered)
}

// write sends the packets of an outbox. A client whose response is lost retries.
func (s *udpSocket) write(out *outbox) {
	for range out.write() {
		s.counters.Drop(query.NotSent)
	}
}

// wait answers a query that has to wait, without delaying the others.
func (s *udpSocket) wait(q query.Query, client client, control []byte) {
	q.Packet, q.Client = slices.Clone(q.Packet), &client
	s.waiting.start(q, nil, s.running.Go, func(response []byte) {
		out := newOutbox(s.out.conn, 1)
		out.add(response, &client, control)
		s.write(out)
		s.counters.Observe(time.Since(q.Arrived), 1)
	})
}
