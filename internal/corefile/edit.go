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
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The project that this one succeeds put its block between these comments. They go with the block.
const (
	oldBegin = "### BEGIN CROSS CLUSTER CONNECTIVITY"
	oldEnd   = "### END CROSS CLUSTER CONNECTIVITY"
)

// Ensure returns the Corefile with exactly one server block of ours for each zone. A Corefile that has them, however
// they are indented or commented, is returned unchanged. Otherwise all blocks of ours, those that were written for a
// former zone too, are taken out and the wanted ones are appended.
//
// It returns ErrForeignBlock beside a Corefile when somebody else's block serves a zone: the Corefile has no block of ours
// for that zone, and it has those for the others. So it is with ErrUnsupported and a zone that would take names of the cluster itself.
// It returns ErrUnsupported and no Corefile when that has no server block, cannot be parsed or cannot be edited safely, or when
// CoreDNS would not ask or not survive the block.
func Ensure(corefile string, settings Settings) (string, error) {
	d, err := newDocument("the Corefile", corefile)
	if err != nil {
		return "", err
	}
	o, err := d.owner(settings)
	if err != nil {
		return "", err
	}
	zones, refused := o.admit(settings.Zones, d)
	ensured, err := o.ensure(d, zones)
	if err != nil {
		return "", err
	}
	return ensured, refused
}

// Remove returns the Corefile without our blocks: those of the zones and those that were written for former zones.
// Blocks of somebody else stay, those for our zones too. It returns ErrUnsupported when the Corefile cannot be parsed or
// cannot be edited safely.
func Remove(corefile string, settings Settings) (string, error) {
	d, err := newDocument("the Corefile", corefile)
	if err != nil {
		return "", err
	}
	return formerOwner(settings, d).remove(d)
}

// document is a Corefile, or a file that it imports.
type document struct {
	// name is how messages call it.
	name       string
	text       string
	statements []statement
}

func newDocument(name, text string) (document, error) {
	statements, err := parse(text)
	if err != nil {
		return document{}, err
	}
	return document{name: name, text: text, statements: statements}, nil
}

// owner returns who edits a main Corefile.
func (d document) owner(settings Settings) (owner, error) {
	if len(d.statements) == 0 {
		return owner{}, fmt.Errorf("%w: it holds no server block", ErrUnsupported)
	}
	listen, err := listenerOf(d.statements)
	if err != nil {
		return owner{}, err
	}
	return newOwner(settings, listen), nil
}

// formerOwner is who edited a main Corefile before it became what it is. In one that says not where CoreDNS listens, blocks are recognised by
// the memory, and by their zone on the default port.
func formerOwner(settings Settings, d document) owner {
	listen, err := listenerOf(d.statements)
	if err != nil {
		listen = defaultListener()
	}
	return newOwner(settings, listen)
}

// admit returns those of the zones that can have a block beside what is in the documents, and why the others cannot.
func (o owner) admit(zones []string, documents ...document) ([]string, error) {
	var admitted []string
	var refused []error
	for _, zone := range zones {
		var err error
		for _, d := range documents {
			if err == nil {
				err = o.foreign(d, zone)
			}
			if err == nil {
				err = rejectClusterZone(d, zone)
			}
		}
		if err != nil {
			refused = append(refused, err)
			continue
		}
		admitted = append(admitted, zone)
	}
	return admitted, errors.Join(refused...)
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
