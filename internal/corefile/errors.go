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

// ErrForeignBlock is returned if a server block for one of the zones is not ours. The message names
// the file and the line.
var ErrForeignBlock = errors.New("another server block for the zone")

// ErrUnsupported is returned if a Corefile cannot be parsed, or cannot be edited safely. The
// message says why, with the line if it is known.
var ErrUnsupported = errors.New("cannot be edited")

// ErrNotFound is returned by Install if no server has a Corefile.
var ErrNotFound = errors.New("no Corefile of CoreDNS was found")

// maxMessage is the limit of an error's message, in bytes. Messages quote files and are stored in
// objects.
const maxMessage = 500

// brief is an error with a shortened message.
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

// Unwrap returns the error with the full message.
func (b brief) Unwrap() error {
	return b.error
}

func unsupported(line int, format string, args ...any) error {
	return fmt.Errorf("%w: line %d: %s", ErrUnsupported, line, fmt.Sprintf(format, args...))
}
