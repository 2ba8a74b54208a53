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

// MaxMessage is how long a message may be, in bytes. It is half of what the schema allows, so that a status of many
// clusters and the conditions that quote several messages stay small.
const MaxMessage = 512

// Message returns a text as one line of at most MaxMessage bytes.
func Message(message string) string { return text.Line(message, MaxMessage) }

// Quoted returns a text of a workload cluster or a tenant, in quotation marks if it could be misread, and shortened
// if it is overlong.
func Quoted(written string) string {
	const longest = 80
	if len(written) > longest {
		return fmt.Sprintf("%q…", written[:longest])
	}
	for _, c := range []byte(written) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`",;`, c) >= 0 {
			return fmt.Sprintf("%q", written)
		}
	}
	if written == "" {
		return `""`
	}
	return written
}

// list names the first few items.
func list(items []string) string {
	const longest = 3
	if len(items) > longest {
		return fmt.Sprintf("%s and %d more", strings.Join(items[:longest], "; "), len(items)-longest)
	}
	return strings.Join(items, "; ")
}
