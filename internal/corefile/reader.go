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
	"fmt"
	"strings"
)

// reader expands the imports of a Corefile like CoreDNS's caddyfile parser, with these differences:
// it reads ConfigMaps instead of files, it refuses environment variables where they matter, it has
// limits, and it refuses some constructs that CoreDNS accepts by accident.
type reader struct {
	expanded
	snippets map[string][]token
	// stack has the unread tokens of the Corefile and of the current imports. The innermost import
	// is last.
	stack [][]token
	// before is the last token that was read, or nil. Tokens of import statements do not count.
	before *token
	// spliced is true if an import begins or ends before the next token.
	spliced bool
	// tokens and imports are checked against maxTokens and maxImports.
	tokens, imports int
}

// peek returns the next token, or false at the end.
func (r *reader) peek() (token, bool) {
	for len(r.stack) > 0 {
		top := r.stack[len(r.stack)-1]
		if len(top) > 0 {
			t := top[0]
			t.starts = r.before == nil || t.startsAfter(*r.before)
			return t, true
		}
		r.stack = r.stack[:len(r.stack)-1]
		r.spliced = true
	}
	return token{}, false
}

// drop skips the token that peek returned.
func (r *reader) drop() {
	top := len(r.stack) - 1
	r.stack[top] = r.stack[top][1:]
}

// take consumes the token that peek returned.
func (r *reader) take(t token) error {
	r.drop()
	r.before, r.spliced = &t, false
	if r.tokens++; r.tokens > maxTokens {
		return r.tooLarge()
	}
	return nil
}

func (r *reader) tooLarge() error {
	return fmt.Errorf("%w: with its imports it is larger than %d words, %d imports and %d files", ErrUnsupported, maxTokens, maxImports, maxCompared)
}

// refuse returns ErrUnsupported with the position of a token.
func (r *reader) refuse(t token, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrUnsupported, r.files.position(t.file, t.line), fmt.Sprintf(format, args...))
}

// statement reads the next server block or snippet with the imports before it.
func (r *reader) statement() error {
	s, opened, err := r.keys()
	if err != nil || len(s.keys) == 0 {
		return err
	}
	if s.isSnippet() {
		return r.snippet(s, opened)
	}
	if s.body, err = r.body(opened); err != nil {
		return err
	}
	r.blocks = append(r.blocks, s)
	return nil
}

// keys reads the keys of a server block or a snippet and the opening brace. It expands imports
// before them.
func (r *reader) keys() (s statement, opened token, err error) {
	another := false
	for {
		t, more := r.peek()
		switch {
		case !more && len(s.keys) == 0:
			return s, t, nil
		case !more:
			return s, t, r.refuse(*r.before, "the server block %q has no braces around its plugins", s.keys)
		case len(s.keys) > 0 && !another && t.starts && t.text != openBrace:
			return s, t, r.refuse(t, "the server block %q has no braces around its plugins", s.keys)
		case t.text == importWord && t.starts && len(s.keys) == 0:
			if err := r.expandImport(true); err != nil {
				return s, t, err
			}
			continue
		case t.text == openBrace && (another || len(s.keys) == 0):
			return s, t, r.refuse(t, "a server block has no name before its brace")
		case t.text == openBrace:
			return s, t, r.take(t)
		case t.text == closeBrace, t.text == importWord, t.text == "", t.text == ",":
			return s, t, r.refuse(t, "%q is not the name of a server block", t.text)
		case refersToEnvironment(t.text):
			return s, t, r.refuse(t, "the name of the server block %q comes from CoreDNS's environment", t.text)
		}
		if len(s.keys) == 0 {
			s.file, s.first = t.file, t.line
		}
		var key string
		key, another = strings.CutSuffix(t.text, ",")
		s.keys = append(s.keys, key)
		if err := r.take(t); err != nil {
			return s, t, err
		}
	}
}

// snippet reads and stores the body of a snippet up to its closing brace.
func (r *reader) snippet(s statement, opened token) error {
	name := strings.TrimSuffix(s.keys[0][1:], ")")
	if _, known := r.snippets[name]; known {
		return r.refuse(opened, "the snippet %q is declared twice", name)
	}
	body := []token{}
	for depth := 1; ; {
		t, more := r.peek()
		if !more {
			return r.refuse(opened, "the brace that opens here is never closed")
		}
		if err := r.take(t); err != nil {
			return err
		}
		switch t.text {
		case openBrace:
			depth++
		case closeBrace:
			depth--
		case name:
			if n := len(body); n > 0 && body[n-1].text == importWord && (n == 1 || body[n-1].startsAfter(body[n-2])) {
				return r.refuse(t, "the snippet %q imports itself", name)
			}
		}
		if depth == 0 {
			r.snippets[name] = body
			return nil
		}
		body = append(body, t)
	}
}

// body reads the plugins of a server block up to its closing brace.
func (r *reader) body(opened token) ([]token, error) {
	var body []token
	for {
		t, more := r.peek()
		var err error
		switch {
		case !more:
			return nil, r.refuse(opened, "the brace that opens here is never closed")
		case t.text == closeBrace:
			return body, r.take(t)
		case t.text == openBrace:
			return nil, r.refuse(t, "a brace opens where a plugin is expected")
		case t.text == importWord:
			err = r.expandImport(false)
		case refersToEnvironment(t.text):
			return nil, r.refuse(t, "the name of the plugin %q comes from CoreDNS's environment", t.text)
		default:
			body, err = r.plugin(body, t)
		}
		if err != nil {
			return nil, err
		}
	}
}

// plugin appends the tokens of a plugin to the body: to the end of its line, or to the end of the
// braces that open on it.
//
// CoreDNS distinguishes lines only by their numbers. After an import, words of different statements
// may have the same line number, and CoreDNS joins them. That is refused, because no plugin expects
// it.
func (r *reader) plugin(body []token, name token) ([]token, error) {
	name.starts = true
	body = append(body, name)
	if err := r.take(name); err != nil {
		return nil, err
	}
	for depth := 0; ; {
		t, more := r.peek()
		switch {
		case !more && depth > 0:
			return nil, r.refuse(name, "a brace of the plugin %s is never closed", name.text)
		case !more:
			return body, nil
		case t.text == openBrace:
			depth++
		case t.starts && depth == 0:
			return body, nil
		case t.text == closeBrace && depth == 0:
			return nil, r.refuse(t, "a brace closes that was not opened")
		case t.text == closeBrace:
			depth--
		case t.text == importWord && t.starts:
			if err := r.expandImport(false); err != nil {
				return nil, err
			}
			continue
		}
		if t.starts && t.text == openBrace {
			return nil, r.refuse(t, "the brace of the plugin %s opens on a line of its own", name.text)
		}
		if !t.starts && (r.spliced || !t.continues(*r.before)) {
			return nil, r.refuse(t, "an import makes CoreDNS join %q to the line before it", t.text)
		}
		if err := r.take(t); err != nil {
			return nil, err
		}
		body = append(body, t)
	}
}
