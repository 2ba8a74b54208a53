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
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// These functions return the number of messages or octets that were read or sent. They never block,
// so they do not tell the Go runtime of the system call. The runtime would give the processor to
// another thread if a call took 20 µs. It would also keep looking for such calls, which costs more
// than the calls themselves.

func recvmmsg(fd uintptr, messages []mmsghdr) (int, syscall.Errno) {
	return rawCall(unix.SYS_RECVMMSG, fd, unsafe.Pointer(unsafe.SliceData(messages)), len(messages), 0)
}

func sendmmsg(fd uintptr, messages []mmsghdr) (int, syscall.Errno) {
	return rawCall(unix.SYS_SENDMMSG, fd, unsafe.Pointer(unsafe.SliceData(messages)), len(messages), 0)
}

func recv(fd uintptr, octets []byte) (int, syscall.Errno) {
	return rawCall(unix.SYS_RECVFROM, fd, unsafe.Pointer(unsafe.SliceData(octets)), len(octets), 0)
}

func send(fd uintptr, octets []byte) (int, syscall.Errno) {
	return rawCall(unix.SYS_SENDTO, fd, unsafe.Pointer(unsafe.SliceData(octets)), len(octets), unix.MSG_NOSIGNAL)
}

func rawCall(number, fd uintptr, data unsafe.Pointer, size int, flags uintptr) (int, syscall.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(number, fd, uintptr(data), uintptr(size), flags|unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}
