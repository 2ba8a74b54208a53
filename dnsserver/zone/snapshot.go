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

package zone

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Snapshot is what is served at one moment. It never changes.
type Snapshot struct {
	zones  []*Zone
	names  *names
	packer Packer
	// records is how many names hold something of their own.
	records int
}

// Content is what there is before any record.
type Content struct {
	// Zones are the apexes, canonical and without duplicates.
	Zones []string
	// NameServer are the addresses of the zones' name server. There may be none: then its name exists without addresses.
	NameServer []netip.Addr
	// Packer prepares what is sent.
	Packer Packer
}

// New returns a snapshot without records. The serials of its zones are the time in seconds since 1970.
func New(content Content, now time.Time) *Snapshot {
	apexes := slices.Clone(content.Zones)
	// A zone comes before the zones within it, so that the names between them exist in the outer one.
	slices.SortFunc(apexes, func(a, b string) int { return len(a) - len(b) })
	s := &Snapshot{packer: content.Packer}
	e := (&names{}).edit()
	content.NameServer = slices.SortedFunc(slices.Values(content.NameServer), netip.Addr.Compare)
	nameServer := newData(Record{Addresses: content.NameServer}, content.Packer)
	probed := newData(Record{Addresses: []netip.Addr{probeAddress}}, content.Packer)
	for i, apex := range apexes {
		z := &Zone{apex: apex, serial: uint32(now.Unix()), nameServer: content.NameServer} //nolint:gosec // Serials wrap (RFC 1982).
		z.authority = content.Packer.Authority(apex, z.serial)
		s.zones = append(s.zones, z)
		if _, ok := Find(apexes[:i], parent(apex)); ok {
			e.attach(apex, node{})
		}
		e.put(apex, node{zone: int32(i), apex: true, kept: true})
		e.attach(NameServer(apex), node{kept: true, data: nameServer})
		e.attach(probes(apex), node{kept: true, data: probed})
	}
	s.names = e.names
	return s
}

// With returns a snapshot in which the names of the records hold what the records say, and nothing of their own where a
// record has neither addresses nor an alias. Each lies in one of the zones and is not Reserved. A zone in which nothing
// changes is carried over with its serial. It returns the same snapshot when nothing changes at all.
func (s *Snapshot) With(records []Record, now time.Time) *Snapshot {
	e := s.names.edit()
	next := *s
	changed := make([]bool, len(s.zones))
	for _, record := range records {
		held := newData(record, s.packer)
		var before *data
		if n := e.get(record.Name); n != nil {
			before = n.data
		}
		if before.equal(held) {
			continue
		}
		if before == nil {
			next.records++
		} else if held == nil {
			next.records--
		}
		changed[e.update(record.Name, func(n *node) { n.data = held })] = true
		for _, zone := range e.offer(record.Name, before, held) {
			changed[zone] = true
		}
	}
	if !slices.Contains(changed, true) {
		return s
	}
	next.names = e.names
	next.zones = slices.Clone(s.zones)
	for i, z := range next.zones {
		if changed[i] {
			next.zones[i] = z.successor(uint32(now.Unix()), s.packer) //nolint:gosec // Serials wrap (RFC 1982).
		}
	}
	return &next
}

// Reserved returns whether a record must not be served because the zone could not do its work with it: the name server's
// name is the zone's own, and an apex holds SOA and NS, beside which no alias may stand (RFC 1034, section 3.6.2).
// See ReservedForProbes, too.
func Reserved(apex, name string, alias bool) bool {
	return name == NameServer(apex) || alias && name == apex
}

// Zones returns the zones. The slice belongs to the snapshot and must not be changed.
func (s *Snapshot) Zones() []*Zone { return s.zones }

// Len returns how many names hold addresses or an alias of their own; those of the name servers are not counted.
func (s *Snapshot) Len() int { return s.records }

// Alias returns the target of the alias that is exactly at this name, and the empty string if there is none.
func (s *Snapshot) Alias(name string) string {
	if n := s.names.find([]byte(name)); n != nil {
		return n.data.target()
	}
	return ""
}

// Records returns what the names hold, the name servers' among them, sorted by name. The addresses and services of each belong to
// the snapshot and must not be changed.
func (s *Snapshot) Records() []Record {
	var all []Record
	for i := range s.names.shards {
		for _, n := range s.names.shards[i].nodes {
			if n.data != nil {
				all = append(all, n.data.record(n.name))
			}
		}
	}
	slices.SortFunc(all, func(a, b Record) int { return strings.Compare(a.Name, b.Name) })
	return all
}
