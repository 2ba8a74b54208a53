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

// Plan is the result of Install and Uninstall.
type Plan struct {
	// Found describes the configurations that were found, for messages.
	Found []string
	// Edits are the edits in the order in which they must be made.
	Edits []Edit
	// Written is the new value of Settings.Written. Store it before the first edit.
	Written string
	// Err says what could not be done. It wraps ErrNotFound, and ErrForeignBlock or ErrUnsupported
	// for each affected zone or file.
	Err error
}

// Edit is a change of one key of a ConfigMap.
type Edit struct {
	File
	// Text is the new value of the key.
	Text string
	// Delete is true if the key must be deleted.
	Delete bool
}

// Install returns the edits for one server block for each zone in each server. The block is in the
// Corefile, or in an imported file if k3s or a cloud manages the Corefile. NodeLocal DNSCache needs
// its own block, because it sends queries for the zone past CoreDNS. An error about one zone or
// server does not affect the others.
func Install(cluster Cluster, settings Settings) Plan {
	b := builder{cluster: cluster, settings: settings}
	zones := settings.Zones
	mains := 0
	for _, s := range cluster.Servers {
		if !cluster.exists(s) {
			continue
		}
		if s.Cache && mains == 0 {
			b.found = append(b.found, s.Words)
			continue
		}
		mains++
		// A cache must forward only zones that the CoreDNS behind it forwards.
		zones = b.install(s, zones)
	}
	switch {
	case mains == 0:
		b.errs = append(b.errs, ErrNotFound)
	case !b.isUncertain:
		for _, s := range cluster.Servers {
			b.uninstallKeys(s, newOwner(settings, defaultListener()))
		}
	}
	return b.plan()
}

// Uninstall returns the edits that remove all our server blocks. They restore the configuration
// from before Install.
func Uninstall(cluster Cluster, settings Settings) Plan {
	b := builder{cluster: cluster, settings: settings}
	for _, s := range cluster.Servers {
		o := newOwner(settings, defaultListener())
		if cluster.exists(s) {
			b.found = append(b.found, s.Words)
			// If the listener is unknown, blocks are recognised by Settings.Written, and by their
			// zone on the default port.
			if w, err := cluster.expand(s); err == nil {
				if former, err := ownerOf(w, settings); err == nil {
					o = former
				}
			}
			b.uninstall(o, s.Corefile)
		}
		b.uninstallKeys(s, o)
	}
	return b.plan()
}

// builder builds a Plan.
type builder struct {
	cluster  Cluster
	settings Settings
	found    []string
	edits    []Edit
	wanted   []string
	errs     []error
	// targets are the files for our blocks.
	targets []File
	// isUncertain is true if the file for our blocks is unknown in a server.
	isUncertain bool
}

func (b *builder) plan() Plan {
	return Plan{Found: b.found, Edits: b.edits, Written: appendWritten(b.settings.Written, b.wanted), Err: errors.Join(b.errs...)}
}

// failed adds an error about a file.
func (b *builder) failed(file File, err error) {
	b.errs = append(b.errs, brief{fmt.Errorf("%s %w", file, err)})
}

// install adds the edits of one server. It returns the zones that a cache in front of it may
// forward.
func (b *builder) install(s Server, zones []string) []string {
	e, err := newEditor(b.cluster.with(b.edits), s, b.settings)
	if err != nil {
		b.isUncertain = true
		b.found = append(b.found, s.Words)
		b.failed(s.Corefile, err)
		return zones
	}
	words := s.Words
	if e.target != s.Corefile {
		words = fmt.Sprintf("ConfigMap %s, imported by %s", e.target.ConfigMap, s.Words)
	}
	b.found = append(b.found, words+e.listen.String())
	b.targets = append(b.targets, e.target)
	admitted, refused := e.admit(zones)
	b.errs = append(b.errs, refused...)
	edits, err := e.ensure(admitted)
	if err == nil {
		err = b.rejectShared(s, e.listen, edits)
	}
	if err != nil {
		b.failed(s.Corefile, err)
		return zones
	}
	b.edits = append(b.edits, edits...)
	for _, zone := range admitted {
		block := e.listen.render(zone, b.settings.ClusterIPs[0])
		if !slices.Contains(b.wanted, block) {
			b.wanted = append(b.wanted, block)
		}
	}
	return admitted
}

// rejectShared returns ErrUnsupported if another server with a different listener imports an edited
// file. A block cannot have different binds for a cache and for CoreDNS.
func (b *builder) rejectShared(s Server, listen listener, edits []Edit) error {
	for _, other := range b.cluster.Servers {
		if other.Corefile == s.Corefile || !b.cluster.exists(other) {
			continue
		}
		i := slices.IndexFunc(edits, func(e Edit) bool { return slices.Contains(ConfigMapsOf([]Server{other}), e.ConfigMap) })
		if i < 0 {
			continue
		}
		if err := b.rejectSharedWith(other, listen, edits); err != nil {
			return fmt.Errorf("cannot import %s, which the server of %s imports, too: %w", edits[i].File, other.Words, err)
		}
	}
	return nil
}

// rejectSharedWith returns ErrUnsupported if the edits would break the other server, or add a block
// with another listener.
func (b *builder) rejectSharedWith(other Server, listen listener, edits []Edit) error {
	before, err := b.cluster.with(b.edits).expand(other)
	if err != nil {
		return nil //nolint:nilerr // install reports the error of the other server.
	}
	after, err := b.cluster.with(slices.Concat(b.edits, edits)).expand(other)
	if err != nil {
		return err
	}
	if slices.EqualFunc(before.blocks, after.blocks, statement.isSame) {
		return nil
	}
	o, err := ownerOf(before, b.settings)
	if err != nil {
		return nil //nolint:nilerr // As above.
	}
	if o.listen.String() != listen.String() {
		return fmt.Errorf("%w: their ports or addresses differ", ErrUnsupported)
	}
	return after.check()
}

// uninstallKeys removes our blocks from the keys with our name that are not targets.
func (b *builder) uninstallKeys(s Server, o owner) {
	for _, file := range b.cluster.ownKeys(s) {
		if !slices.Contains(b.targets, file) {
			b.targets = append(b.targets, file)
			b.uninstall(o, file)
		}
	}
}

// uninstall removes our blocks from one key. A text that cannot be parsed is skipped if it mentions
// none of our zones.
func (b *builder) uninstall(o owner, file File) {
	d, err := b.cluster.document(file, "")
	var without string
	if err == nil {
		without, err = o.remove(d)
	}
	isMain := slices.ContainsFunc(b.cluster.Servers, func(s Server) bool { return s.Corefile == file })
	switch {
	case err != nil && !o.mentions(b.cluster.text(file)):
	case err != nil:
		b.failed(file, err)
	case !isMain && without == "" && (d.text != "" || file == File{Custom(), CustomKey}):
		b.edits = append(b.edits, Edit{File: file, Delete: true})
	case without != d.text:
		b.edits = append(b.edits, Edit{File: file, Text: without})
	}
}

// mentions returns whether a text has the name of a current or former zone.
func (o owner) mentions(text string) bool {
	zones := slices.Clone(o.Zones)
	for _, w := range o.written {
		zone, _ := splitKey(w.keys[0])
		zones = append(zones, zone)
	}
	text = strings.ToLower(text)
	return slices.ContainsFunc(zones, func(zone string) bool { return strings.Contains(text, zone) })
}
