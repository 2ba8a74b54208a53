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

package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// Result is the result of a probe: success, or the cause of a failure.
type Result string

// The results of a probe.
const (
	Success Result = "success"
	// Refused means that the address answered without a listener on the port.
	Refused Result = "refused"
	// TimedOut means that the timeout passed before the probe was complete.
	TimedOut Result = "timeout"
	// BadStatus is an HTTP status of 500 or above.
	BadStatus Result = "status"
	// BadResponse means that the response was not HTTP, or that the connection ended before it.
	BadResponse Result = "response"
	// BadHandshake means that TLS failed. The certificate is not checked.
	BadHandshake Result = "tls"
	// Unreachable means that there is no route, or that a firewall rejects the connection.
	Unreachable Result = "unreachable"
	// Inconclusive means that the probe failed for lack of a local resource. It does not count.
	Inconclusive Result = "inconclusive"
	// Failed is any other failure.
	Failed Result = "failed"
)

// maxReason is the longest Reason of a Verdict in bytes.
const maxReason = 128

// failure is an error of a probe.
type failure struct {
	result Result
	reason string
}

// Error returns the reason.
func (f *failure) Error() string {
	return f.reason
}

// judge returns the result of a probe and its reason.
func judge(err error) (Result, string) {
	var f *failure
	switch {
	case err == nil:
		return Success, ""
	case errors.As(err, &f):
		return f.result, text.Line(f.reason, maxReason)
	}
	return Failed, text.Line(err.Error(), maxReason)
}

// classify turns an error of a connection into a failure. otherwise is the result if the cause is
// none of the system's.
func classify(err error, otherwise Result) error {
	var op *net.OpError
	isErrno := func(numbers ...syscall.Errno) bool {
		for _, number := range numbers {
			if errors.Is(err, number) {
				return true
			}
		}
		return false
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isErrno(syscall.ETIMEDOUT):
		return &failure{TimedOut, "no response before the timeout"}
	case isErrno(syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL):
		return &failure{Inconclusive, "no local resources: " + cause(err)}
	case isErrno(syscall.ECONNREFUSED):
		return &failure{Refused, "connection refused"}
	case isErrno(syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EPERM, syscall.EACCES):
		return &failure{Unreachable, cause(err)}
	case errors.As(err, &op) && op.Op == "remote error":
		// An alert of TLS. In TLS 1.3, one about the client's certificate comes after the handshake.
		return &failure{BadHandshake, cause(err)}
	}
	return &failure{otherwise, cause(err)}
}

// cause returns the text of an error without the addresses, which the target has anyway.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		return fmt.Sprint(call.Err)
	}
	return err.Error()
}
