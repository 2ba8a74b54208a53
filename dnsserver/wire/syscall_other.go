//go:build !linux

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
)

// Elsewhere the package builds, so that others can be worked on, and serves nothing.

func recvmmsg(uintptr, []mmsghdr) (int, syscall.Errno) { return 0, syscall.ENOSYS }

func sendmmsg(uintptr, []mmsghdr) (int, syscall.Errno) { return 0, syscall.ENOSYS }

func recv(uintptr, []byte) (int, syscall.Errno) { return 0, syscall.ENOSYS }

func send(uintptr, []byte) (int, syscall.Errno) { return 0, syscall.ENOSYS }
