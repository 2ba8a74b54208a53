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

// Package linger ends TCP connections so that the kernel keeps nothing for a client that does not read.
//
// After an ordinary close the kernel holds unacknowledged bytes until the client takes them. A client that never
// reads, and opens one connection after the other, fills the memory of the Pod with them. So a connection counts
// against the limits of its server until Close returns, and Close ends it within a bounded time.
package linger

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pollInterval is how often the send queue is looked at. The acknowledgement of a client in the same cluster takes
// about a millisecond.
const pollInterval = 5 * time.Millisecond

// Close closes a connection. It first waits until the client has acknowledged all bytes, for at most the timeout, and
// then drops the rest.
func Close(conn *net.TCPConn, timeout time.Duration) error {
	if conn.CloseWrite() != nil {
		return Abort(conn)
	}
	for end := time.Now().Add(timeout); ; time.Sleep(pollInterval) {
		unacknowledged, err := sendQueue(conn)
		switch {
		case err != nil:
			return Abort(conn)
		case unacknowledged == 0:
			return conn.Close()
		case time.Now().After(end):
			return Abort(conn)
		}
	}
}

// Abort closes a connection and drops unacknowledged bytes. The client sees a reset.
func Abort(conn *net.TCPConn) error {
	// This fails only where the connection is closed already.
	_ = conn.SetLinger(0)
	return conn.Close()
}

// sendQueue returns how many octets the client has not acknowledged yet, the end of the stream among them.
func sendQueue(conn syscall.Conn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var size int
	var failed error
	if err := raw.Control(func(fd uintptr) { size, failed = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) }); err != nil {
		return 0, err
	}
	return size, failed
}
