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
	"unicode"
	"unicode/utf8"
)

// MaxMessage is how long a message may be, in bytes. It is half of what the schema allows, so that a status of many clusters
// and the conditions that quote several messages stay small.
const MaxMessage = 512

const ellipsis = " …"

// Text returns the text as one line of valid UTF-8 without control characters, shortened to at most limit bytes. The limits of
// the schema count characters, of which a text never has more than bytes. The limit must be longer than the ellipsis.
func Text(text string, limit int) string {
	var line strings.Builder
	line.Grow(min(len(text), limit))
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case !unicode.IsPrint(r):
			r = utf8.RuneError // Such as an escape sequence for the terminal that shows the message.
		}
		if line.Len()+utf8.RuneLen(r) > limit {
			return strings.ToValidUTF8(line.String()[:limit-len(ellipsis)], "") + ellipsis
		}
		line.WriteRune(r)
	}
	return line.String()
}

// Message returns Text of at most MaxMessage bytes.
func Message(text string) string { return Text(text, MaxMessage) }

// Quoted returns what a workload cluster or a tenant wrote, in quotation marks if it could be misread, and shortened if it is
// overlong.
func Quoted(text string) string {
	const longest = 80
	if len(text) > longest {
		return fmt.Sprintf("%q…", text[:longest])
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`",;`, c) >= 0 {
			return fmt.Sprintf("%q", text)
		}
	}
	if text == "" {
		return `""`
	}
	return text
}

// list names the first few items.
func list(items []string) string {
	const longest = 3
	if len(items) > longest {
		return fmt.Sprintf("%s and %d more", strings.Join(items[:longest], "; "), len(items)-longest)
	}
	return strings.Join(items, "; ")
}
