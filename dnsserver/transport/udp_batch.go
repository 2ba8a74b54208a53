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
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

// headerSize is the size of a DNS message's header (RFC 1035, section 4.1.1).
const headerSize = 12

// mmsghdr is the struct of this name in recvmmsg(2) and sendmmsg(2).
type mmsghdr struct {
	unix.Msghdr

	// size is the length of the packet in octets.
	size uint32
}

// client is the address of a client in the form of the kernel. Only logging converts it.
type client struct {
	octets [unix.SizeofSockaddrInet6]byte
	size   uint32
}

var _ net.Addr = &client{}

// Network returns "udp".
func (c *client) Network() string { return query.UDP.String() }

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

// inbox reads packets in batches. It makes the system call itself: golang.org/x/net prepares all
// messages for each call, however few arrive, and allocates the address of each client.
type inbox struct {
	conn     syscall.RawConn
	messages [batchSize]mmsghdr
	clients  [batchSize]client
	buffers  [batchSize]unix.Iovec
	// controls is the room for control data per message, in octets.
	controls int

	// The current call uses the fields below. Creating the function once avoids an allocation per
	// call.
	receive  func(fd uintptr) bool
	dontWait bool
	n        int
	err      error
}

func newInbox(conn syscall.RawConn, controls int) *inbox {
	b := &inbox{conn: conn, controls: controls, n: batchSize}
	b.receive = b.call
	packets, control := make([]byte, batchSize*query.MaxUDP), make([]byte, batchSize*controls+1)
	for i := range b.messages {
		b.buffers[i].Base = &packets[i*query.MaxUDP]
		b.buffers[i].SetLen(query.MaxUDP)
		m := &b.messages[i]
		m.Name, m.Iov, m.Control = &b.clients[i].octets[0], &b.buffers[i], &control[i*controls]
		m.SetIovlen(1)
	}
	return b
}

// read reads packets and returns their number. It waits for the first packet unless dontWait is
// set.
func (b *inbox) read(dontWait bool) (int, error) {
	b.dontWait = dontWait
	if err := b.conn.Read(b.receive); err != nil {
		return 0, err
	}
	return b.n, b.err
}

// call reads the packets in the socket. It returns false if the runtime should wait for packets and
// call it again.
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

// packet returns a packet that was read. If the kernel truncated it, packet returns only the
// header: the rest might look like a complete query.
func (b *inbox) packet(i int) []byte {
	m := &b.messages[i]
	packet := unsafe.Slice(b.buffers[i].Base, query.MaxUDP)[:m.size]
	if m.Flags&unix.MSG_TRUNC != 0 {
		return packet[:headerSize]
	}
	return packet
}

// client returns the sender of a packet. The next read overwrites it.
func (b *inbox) client(i int) *client {
	b.clients[i].size = b.messages[i].Namelen
	return &b.clients[i]
}

// control returns the control data of a packet. The next read overwrites it.
func (b *inbox) control(i int) []byte {
	m := &b.messages[i]
	return unsafe.Slice(m.Control, b.controls)[:m.Controllen]
}

// outbox sends packets in batches.
type outbox struct {
	conn     syscall.RawConn
	messages []mmsghdr
	buffers  []unix.Iovec
	// added is the number of packets in the outbox. The first ones, sent in number, are gone.
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

// add adds a packet to the next write. The packet is not empty, and add does not copy it.
func (b *outbox) add(packet []byte, to *client, control []byte) {
	b.buffers[b.added].Base = &packet[0]
	b.buffers[b.added].SetLen(len(packet))
	m := &b.messages[b.added]
	m.Name, m.Namelen = &to.octets[0], to.size
	m.Control = unsafe.SliceData(control)
	m.SetControllen(len(control))
	b.added++
}

// write sends all added packets and returns the number of failures.
func (b *outbox) write() (failed int) {
	for b.sent = 0; b.sent < b.added; {
		if err := b.conn.Write(b.send); err != nil {
			failed += b.added - b.sent
			break
		}
		if b.err != nil {
			// The error is that of the first packet that was not sent.
			failed++
			b.sent++
		}
	}
	b.added = 0
	return failed
}

// call sends the rest of the packets. It returns false if the runtime should wait for room in the
// socket and call it again.
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
