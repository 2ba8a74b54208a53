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
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// These calls return how many messages, or octets, were read or sent. The kernel does not let them wait, so that the Go runtime need not
// be told of them: it would give the processor to another thread meanwhile, which takes longer than the call.

func recvmmsg(fd uintptr, messages []mmsghdr) (int, syscall.Errno) {
	return call(unix.SYS_RECVMMSG, fd, unsafe.Pointer(unsafe.SliceData(messages)), len(messages), unix.MSG_DONTWAIT)
}

func sendmmsg(fd uintptr, messages []mmsghdr) (int, syscall.Errno) {
	return call(unix.SYS_SENDMMSG, fd, unsafe.Pointer(unsafe.SliceData(messages)), len(messages), unix.MSG_DONTWAIT)
}

func recv(fd uintptr, octets []byte) (int, syscall.Errno) {
	return call(unix.SYS_RECVFROM, fd, unsafe.Pointer(unsafe.SliceData(octets)), len(octets), unix.MSG_DONTWAIT)
}

func send(fd uintptr, octets []byte) (int, syscall.Errno) {
	return call(unix.SYS_SENDTO, fd, unsafe.Pointer(unsafe.SliceData(octets)), len(octets), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func call(number, fd uintptr, data unsafe.Pointer, size int, flags uintptr) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(number, fd, uintptr(data), uintptr(size), flags, 0, 0)
	return int(n), errno
}
