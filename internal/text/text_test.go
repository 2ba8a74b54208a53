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

package text_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"short":                  {"all is well", "all is well"},
		"exactly at the limit":   {strings.Repeat("x", 16), strings.Repeat("x", 16)},
		"too long":               {strings.Repeat("x", 17), strings.Repeat("x", 12) + " …"},
		"cut within a character": {"xxxxxxxxxxxéxxxxx", "xxxxxxxxxxx …"},
		"cut after a space":      {"xxxxxxxxxxx xxxxxxxx", "xxxxxxxxxxx …"},
		"invalid UTF-8":          {"a\xff\xfeb", "ab"},
		"several lines":          {"a\n\tb\r\n", "a b"},
		"an escape sequence":     {"\x1b[31mred\x00", "[31mred"},
		"a change of direction":  {"a\u202eb", "ab"},
		"only white space":       {" \n\t", ""},
		"empty":                  {"", ""},
		"huge":                   {strings.Repeat("ä\n", 1_000_000), strings.Repeat("ä ", 4) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			got := text.Line(test.text, 16)
			g.Expect(got).To(Equal(test.want))
			g.Expect(len(got)).To(BeNumerically("<=", 16))
			g.Expect(utf8.ValidString(got)).To(BeTrue())
			g.Expect(text.Line(got, 16)).To(Equal(got), "a second call changes nothing")
		})
	}
}

func TestListCountsTheItemsAfterTheThird(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(text.List(nil, ", ")).To(BeEmpty())
	g.Expect(text.List([]string{"a", "b", "c"}, ", ")).To(Equal("a, b, c"))
	g.Expect(text.List([]string{"a", "b", "c", "d", "e"}, "; ")).To(Equal("a; b; c and 2 more"))
}

func FuzzLine(f *testing.F) {
	f.Add("a\nb", 8)
	f.Add(strings.Repeat("a ä\x1b[1m\xff", 50), 20)
	f.Add("äöüäöü", 5)
	f.Fuzz(func(t *testing.T, from string, limit int) {
		limit = 4 + max(0, limit%1000)
		got := text.Line(from, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00\x1b") || text.Line(got, limit) != got {
			t.Errorf("%q of %q", got, from)
		}
	})
}
