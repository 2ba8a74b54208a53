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
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// SetLimits replaces the limits of a server.
func (s *TCPServer) SetLimits(connections int, idle, slow time.Duration) {
	s.maxConnections, s.idle, s.slow = connections, idle, slow
}

// SetWaiting replaces the largest number of waiting queries.
func (s *TCPServer) SetWaiting(waiting int) { s.waiting.slots = make(chan struct{}, waiting) }

// SetWaiting replaces the largest number of waiting queries.
func (s *UDPServer) SetWaiting(waiting int) {
	s.sockets[0].waiting.slots = make(chan struct{}, waiting)
}

// SetGrace replaces the time for which a server reads after Shutdown.
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

// AnswerBatch reads a batch from the first socket, answers it, and returns the number of queries.
func (s *UDPServer) AnswerBatch() int {
	n, _ := s.sockets[0].in.read(false)
	s.sockets[0].answer(n)
	return n
}

// SourceControl returns the control data for the response to a query with this control data.
func SourceControl(control []byte) []byte { return sourceControl(control) }

// IsEnding returns whether Shutdown was called.
func (s *TCPServer) IsEnding() bool { return s.ending.Load() }

// Stream is a TCP connection as the server reads and writes it.
type Stream = stream

// NewStream returns the stream of a connection.
func NewStream(conn *net.TCPConn) (*Stream, error) { return newStream(conn) }
