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
)

// The project that this one succeeds put its block between these comments. They go with the block.
const (
	oldBegin = "### BEGIN CROSS CLUSTER CONNECTIVITY"
	oldEnd   = "### END CROSS CLUSTER CONNECTIVITY"
)

// document is a file that may hold server blocks of ours.
type document struct {
	file File
	// path is where CoreDNS reads it, and empty for the main Corefile.
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

// holds returns whether a server block of the whole is a statement of the document, rather than the content of a snippet.
func (d document) holds(block statement) bool {
	return block.file == d.path && slices.ContainsFunc(d.statements, func(s statement) bool {
		return s.first == block.first && !s.isImport() && !s.isSnippet() && slices.Equal(s.keys, block.keys)
	})
}

// ensure returns the document's text with one wanted block for each of the zones and no other block of ours.
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

// isComplete returns whether there is one wanted block for each of the zones and no other block of ours.
func (o owner) isComplete(statements []statement, zones []string) bool {
	ours := slices.DeleteFunc(slices.Clone(statements), func(s statement) bool { return !o.owns(s) })
	if len(ours) != len(zones) {
		return false
	}
	for _, zone := range zones {
		// What render returns always parses.
		wanted, _ := parse(o.listen.render(zone, o.ClusterIPs[0]))
		if !slices.ContainsFunc(ours, func(s statement) bool {
			return servesZone(s, zone, o.listen.port) && s.bodyText() == wanted[0].bodyText()
		}) {
			return false
		}
	}
	return true
}

// cut returns the text without our blocks, from the last to the first so that line numbers stay true.
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

// cutBlock takes a block's lines out, and the line break in front of them that Ensure put there: always at the end of
// the file, and in front of something else only if it makes an empty line.
//
// Between the old project's comments it takes those instead and leaves the line break, because the old project had taken
// the file's own to put the block there.
func cutBlock(text string, s statement) string {
	lines := strings.SplitAfter(text, "\n")
	first := s.first - 1
	before, after := lines[:first], lines[s.last:]
	if len(before) > 0 && len(after) > 0 &&
		strings.TrimSpace(before[len(before)-1]) == oldBegin && strings.TrimSpace(after[0]) == oldEnd {
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

// verify returns ErrUnsupported unless the edited text parses, says the same as before about everything that is not
// ours, and holds as many wanted blocks of ours as it should. A word in quotes that the file does not close, for one,
// would swallow an appended block.
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
		return fmt.Errorf("%w: editing would change what it says beside the zone", ErrUnsupported)
	}
	return nil
}
