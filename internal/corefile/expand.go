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
)

// Limits of the expansion. They bound the memory to about 20 MB and the time to a fraction of a
// second. Hand-written Corefiles are far smaller. CoreDNS's own limits are 10,000 snippets and
// 100,000 files of any size.
const (
	// maxTokens limits the words of a file, and of all files after the expansion.
	maxTokens = 1 << 17
	// maxImports limits the expanded import statements.
	maxImports = 1000
	// maxCompared limits the comparisons of files with patterns, and the imported files.
	maxCompared = 1 << 18
	// maxMounts limits the mounts of a container, because each is compared with each file.
	maxMounts = 64
)

// expanded is the configuration that CoreDNS has after it has expanded the imports.
type expanded struct {
	// blocks are the server blocks in their order, without imports.
	blocks []statement
	// patterns are the patterns of imports outside of server blocks.
	patterns []pattern
	// files are the imported files.
	files *files
}

// expand returns the expanded configuration of a server. It returns ErrUnsupported if CoreDNS would
// not start with it, or if it depends on files or variables that are not available here.
func (c Cluster) expand(s Server) (expanded, error) {
	text := c.text(s.Corefile)
	r := &reader{expanded: expanded{files: newFiles(c, s)}, snippets: map[string][]token{}}
	if maxWords(text) > maxTokens {
		return expanded{}, r.tooLarge()
	}
	r.stack = [][]token{tokenize(text, "")}
	for {
		if _, more := r.peek(); !more {
			break
		}
		if err := r.statement(); err != nil {
			return expanded{}, err
		}
	}
	if len(r.blocks) == 0 {
		return expanded{}, fmt.Errorf("%w: it holds no server block", ErrUnsupported)
	}
	return r.expanded, nil
}

// expandImport replaces the import statement at the next token by the imported tokens. ofBlocks is
// true outside of server blocks.
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
