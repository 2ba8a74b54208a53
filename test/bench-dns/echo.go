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

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The echo server only sends each query back. It shows the limit of this machine and dnsperf: no
// server can answer more.
const (
	echo       = "echo"
	echoBatch  = 64
	echoPacket = 1232
	// qrOctet and qrBit turn a query into a response (RFC 1035, section 4.1.1).
	qrOctet, qrBit = 2, 0x80
	// lengthSize is the size of the length before each message over TCP (RFC 1035, section 4.2.2).
	lengthSize = 2
)

func echoCommand(_ context.Context, b *bench, _ string, port int) ([]string, error) {
	self, err := os.Executable()
	return []string{self, "-echo", b.scenario.network(), "-port", fmt.Sprint(port)}, err
}

// runEcho sends queries back until the process is ended.
func runEcho(network string, port int) error {
	if network == "tcp" {
		return echoTCP(port)
	}
	return echoUDP(port)
}

// echoUDP blocks in system calls. Nothing else runs in this process.
func echoUDP(port int) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return fmt.Errorf("making a socket: %w", err)
	}
	if err := unix.Bind(socket, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return fmt.Errorf("binding port %d: %w", port, err)
	}
	var messages [echoBatch]struct {
		unix.Msghdr
		size uint32
	}
	var clients [echoBatch]unix.RawSockaddrInet4
	var packets [echoBatch][echoPacket]byte
	var buffers [echoBatch]unix.Iovec
	call := func(number uintptr, count int, flags uintptr) (int, error) {
		n, _, errno := unix.RawSyscall6(number, uintptr(socket), uintptr(unsafe.Pointer(&messages[0])), uintptr(count), flags, 0, 0)
		if errno != 0 {
			return 0, errno
		}
		return int(n), nil
	}
	for i := range messages {
		buffers[i].Base = &packets[i][0]
		messages[i].Iov = &buffers[i]
		messages[i].SetIovlen(1)
		messages[i].Name = (*byte)(unsafe.Pointer(&clients[i]))
	}
	for n := echoBatch; ; {
		for i := range n {
			buffers[i].SetLen(echoPacket)
			messages[i].Namelen = unix.SizeofSockaddrInet4
		}
		if n, err = call(unix.SYS_RECVMMSG, echoBatch, unix.MSG_WAITFORONE); err != nil {
			n = 0
			continue
		}
		for i := range n {
			packets[i][qrOctet] |= qrBit
			buffers[i].SetLen(int(messages[i].size))
		}
		// dnsperf reports packets that are not sent as lost.
		_, _ = call(unix.SYS_SENDMMSG, n, 0)
	}
}

func echoTCP(port int) error {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go echoConn(conn)
	}
}

func echoConn(conn net.Conn) {
	defer conn.Close()
	buffer, filled := make([]byte, 1<<16), 0
	for {
		n, err := conn.Read(buffer[filled:])
		if err != nil {
			return
		}
		filled += n
		whole := 0
		for whole+lengthSize <= filled {
			end := whole + lengthSize + int(binary.BigEndian.Uint16(buffer[whole:]))
			if end > filled {
				break
			}
			buffer[whole+lengthSize+qrOctet] |= qrBit
			whole = end
		}
		if _, err := conn.Write(buffer[:whole]); err != nil {
			return
		}
		filled = copy(buffer, buffer[whole:filled])
	}
}
