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
	"path"
	"slices"
	"strings"
)

// editor edits the configuration of one server.
type editor struct {
	owner
	cluster Cluster
	server  Server
	// before is the expanded configuration without our blocks.
	before expanded
	// documents are the files that may have our blocks. Edits put all of them into target.
	documents []document
	target    File
}

// newEditor returns ErrUnsupported if CoreDNS does not or might not start with the configuration,
// or if it cannot be edited.
func newEditor(c Cluster, s Server, settings Settings) (*editor, error) {
	main, err := c.document(s.Corefile, "")
	if err != nil {
		return nil, err
	}
	if len(main.statements) == 0 {
		return nil, fmt.Errorf("%w: it holds no server block", ErrUnsupported)
	}
	e := &editor{cluster: c, server: s, documents: []document{main}, target: s.Corefile}
	if e.before, err = c.expand(s); err != nil {
		return nil, err
	}
	if e.owner, err = ownerOf(e.before, settings); err != nil {
		return nil, err
	}
	for _, p := range e.before.patterns {
		if err := e.addKeyFor(p); err != nil {
			return nil, err
		}
	}
	e.before.blocks = slices.DeleteFunc(slices.Clone(e.before.blocks), e.isEditable)
	if err := e.before.check(); err != nil {
		return nil, err
	}
	return e, e.listen.rejectOtherWildcards(e.before)
}

// ownerOf returns the owner for an expanded configuration, with the listener of its main block.
func ownerOf(x expanded, settings Settings) (owner, error) {
	o := newOwner(settings, defaultListener())
	others := slices.DeleteFunc(slices.Clone(x.blocks), func(s statement) bool { return o.wrote(s) || o.isNamed(s) })
	var err error
	o.listen, err = listenerOf(x.files, others)
	return o, err
}

// addKeyFor adds our key for an import of server blocks from a ConfigMap with a wildcard. The first
// such key becomes the target. Such imports are made for users, while k3s and clouds rewrite the
// main Corefile.
func (e *editor) addKeyFor(p pattern) error {
	key, found := keyFor(e.server, p)
	if !found || slices.ContainsFunc(e.documents, func(d document) bool { return d.file == key }) {
		return nil
	}
	if _, exists := e.cluster.ConfigMaps[key.ConfigMap]; !exists && key.ConfigMap != Custom() {
		return fmt.Errorf("%w: it imports ConfigMap %s, which does not exist: create it", ErrUnsupported, key.ConfigMap)
	}
	d, err := e.cluster.document(key, path.Join(path.Dir(p.path), key.Key))
	if err != nil {
		return fmt.Errorf("imports %s, which %w", key, err)
	}
	if len(e.documents) == 1 {
		e.target = key
	}
	e.documents = append(e.documents, d)
	return nil
}

