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

// Package text shortens and cleans untrusted text for messages.
package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ellipsis is the end of a shortened text.
const ellipsis = " …"

// Line returns the text as one line of at most limit bytes. The line is valid UTF-8 without control
// characters, such as terminal escape sequences, and has a single space for each run of white
// space. If the text is too long, the line ends with an ellipsis; limit must be at least the length
// of the ellipsis, 4 bytes.
//
// A CRD's maxLength counts characters. A text never has more characters than bytes, so the same
// limit fits.
func Line(text string, limit int) string {
	var line strings.Builder
	line.Grow(min(len(text), limit))
	space := false
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			space = line.Len() > 0
			continue
		case r == utf8.RuneError, !unicode.IsPrint(r):
			continue
		}
		size := utf8.RuneLen(r)
		if space {
			size++
		}
		if line.Len()+size > limit {
			return cut(line.String(), limit)
		}
		if space {
			line.WriteByte(' ')
			space = false
		}
		line.WriteRune(r)
	}
	return line.String()
}

// cut shortens a line to limit bytes, including the ellipsis.
func cut(line string, limit int) string {
	line = strings.ToValidUTF8(line[:min(len(line), limit-len(ellipsis))], "")
	return strings.TrimRight(line, " ") + ellipsis
}

// List joins the first three items with the separator, and counts the others.
func List(items []string, separator string) string {
	const maxItems = 3
	if len(items) <= maxItems {
		return strings.Join(items, separator)
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:maxItems], separator), len(items)-maxItems)
}
