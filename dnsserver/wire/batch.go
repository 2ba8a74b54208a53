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
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is what recvmmsg(2) and sendmmsg(2) call so.
type mmsghdr struct {
	unix.Msghdr

	// size is that of the packet in octets.
	size uint32
}

// client is the address of one, as the kernel says and takes it. It is read only where somebody wants to see it.
type client struct {
	octets [unix.SizeofSockaddrInet6]byte
	size   uint32
}

var _ net.Addr = &client{}

// Network returns "udp".
func (c *client) Network() string { return UDP.String() }

// String returns the address and the port.
func (c *client) String() string {
	port := binary.BigEndian.Uint16(c.octets[2:])
	switch binary.NativeEndian.Uint16(c.octets[:]) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(c.octets[4:])), port).String()
	case unix.AF_INET6:
		address := netip.AddrFrom16([16]byte(c.octets[8:])).Unmap()
		if scope := binary.NativeEndian.Uint32(c.octets[24:]); scope != 0 {
			address = address.WithZone(strconv.FormatUint(uint64(scope), 10))
		}
		return netip.AddrPortFrom(address, port).String()
	default:
		return "unknown"
	}
}

// inbox are the packets that are read at a time. The system call is our own: the one of golang.org/x/net prepares all messages
// anew each time, however few come, and allocates the address of each client.
type inbox struct {
	conn     syscall.RawConn
	messages [batchSize]mmsghdr
	clients  [batchSize]client
	buffers  [batchSize]unix.Iovec
	// controls is how many octets of control data each message has room for.
	controls int

	// What follows belongs to the call that runs. A function that is made for each call would be allocated.
	receive  func(fd uintptr) bool
	dontWait bool
	n        int
	err      error
}

func newInbox(conn syscall.RawConn, controls int) *inbox {
	b := &inbox{conn: conn, controls: controls, n: batchSize}
	b.receive = b.call
	packets, control := make([]byte, batchSize*maxUDP), make([]byte, batchSize*controls+1)
	for i := range b.messages {
		b.buffers[i].Base = &packets[i*maxUDP]
		b.buffers[i].SetLen(maxUDP)
		m := &b.messages[i]
		m.Name, m.Iov, m.Control = &b.clients[i].octets[0], &b.buffers[i], &control[i*controls]
		m.SetIovlen(1)
	}
	return b
}

// read waits for packets, unless it must not, and returns how many have come.
func (b *inbox) read(dontWait bool) (int, error) {
	b.dontWait = dontWait
	if err := b.conn.Read(b.receive); err != nil {
		return 0, err
	}
	return b.n, b.err
}

// call reads what is there, and returns false to be called again when there is something.
func (b *inbox) call(fd uintptr) bool {
	for i := range b.messages[:b.n] {
		m := &b.messages[i]
		m.Namelen = uint32(len(b.clients[i].octets))
		m.SetControllen(b.controls)
	}
	n, errno := recvmmsg(fd, b.messages[:])
	b.n, b.err = n, nil
	if errno != 0 {
		b.n, b.err = 0, os.NewSyscallError("recvmmsg", errno)
	}
	return errno != unix.EAGAIN || b.dontWait
}

// packet returns what a message holds. Of one that is longer than a query may be it returns the header, because the rest has not been
// read and what was read of it may look whole.
func (b *inbox) packet(i int) []byte {
	m := &b.messages[i]
	packet := unsafe.Slice(b.buffers[i].Base, maxUDP)[:m.size]
	if m.Flags&unix.MSG_TRUNC != 0 {
		return packet[:headerSize]
	}
	return packet
}

// client returns who has sent a message. The next read overwrites it.
func (b *inbox) client(i int) *client {
	b.clients[i].size = b.messages[i].Namelen
	return &b.clients[i]
}

// control returns what the kernel says of a message.
func (b *inbox) control(i int) []byte {
	m := &b.messages[i]
	return unsafe.Slice(m.Control, b.controls)[:m.Controllen]
}

// outbox are packets that are sent at a time.
type outbox struct {
	conn     syscall.RawConn
	messages []mmsghdr
	buffers  []unix.Iovec
	// added is how many there are, and sent is how many of them are gone.
	added, sent int

	send func(fd uintptr) bool
	err  error
}

func newOutbox(conn syscall.RawConn, size int) *outbox {
	b := &outbox{conn: conn, messages: make([]mmsghdr, size), buffers: make([]unix.Iovec, size)}
	b.send = b.call
	for i := range b.messages {
		b.messages[i].Iov = &b.buffers[i]
		b.messages[i].SetIovlen(1)
	}
	return b
}

// add lets a packet, which is not empty, be sent with the next write. It does not copy anything.
func (b *outbox) add(packet []byte, to *client, control []byte) {
	b.buffers[b.added].Base = &packet[0]
	b.buffers[b.added].SetLen(len(packet))
	m := &b.messages[b.added]
	m.Name, m.Namelen = &to.octets[0], to.size
	m.Control = unsafe.SliceData(control)
	m.SetControllen(len(control))
	b.added++
}

// write sends what was added, and returns how many packets could not be sent.
func (b *outbox) write() (failed int) {
	for b.sent = 0; b.sent < b.added; {
		if err := b.conn.Write(b.send); err != nil {
			failed += b.added - b.sent
			break
		}
		if b.err != nil {
			// The first that was not sent is the one that failed.
			failed++
			b.sent++
		}
	}
	b.added = 0
	return failed
}

// call sends what is left, and returns false to be called again when the socket takes more.
func (b *outbox) call(fd uintptr) bool {
	n, errno := sendmmsg(fd, b.messages[b.sent:b.added])
	b.err = nil
	switch errno {
	case 0:
		b.sent += n
	case unix.EAGAIN:
		return false
	default:
		b.err = errno
	}
	return true
}
