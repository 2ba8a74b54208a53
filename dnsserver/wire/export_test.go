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
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// AnswerWithLibrary is Answer for a handler that knows no plain queries.
func (h *Handler) AnswerWithLibrary(packet []byte, transport Transport) []byte {
	query := &Query{Packet: packet, Transport: transport, Arrived: time.Now()}
	response, done := h.answerWithLibrary(nil, query, &Counters{}, onlyCached)
	if !done {
		response, _ = h.answerWithLibrary(nil, query, &Counters{}, waitForIt)
	}
	return response
}

// IsFast returns whether the packet is answered without the library.
func (h *Handler) IsFast(packet []byte, transport Transport) bool {
	_, _, came := h.fast(nil, packet, transport, time.Now(), onlyCached)
	return came == answered
}

// Count counts a response.
func (c *Counters) Count(qtype uint16, rcode int) { c.count(qtype, rcode) }

// SetLimits replaces those of a server.
func (s *TCPServer) SetLimits(connections int, idle, slow time.Duration) {
	s.maxConnections, s.idle, s.slow = connections, idle, slow
}

// SetWaiting replaces how many queries may wait.
func (s *TCPServer) SetWaiting(waiting int) { s.waiting = make(chan struct{}, waiting) }

// SetWaiting replaces how many queries may wait.
func (s *UDPServer) SetWaiting(waiting int) {
	for _, socket := range s.sockets {
		socket.waiting = make(chan struct{}, waiting)
	}
}

// SetGrace replaces how long a server goes on reading when it ends.
func (s *TCPServer) SetGrace(grace time.Duration) { s.grace = grace }

// Send sends packets to addresses as one batch of the first socket.
func (s *UDPServer) Send(packet []byte, clients ...netip.AddrPort) {
	for _, to := range clients {
		c := &client{size: unix.SizeofSockaddrInet4}
		binary.NativeEndian.PutUint16(c.octets[:], unix.AF_INET)
		binary.BigEndian.PutUint16(c.octets[2:], to.Port())
		copy(c.octets[4:], to.Addr().AsSlice())
		s.sockets[0].out.add(packet, c, nil)
	}
	s.sockets[0].write(s.sockets[0].out)
}

// AnswerBatch reads a batch from the first socket, answers it, and returns how many queries that were.
func (s *UDPServer) AnswerBatch() int {
	n, _ := s.sockets[0].in.read(false)
	s.sockets[0].answer(n)
	return n
}

// Source returns what is sent with the response to a query that came with this.
func Source(control []byte) []byte { return source(control) }

// IsEnding returns whether Shutdown was called.
func (s *TCPServer) IsEnding() bool { return s.ending.Load() }

// Stream is what TCP is read from and written to.
type Stream = stream

// NewStream returns one for a connection.
func NewStream(conn *net.TCPConn) (*Stream, error) { return newStream(conn) }
