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

package corefile

import (
	"errors"
	"fmt"
	"strings"
)

// ErrForeignBlock is the error when another hand keeps a server block for one of the zones. The message says
// where the block is.
var ErrForeignBlock = errors.New("another server block for the zone")

// ErrUnsupported is the error for a Corefile that cannot be parsed, or that cannot be edited without
// a risk to what else it says. The message says what and, where known, the line.
var ErrUnsupported = errors.New("cannot be edited")

// ErrNotFound is the error of Install when there is no Corefile of a CoreDNS.
var ErrNotFound = errors.New("no Corefile of CoreDNS was found")

// maxMessage bounds an error in bytes. Errors quote files, are shown to people and are stored in objects.
const maxMessage = 500

// brief is an error whose message is cut.
type brief struct {
	error
}

// Error implements error.
func (b brief) Error() string {
	message := b.error.Error()
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return message
}

// Unwrap returns the whole error.
func (b brief) Unwrap() error {
	return b.error
}

func unsupported(line int, format string, args ...any) error {
	return fmt.Errorf("%w: line %d: %s", ErrUnsupported, line, fmt.Sprintf(format, args...))
}