// keyFor returns our key that matches a pattern, such as xcc.server for *.server.
func keyFor(s Server, p pattern) (File, bool) {
	folder, name := path.Split(p.path)
	i := slices.IndexFunc(s.Mounts, func(m Mount) bool {
		return m.Key == "" && m.Items == nil && path.Clean(m.Path) == path.Clean(folder) && m.ConfigMap != s.Corefile.ConfigMap
	})
	if i < 0 || !strings.Contains(name, "*") {
		return File{}, false
	}
	key := strings.NewReplacer("*", ownName, "?", "0").Replace(name)
	isKey := strings.IndexFunc(key, func(r rune) bool {
		return !strings.ContainsRune("-._", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
	return File{ConfigMap: s.Mounts[i].ConfigMap, Key: key}, isKey
}

// isEditable returns whether an expanded server block is ours and in one of the documents.
func (e *editor) isEditable(block statement) bool {
	return e.owns(block) && slices.ContainsFunc(e.documents, func(d document) bool { return d.contains(block) })
}

// admit returns the zones that do not conflict with other server blocks, and an error for each of
// the others.
func (e *editor) admit(zones []string) (admitted []string, refused []error) {
	for _, zone := range zones {
		err := e.foreign(e.before.files, e.before.blocks, zone)
		if err == nil {
			err = rejectClusterZone(e.before.files, e.before.blocks, zone)
		}
		if err == nil {
			err = e.cluster.rejectStubDomain(e.server, zone)
		}
		if err != nil {
			refused = append(refused, brief{err})
			continue
		}
		admitted = append(admitted, zone)
	}
	return admitted, refused
}

// ensure returns the edits for one block for each of the zones, in the target. Removals come first,
// because CoreDNS does not start with two blocks for a zone.
func (e *editor) ensure(zones []string) ([]Edit, error) {
	var edits []Edit
	for _, d := range e.documents {
		if d.file == e.target {
			continue
		}
		text, err := e.remove(d)
		if err != nil {
			return nil, fmt.Errorf("or %s %w", d.file, err)
		}
		edits = e.appendEdit(edits, d, text)
	}
	i := slices.IndexFunc(e.documents, func(d document) bool { return d.file == e.target })
	text, err := e.owner.ensure(e.documents[i], zones)
	if err != nil {
		return nil, err
	}
	edits = e.appendEdit(edits, e.documents[i], text)
	return edits, e.verifyExpanded(edits, zones)
}

// appendEdit appends an edit if the document differs from the text. It deletes our key instead of
// leaving it empty.
func (e *editor) appendEdit(edits []Edit, d document, text string) []Edit {
	isDeleted := d.path != "" && text == ""
	if e.cluster.has(d.file) != isDeleted && text == d.text {
		return edits
	}
	return append(edits, Edit{File: d.file, Text: text, Delete: isDeleted})
}

// verifyExpanded expands the configuration after the edits. It returns ErrUnsupported unless
// CoreDNS starts with it, all other server blocks are unchanged, and exactly one block serves each
// zone on the main block's listener.
func (e *editor) verifyExpanded(edits []Edit, zones []string) error {
	if len(zones) == 0 && len(e.before.blocks) == 0 {
		return nil
	}
	after, err := e.cluster.with(edits).expand(e.server)
	if err == nil {
		err = after.check()
	}
	if err != nil {
		return fmt.Errorf("editing breaks it: %w", err)
	}
	if err := e.listen.rejectSockets(after, e.owns); err != nil {
		return err
	}
	others, missing := e.before.blocks, slices.Clone(zones)
	for _, s := range after.blocks {
		if len(others) > 0 && s.isSame(others[0]) {
			others = others[1:]
			continue
		}
		i := slices.IndexFunc(missing, func(zone string) bool { return servesZone(s, zone, e.listen.port) && e.owns(s) })
		if i < 0 {
			return fmt.Errorf("%w: editing would change other server blocks", ErrUnsupported)
		}
		missing = slices.Delete(missing, i, i+1)
	}
	if len(others) > 0 || len(missing) > 0 {
		return fmt.Errorf("%w: editing would change other server blocks", ErrUnsupported)
	}
	return nil
}

// ownKeys returns the keys with our name in ConfigMaps that are mounted as folders, sorted. They
// may or may not be imported.
func (c Cluster) ownKeys(s Server) []File {
	var files []File
	for _, m := range s.Mounts {
		if m.Key != "" || m.Items != nil || m.ConfigMap == s.Corefile.ConfigMap {
			continue
		}
		for key := range c.ConfigMaps[m.ConfigMap].Data {
			if parts := strings.FieldsFunc(key, func(r rune) bool { return strings.ContainsRune("-._", r) }); slices.Contains(parts, ownName) {
				files = append(files, File{ConfigMap: m.ConfigMap, Key: key})
			}
		}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Key, b.Key) })
	return files
}

// isSame returns whether two server blocks are the same, ignoring comments and indentation.
func (s statement) isSame(other statement) bool {
	return s.file == other.file && slices.Equal(s.keys, other.keys) && s.bodyText() == other.bodyText()
}
