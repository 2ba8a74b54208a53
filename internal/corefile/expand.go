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

// CoreDNS itself gives up after 10,000 snippets and 100,000 files, each of any size. A Corefile that is written by hand is far below
// these limits, which bound the memory to some 20 MB and the time to a fraction of a second.
const (
	// maxTokens is the number of words in a file, and in the whole when imports are expanded.
	maxTokens = 1 << 17
	// maxImports is the number of import statements that are expanded.
	maxImports = 1000
	// maxCompared is the number of files that are compared with patterns, and of those that are imported.
	maxCompared = 1 << 18
	// maxMounts is the number of mounts of a container, each of which is compared with each file.
	maxMounts = 64
)

// whole is what CoreDNS makes of a Corefile and the files that it imports.
type whole struct {
	// blocks are the server blocks in their order, without imports.
	blocks []statement
	// patterns are those of the imports that server blocks come by.
	patterns []pattern
	// files are those that it was read from.
	files *files
}

// reader expands the imports of a Corefile as caddyfile's parser does. It differs in this: it reads ConfigMaps and not files, does not
// know the environment, is bounded, and refuses what CoreDNS accepts by accident.
type reader struct {
	whole
	snippets map[string][]token
	// stack holds the tokens that are not read yet, the next ones last. An import puts its tokens there.
	stack [][]token
	// before is the last token that was read, and none at the beginning. An import statement is not one.
	before *token
	// spliced reports that an import begins or ends in front of the next token.
	spliced bool
	// tokens and imports count what was read.
	tokens, imports int
}

// expand returns what CoreDNS makes of the server's Corefile, or ErrUnsupported if CoreDNS would not start with it or if it depends
// on something that cannot be read from here.
func (c Cluster) expand(s Server) (whole, error) {
	text := c.text(s.Corefile)
	r := &reader{whole: whole{files: newFiles(c, s)}, snippets: map[string][]token{}}
	if maxWords(text) > maxTokens {
		return whole{}, r.tooLarge()
	}
	r.stack = [][]token{tokenize(text, "")}
	for {
		if _, more := r.peek(); !more {
			break
		}
		if err := r.statement(); err != nil {
			return whole{}, err
		}
	}
	if len(r.blocks) == 0 {
		return whole{}, fmt.Errorf("%w: it holds no server block", ErrUnsupported)
	}
	return r.whole, nil
}

// peek returns the next token, if there is one.
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

// drop goes past the token that peek returned, as if it had not been there.
func (r *reader) drop() {
	top := len(r.stack) - 1
	r.stack[top] = r.stack[top][1:]
}

// take goes past the token that peek returned.
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

// refuse returns ErrUnsupported with the place of a token.
func (r *reader) refuse(t token, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrUnsupported, r.files.place(t.file, t.line), fmt.Sprintf(format, args...))
}

// statement reads a server block, a snippet, or imports at the end.
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

// keys reads the keys of a server block or a snippet and the brace that opens, and expands imports in front of them.
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
			return s, t, r.refuse(t, "the server block %q is named by CoreDNS's environment", t.text)
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

// snippet reads to the brace that closes, and remembers what is between.
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

// body reads the plugins of a server block to the brace that closes it.
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
			return nil, r.refuse(t, "the plugin %q is named by CoreDNS's environment", t.text)
		default:
			body, err = r.plugin(body, t)
		}
		if err != nil {
			return nil, err
		}
	}
}

// plugin adds the tokens of a plugin to the body: to the end of its line, or of the braces that open on it.
//
// CoreDNS tells lines apart by their numbers alone, and two words on the same line of a file are arguments of one plugin, wherever
// imports have brought them. So a snippet that is imported twice in braces, or from a later line of the file, can run together with
// its neighbours. That is refused, because no plugin expects it.
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
			return nil, r.refuse(t, "CoreDNS takes %q for a part of the line before it, because of an import", t.text)
		}
		if err := r.take(t); err != nil {
			return nil, err
		}
		body = append(body, t)
	}
}

// expandImport puts the imported tokens in place of the statement that begins with the next token. The statement can be one for server
// blocks, or one for plugins and their options.
func (r *reader) expandImport(ofBlocks bool) error {
	word, _ := r.peek()
	r.drop()
	argument, more := r.peek()
	if !more || !argument.continues(word) || argument.text == "" {
		return r.refuse(word, "import needs a file or a snippet")
	}
	r.drop()
	if extra, more := r.peek(); more && extra.continues(argument) {
		return r.refuse(word, "import %s takes one argument, and has %q", argument.text, extra.text)
	}
	if r.tokens, r.imports = r.tokens+2, r.imports+1; r.tokens > maxTokens || r.imports > maxImports {
		return r.tooLarge()
	}
	if refersToEnvironment(argument.text) {
		return r.refuse(word, "the import %s depends on CoreDNS's environment", argument.text)
	}
	r.spliced = true
	if body, found := r.snippets[argument.text]; found {
		r.stack = append(r.stack, body)
		return nil
	}
	p, err := r.files.pattern(argument)
	if err != nil {
		return r.refuse(word, "the import %s cannot be read: %s", argument.text, err)
	}
	if ofBlocks && p.isGlob() {
		r.patterns = append(r.patterns, p)
	}
	imported, err := r.files.match(p)
	if err != nil {
		return r.refuse(word, "the import %s cannot be read: %s", argument.text, err)
	}
	for i := len(imported) - 1; i >= 0 && !r.files.isExhausted(); i-- {
		tokens, err := r.files.tokens(imported[i])
		if err != nil {
			return r.refuse(word, "the import %s cannot be read: %s", argument.text, err)
		}
		r.stack = append(r.stack, tokens)
	}
	if r.files.isExhausted() {
		return r.tooLarge()
	}
	return nil
}
