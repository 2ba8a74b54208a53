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

// Plan is what to do about the configuration of a cluster's CoreDNS.
type Plan struct {
	// Found says where configuration is, in words for people.
	Found []string
	// Edits are to be made in this order. There is none for what is as it should be.
	Edits []Edit
	// Written is what Settings.Written must be from now on. It must be stored before the first edit is made.
	Written string
	// Err says what is left undone: ErrNotFound, and ErrForeignBlock and ErrUnsupported for each zone or place concerned.
	Err error
}

// Edit is one key of a ConfigMap to be written.
type Edit struct {
	File
	// Text is the key's value to be.
	Text string
	// Delete says that the key is to go instead.
	Delete bool
}

// Install returns what leads to one server block of ours for each zone wherever CoreDNS looks for it: in its Corefile or,
// if that is k3s's or a cloud's which imports further files, in one of those; and in the Corefile of NodeLocal DNSCache,
// which would send the zone past CoreDNS. A zone or a place that cannot have one keeps no other from it.
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
		// A zone that CoreDNS does not forward must not be forwarded by a cache in front of it.
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

// Uninstall returns what leads to a cluster without server blocks of ours. Its configuration is then what it would be had
// there never been one.
func Uninstall(cluster Cluster, settings Settings) Plan {
	b := builder{cluster: cluster, settings: settings}
	for _, s := range cluster.Servers {
		o := newOwner(settings, defaultListener())
		if cluster.exists(s) {
			b.found = append(b.found, s.Words)
			// In a configuration that says not where CoreDNS listens, blocks are recognised by the memory, and by their zone on the
			// default port.
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

// builder gathers a Plan.
type builder struct {
	cluster  Cluster
	settings Settings
	found    []string
	edits    []Edit
	wanted   []string
	errs     []error
	// targets are where blocks belong.
	targets []File
	// isUncertain reports that it is not known where blocks belong.
	isUncertain bool
}

func (b *builder) plan() Plan {
	return Plan{Found: b.found, Edits: b.edits, Written: remember(b.settings.Written, b.wanted), Err: errors.Join(b.errs...)}
}

// failed notes what is wrong with a file.
func (b *builder) failed(file File, err error) {
	b.errs = append(b.errs, brief{fmt.Errorf("%s %w", file, err)})
}

// install edits the configuration of one server and returns the zones that a cache in front of it may have.
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

// rejectShared returns ErrUnsupported if another server reads a file that is edited for this one, and listens elsewhere.
// A block cannot be bound to an address for a cache and to none for CoreDNS.
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
			return fmt.Errorf("cannot have %s, which the server of %s reads, too: %w", edits[i].File, other.Words, err)
		}
	}
	return nil
}

// rejectSharedWith returns ErrUnsupported if the edits would give the other server a block that listens elsewhere than its
// own, or break it.
func (b *builder) rejectSharedWith(other Server, listen listener, edits []Edit) error {
	before, err := b.cluster.with(b.edits).expand(other)
	if err != nil {
		return nil //nolint:nilerr // Its configuration is refused in its turn.
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
		return fmt.Errorf("%w: they listen in different places", ErrUnsupported)
	}
	return after.check()
}

// uninstallKeys edits the keys that are ours by their names, and where no block belongs.
func (b *builder) uninstallKeys(s Server, o owner) {
	for _, file := range b.cluster.ownKeys(s) {
		if !slices.Contains(b.targets, file) {
			b.targets = append(b.targets, file)
			b.uninstall(o, file)
		}
	}
}

// uninstall edits one key. What cannot be parsed and names no zone of ours has no block of ours either.
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

// mentions returns whether a text has the name of a zone that is ours or was.
func (o owner) mentions(text string) bool {
	zones := slices.Clone(o.Zones)
	for _, w := range o.written {
		zone, _ := splitKey(w.keys[0])
		zones = append(zones, zone)
	}
	text = strings.ToLower(text)
	return slices.ContainsFunc(zones, func(zone string) bool { return strings.Contains(text, zone) })
}
