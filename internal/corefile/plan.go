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
	case !b.needsCustom:
		b.uninstallCustom(defaultListener())
	}
	return b.plan()
}

// Uninstall returns what leads to a cluster without server blocks of ours. Its configuration is then what it would be had
// there never been one.
func Uninstall(cluster Cluster, settings Settings) Plan {
	b := builder{cluster: cluster, settings: settings}
	listen := defaultListener()
	for _, s := range cluster.Servers {
		if !cluster.exists(s) {
			continue
		}
		b.found = append(b.found, s.Words)
		d, err := newDocument(s.Corefile.String(), cluster.text(s.Corefile))
		o := formerOwner(settings, d)
		if err == nil && importsCustom(s, d.statements) {
			listen = o.listen
		}
		b.uninstall(o, s.Corefile)
	}
	b.uninstallCustom(listen)
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
	// needsCustom says that a main Corefile imports what is in Custom, or that it is not known whether it does.
	needsCustom bool
}

func (b *builder) plan() Plan {
	return Plan{Found: b.found, Edits: b.edits, Written: remember(b.settings.Written, b.wanted), Err: errors.Join(b.errs...)}
}

// failed notes what is wrong with a document.
func (b *builder) failed(name string, err error) {
	b.errs = append(b.errs, fmt.Errorf("%s %w", name, err))
}

// refused notes why zones are not admitted.
func (b *builder) refused(err error) {
	if err != nil {
		b.errs = append(b.errs, err)
	}
}

// edit notes a text to be written, if it is another one.
func (b *builder) edit(e Edit) {
	if text, found := b.cluster.ConfigMaps[e.ConfigMap].Data[e.Key]; text != e.Text || found == e.Delete {
		b.edits = append(b.edits, e)
	}
}

// install edits one place and returns the zones that a cache in front of it may have.
func (b *builder) install(s Server, zones []string) []string {
	d, err := newDocument(s.Corefile.String(), b.cluster.text(s.Corefile))
	var o owner
	if err == nil {
		o, err = d.owner(b.settings)
	}
	if err != nil {
		b.needsCustom = true
		b.found = append(b.found, s.Words)
		b.failed(s.Corefile.String(), err)
		return zones
	}
	if importsCustom(s, d.statements) {
		return b.installCustom(s, d, o, zones)
	}
	b.found = append(b.found, s.Words+o.listen.String())
	admitted, err := o.admit(zones, d)
	b.refused(err)
	text, err := o.ensure(d, admitted)
	if err != nil {
		b.failed(s.Corefile.String(), err)
		return zones
	}
	b.edit(Edit{File: s.Corefile, Text: text})
	b.remember(o, admitted)
	return admitted
}

// installCustom puts the blocks into a key of our own, which the main Corefile imports, and takes them out of that: it is
// first, because CoreDNS does not start with a zone in both.
func (b *builder) installCustom(s Server, main document, o owner, zones []string) []string {
	b.needsCustom = true
	b.found = append(b.found, fmt.Sprintf("ConfigMap %s, imported by %s%s", Custom(), s.Words, o.listen))
	documents := []document{main}
	for _, key := range append(b.cluster.customFiles(), CustomKey) {
		file := File{ConfigMap: Custom(), Key: key}
		d, err := newDocument(file.String(), b.cluster.text(file))
		if err != nil {
			b.failed(file.String(), err)
			return zones
		}
		documents = append(documents, d)
	}
	admitted, err := o.admit(zones, documents...)
	b.refused(err)
	without, err := o.remove(main)
	if err != nil {
		b.failed(s.Corefile.String(), err)
		return zones
	}
	key := File{ConfigMap: Custom(), Key: CustomKey}
	own, err := o.ensure(documents[len(documents)-1], admitted)
	if err != nil {
		b.failed(key.String(), err)
		return zones
	}
	b.edit(Edit{File: s.Corefile, Text: without})
	b.edit(Edit{File: key, Text: own, Delete: own == ""})
	b.remember(o, admitted)
	return admitted
}

func (b *builder) remember(o owner, zones []string) {
	for _, zone := range zones {
		block := o.listen.render(zone, b.settings.ClusterIPs[0])
		if !slices.Contains(b.wanted, block) {
			b.wanted = append(b.wanted, block)
		}
	}
}

// uninstallCustom edits our key in Custom.
func (b *builder) uninstallCustom(listen listener) {
	if _, found := b.cluster.ConfigMaps[Custom()].Data[CustomKey]; found {
		b.uninstall(newOwner(b.settings, listen), File{ConfigMap: Custom(), Key: CustomKey})
	}
}

// uninstall edits one key. What cannot be parsed and names no zone of ours has no block of ours either.
func (b *builder) uninstall(o owner, file File) {
	text := b.cluster.text(file)
	d, err := newDocument(file.String(), text)
	var without string
	if err == nil {
		without, err = o.remove(d)
	}
	switch {
	case err != nil && !o.mentions(text):
	case err != nil:
		b.failed(file.String(), err)
	default:
		b.edit(Edit{File: file, Text: without, Delete: file.ConfigMap == Custom() && without == ""})
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
