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
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// connection is the part of net.TCPConn that a stream uses as it is. None of it reads or writes.
type connection interface {
	RemoteAddr() net.Addr
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	CloseWrite() error
	Close() error
}

// stream is a TCP connection with faster reads and writes: see rawCall. One goroutine may read and
// one may write at a time.
type stream struct {
	connection

	raw syscall.RawConn
	// The current call uses the fields below. Creating the functions once avoids an allocation per
	// call.
	receive, transmit func(fd uintptr) bool
	in, out           []byte
	received          int
	inErrno, outErrno syscall.Errno
}

func newStream(conn *net.TCPConn) (*stream, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &stream{connection: conn, raw: raw}
	s.receive, s.transmit = s.recv, s.send
	return s, nil
}

// Read reads the octets that have arrived. If there are none, it waits for them until the deadline.
func (s *stream) Read(p []byte) (int, error) {
	s.in = p
	if err := s.raw.Read(s.receive); err != nil {
		return 0, err
	}
	if s.inErrno != 0 {
		return 0, os.NewSyscallError("recv", s.inErrno)
	}
	if s.received == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return s.received, nil
}

// recv returns false if the runtime should wait for octets and call it again.
func (s *stream) recv(fd uintptr) bool {
	s.received, s.inErrno = recv(fd, s.in)
	return s.inErrno != syscall.EAGAIN
}

// Write writes everything. It waits for the client to read until the deadline.
func (s *stream) Write(p []byte) (int, error) {
	s.out = p
	err := s.raw.Write(s.transmit)
	written := len(p) - len(s.out)
	// A silent connection must not keep a large buffer.
	s.out = nil
	if err == nil && s.outErrno != 0 {
		err = os.NewSyscallError("send", s.outErrno)
	}
	return written, err
}

// send returns false if the runtime should wait for room in the socket and call it again.
func (s *stream) send(fd uintptr) bool {
	for len(s.out) > 0 {
		var n int
		if n, s.outErrno = send(fd, s.out); s.outErrno != 0 {
			return s.outErrno != syscall.EAGAIN
		}
		s.out = s.out[n:]
	}
	return true
}
