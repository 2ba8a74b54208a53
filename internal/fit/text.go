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

package fit

import (
	"fmt"
	"strings"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// MaxMessage is the limit of a message, in bytes. It is half of the schema's limit, so that a
// status of many clusters and the conditions that quote several messages stay small.
const MaxMessage = 512

// Message returns the text as one line of at most MaxMessage bytes.
func Message(message string) string { return text.Line(message, MaxMessage) }

// Quoted returns an untrusted text for a message. It is quoted if it has white space, separators or
// non-ASCII characters, and shortened to 80 bytes.
func Quoted(untrusted string) string {
	const maxQuoted = 80
	if len(untrusted) > maxQuoted {
		return fmt.Sprintf("%q…", untrusted[:maxQuoted])
	}
	for _, c := range []byte(untrusted) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`",;`, c) >= 0 {
			return fmt.Sprintf("%q", untrusted)
		}
	}
	if untrusted == "" {
		return `""`
	}
	return untrusted
}
