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
	"slices"
	"strings"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/legacy"
)

// document is a file that may have our server blocks.
type document struct {
	file File
	// path is the file's path in the container. It is empty for the main Corefile.
	path       string
	text       string
	statements []statement
}

func (c Cluster) document(file File, path string) (document, error) {
	if _, isBinary := c.ConfigMaps[file.ConfigMap].BinaryData[file.Key]; isBinary {
		return document{}, fmt.Errorf("%w: it is in the binaryData of its ConfigMap", ErrUnsupported)
	}
	text := c.text(file)
	statements, err := parse(text)
	if err != nil {
		return document{}, err
	}
	return document{file: file, path: path, text: text, statements: statements}, nil
}

// contains returns whether an expanded server block is a statement of the document. It is false for
// a block from a snippet.
func (d document) contains(block statement) bool {
	return block.file == d.path && slices.ContainsFunc(d.statements, func(s statement) bool {
		return s.first == block.first && !s.isImport() && !s.isSnippet() && slices.Equal(s.keys, block.keys)
	})
}

// ensure returns the document's text with one block for each of the zones and no other block of
// ours.
func (o owner) ensure(d document, zones []string) (string, error) {
	if o.isComplete(d.statements, zones) {
		return d.text, nil
	}
	result, err := o.cut(d)
	if err != nil {
		return "", err
	}
	newline := "\n"
	if before, _, ok := strings.Cut(d.text, "\n"); ok && strings.HasSuffix(before, "\r") {
		newline = "\r\n"
	}
	for _, zone := range zones {
		if result != "" {
			result += newline
		}
		result += strings.ReplaceAll(o.listen.render(zone, o.ClusterIPs[0]), "\n", newline)
	}
	if err := o.verify(d, result, len(zones)); err != nil {
		return "", err
	}
	return result, nil
}

// remove returns the document's text without our blocks.
func (o owner) remove(d document) (string, error) {
	result, err := o.cut(d)
	if err != nil {
		return "", err
	}
	if err := o.verify(d, result, 0); err != nil {
		return "", err
	}
	return result, nil
}

// isComplete returns whether the document has exactly the wanted block for each of the zones, and
// no other block of ours.
func (o owner) isComplete(statements []statement, zones []string) bool {
	ours := slices.DeleteFunc(slices.Clone(statements), func(s statement) bool { return !o.owns(s) })
	if len(ours) != len(zones) {
		return false
	}
	for _, zone := range zones {
		// A rendered block always parses.
		wanted, _ := parse(o.listen.render(zone, o.ClusterIPs[0]))
		if !slices.ContainsFunc(ours, func(s statement) bool {
			return servesZone(s, zone, o.listen.port) && s.bodyText() == wanted[0].bodyText()
		}) {
			return false
		}
	}
	return true
}

// cut returns the text without our blocks. It removes the last one first, so that line numbers stay
// valid.
func (o owner) cut(d document) (string, error) {
	text := d.text
	for _, s := range slices.Backward(d.statements) {
		if !o.owns(s) {
			continue
		}
		if s.shared {
			return "", unsupported(s.first, "the block for %s shares a line with another one", s.keys[0])
		}
		text = cutBlock(text, s)
	}
	return text, nil
}

// cutBlock removes a block's lines and the line break that ensure added before them. At the end of
// the file, it always removes the line break. Elsewhere, it does so only if the line before is
// empty.
//
// If the block is between the comments of the 2022 project, it removes the comments instead. That
// project replaced the file's own line break, so the line break stays.
func cutBlock(text string, s statement) string {
	lines := strings.SplitAfter(text, "\n")
	first := s.first - 1
	before, after := lines[:first], lines[s.last:]
	if len(before) > 0 && len(after) > 0 &&
		strings.TrimSpace(before[len(before)-1]) == legacy.BlockBegin && strings.TrimSpace(after[0]) == legacy.BlockEnd {
		return strings.Join(before[:len(before)-1], "") + strings.Join(after[1:], "")
	}
	head, tail := strings.Join(before, ""), strings.Join(after, "")
	newline := "\n"
	if strings.HasSuffix(lines[first], "\r\n") && strings.HasSuffix(head, "\r\n") {
		newline = "\r\n"
	}
	shorter := strings.TrimSuffix(head, newline)
	if tail == "" || strings.HasSuffix(shorter, "\n") {
		head = shorter
	}
	return head + tail
}

// verify returns ErrUnsupported unless the edited text parses, all other statements are unchanged,
// and the number of our blocks is right. For example, an appended block would become a part of an
// unclosed quoted word.
func (o owner) verify(original document, edited string, blocks int) error {
	after, err := parse(edited)
	if err != nil {
		return fmt.Errorf("editing breaks it: %w", err)
	}
	others := slices.DeleteFunc(slices.Clone(after), o.owns)
	before := slices.DeleteFunc(slices.Clone(original.statements), o.owns)
	same := slices.EqualFunc(before, others, func(a, b statement) bool {
		return slices.Equal(a.keys, b.keys) && a.bodyText() == b.bodyText()
	})
	if !same || len(after)-len(others) != blocks {
		return fmt.Errorf("%w: editing would change other server blocks", ErrUnsupported)
	}
	return nil
}
