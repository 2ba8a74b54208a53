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

// statement is a top-level element of a Corefile: a server block, a snippet or an import. In an
// expanded configuration, it is a server block.
type statement struct {
	// keys are a server block's zones, a snippet's name in parentheses, or the word import and its
	// argument.
	keys []string
	// body has the tokens between the braces. It is nil for an import.
	body []token
	// first and last are the first and last line of the statement, from 1.
	first, last int
	// file is the path of the imported file with the statement. It is empty for the main Corefile.
	file string
	// shared is true if another statement has tokens on the first or last line.
	shared bool
}

func (s statement) isImport() bool {
	return s.keys[0] == importWord
}

func (s statement) isSnippet() bool {
	return len(s.keys) == 1 && strings.HasPrefix(s.keys[0], "(") && strings.HasSuffix(s.keys[0], ")")
}

// parser parses one file for editing it as text, without expanding imports. CoreDNS's own parser
// cannot be used: it reads imported files and the environment, and does not return the line at
// which a block ends. reader expands imports.
type parser struct {
	tokens []token
	next   int
}

// parse returns the statements of a Corefile in their order, or ErrUnsupported. Apart from imports
// and environment variables, it accepts only files that CoreDNS accepts.
func parse(text string) ([]statement, error) {
	if maxWords(text) > maxTokens {
		return nil, fmt.Errorf("%w: it has more than %d words", ErrUnsupported, maxTokens)
	}
	p := &parser{tokens: tokenize(text, "")}
	var statements []statement
	for p.more() {
		start := p.next
		s, err := p.statement()
		if err != nil {
			return nil, err
		}
		s.first, s.last = p.tokens[start].line, p.tokens[p.next-1].last
		s.shared = !p.startsLine(start) || p.more() && !p.startsLine(p.next)
		statements = append(statements, s)
	}
	return statements, nil
}

func (p *parser) more() bool {
	return p.next < len(p.tokens)
}

// startsLine returns whether the token at the index is the first on its line.
func (p *parser) startsLine(index int) bool {
	return p.tokens[index].starts
}

// take consumes and returns the next token.
func (p *parser) take() token {
	t := p.tokens[p.next]
	p.next++
	return t
}

func (p *parser) statement() (statement, error) {
	if p.tokens[p.next].text == importWord && p.startsLine(p.next) {
		return p.importStatement()
	}
	keys, err := p.keys()
	if err != nil {
		return statement{}, err
	}
	s := statement{keys: keys}
	if s.isSnippet() {
		s.body, err = p.snippetBody()
	} else {
		s.body, err = p.blockBody()
	}
	return s, err
}

func (p *parser) importStatement() (statement, error) {
	word := p.take()
	if !p.more() || p.startsLine(p.next) || p.tokens[p.next].text == "" {
		return statement{}, unsupported(word.line, "import needs a file or a snippet")
	}
	argument := p.take()
	if p.more() && !p.startsLine(p.next) {
		return statement{}, unsupported(word.line, "import %s takes one argument, and has %q", argument.text, p.tokens[p.next].text)
	}
	return statement{keys: []string{word.text, argument.text}}, nil
}

// keys reads the keys of a server block and its opening brace. A comma at the end of a key
// continues the list on the next line.
func (p *parser) keys() ([]string, error) {
	var keys []string
	another := false
	first := p.tokens[p.next].line
	for p.more() {
		if len(keys) > 0 && !another && p.startsLine(p.next) && p.tokens[p.next].text != openBrace {
			return nil, unsupported(p.tokens[p.next].line, "the server block %q has no braces around its plugins", keys)
		}
		t := p.take()
		switch {
		case t.text == openBrace && (another || len(keys) == 0):
			return nil, unsupported(t.line, "a server block has no name before its brace")
		case t.text == openBrace:
			return keys, nil
		case t.text == closeBrace, t.text == importWord, t.text == "", t.text == ",":
			return nil, unsupported(t.line, "%q is not the name of a server block", t.text)
		case refersToEnvironment(t.text):
			return nil, unsupported(t.line, "the name of the server block %q comes from CoreDNS's environment", t.text)
		}
		var key string
		key, another = strings.CutSuffix(t.text, ",")
		keys = append(keys, key)
	}
	return nil, unsupported(first, "the server block %q has no braces around its plugins", keys)
}

func (p *parser) snippetBody() ([]token, error) {
	start := p.next
	for depth := 1; p.more(); {
		switch t := p.take(); t.text {
		case openBrace:
			depth++
		case closeBrace:
			depth--
		}
		if depth == 0 {
			return p.tokens[start : p.next-1], nil
		}
	}
	return nil, unsupported(p.tokens[start-1].line, "the brace that opens here is never closed")
}

func (p *parser) blockBody() ([]token, error) {
	start := p.next
	for p.more() {
		t := p.take()
		var err error
		switch t.text {
		case closeBrace:
			return p.tokens[start : p.next-1], nil
		case openBrace:
			err = unsupported(t.line, "a brace opens where a plugin is expected")
		case importWord:
			p.next--
			_, err = p.importStatement()
		default:
			err = p.plugin()
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, unsupported(p.tokens[start-1].line, "the brace that opens here is never closed")
}

// plugin reads to the end of the plugin's line, or to the end of the braces that open on it.
func (p *parser) plugin() error {
	depth := 0
	for p.more() {
		t := p.tokens[p.next]
		switch {
		case t.text == openBrace:
			depth++
		case depth == 0 && p.startsLine(p.next):
			return nil
		case t.text == closeBrace && depth == 0:
			return unsupported(t.line, "a brace closes that was not opened")
		case t.text == closeBrace:
			depth--
		}
		p.next++
	}
	if depth > 0 {
		return unsupported(p.tokens[p.next-1].line, "a brace is never closed")
	}
	return nil
}
