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
	"strings"
	"unicode"

	"github.com/coredns/caddy/caddyfile"
)

const (
	openBrace  = "{"
	closeBrace = "}"
	importWord = "import"
	bindWord   = "bind"
)

// token is a word of a Corefile, without its quotes.
type token struct {
	text string
	// line and last are its first and last line, from 1. Quoted words can span lines.
	line, last int
	// file is the path of the imported file with the token. It is empty for the main Corefile.
	file string
	// starts is true if the token is the first on its line.
	starts bool
}

// tokenize returns the tokens of CoreDNS's lexer. The lexer has no errors: an unclosed quote ends
// at the end of the text.
func tokenize(text, file string) []token {
	dispenser := caddyfile.NewDispenser("Corefile", strings.NewReader(text))
	var tokens []token
	for dispenser.Next() {
		t := token{text: dispenser.Val(), line: dispenser.Line(), file: file}
		t.last = t.line + strings.Count(t.text, "\n")
		t.starts = len(tokens) == 0 || t.startsAfter(tokens[len(tokens)-1])
		tokens = append(tokens, t)
	}
	return tokens
}

// startsAfter returns whether CoreDNS starts a new line at the token if it follows the other one.
// After an import, a token may follow one with a higher line number. Then CoreDNS starts no new
// line.
func (t token) startsAfter(before token) bool {
	return before.file != t.file || before.last < t.line
}

// continues returns whether the token is on the same line as the one before it.
func (t token) continues(before token) bool {
	return before.file == t.file && before.last == t.line
}

// refersToEnvironment returns whether a word has a reference to an environment variable: {$NAME} or
// {%NAME%}.
func refersToEnvironment(word string) bool {
	return strings.Contains(word, "{$") || strings.Contains(word, "{%")
}

// maxWords returns an upper bound of the number of tokens in a text without allocating them.
func maxWords(text string) int {
	words := strings.Count(text, `"`)
	inWord := false
	for _, r := range text {
		space := unicode.IsSpace(r)
		if !space && !inWord {
			words++
		}
		inWord = !space
	}
	return words
}
