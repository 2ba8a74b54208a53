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

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone/table"
)

// Snapshot is the content of all zones at one moment. It never changes.
type Snapshot struct {
	zones  []*Zone
	names  *table.Table[node]
	packer Packer
	// records is the number of names with a record.
	records int
}

// Content is the content of a snapshot without records.
type Content struct {
	// Zones are the apexes, canonical and without duplicates.
	Zones []string
	// NameServer are the addresses of the zones' name server. Without any, its name exists without
	// addresses.
	NameServer []netip.Addr
	// Packer encodes records in wire format.
	Packer Packer
}

// New returns a snapshot without records. The serials of its zones are the time in seconds since
// 1970.
func New(content Content, now time.Time) *Snapshot {
	apexes := slices.Clone(content.Zones)
	// A zone comes before the zones within it, so that the names between them exist in the outer
	// one.
	slices.SortFunc(apexes, func(a, b string) int { return len(a) - len(b) })
	s := &Snapshot{packer: content.Packer}
	e := editor{new(table.Table[node]).Edit()}
	content.NameServer = slices.SortedFunc(slices.Values(content.NameServer), netip.Addr.Compare)
	nameServer := newData(Record{Addresses: content.NameServer}, content.Packer)
	probe := newData(Record{Addresses: []netip.Addr{probeAddress}}, content.Packer)
	for i, apex := range apexes {
		z := &Zone{apex: apex, serial: uint32(now.Unix()), nameServer: content.NameServer} //nolint:gosec // Serials wrap (RFC 1982).
		z.authority = content.Packer.Authority(apex, z.serial)
		s.zones = append(s.zones, z)
		if _, ok := Find(apexes[:i], parent(apex)); ok {
			e.attach(apex, node{})
		}
		e.Put(apex, node{zone: int32(i), apex: true, kept: true})
		e.attach(NameServer(apex), node{kept: true, data: nameServer})
		e.attach(probeWildcard(apex), node{kept: true, data: probe})
	}
	s.names = e.Table()
	return s
}

// With returns a snapshot in which these records replace all earlier records of their names. A
// record without addresses and alias removes the earlier ones. Each name lies in a zone and is not
// Reserved. A zone in which nothing changes keeps its serial. If nothing changes at all, With
// returns the same snapshot.
func (s *Snapshot) With(records []Record, now time.Time) *Snapshot {
	e := editor{s.names.Edit()}
	next := *s
	changed := make([]bool, len(s.zones))
	for _, record := range records {
		after := newData(record, s.packer)
		var before *data
		if n := e.Get(record.Name); n != nil {
			before = n.data
		}
		if before.equal(after) {
			continue
		}
		if before == nil {
			next.records++
		} else if after == nil {
			next.records--
		}
		changed[e.update(record.Name, func(n *node) { n.data = after })] = true
		for _, zone := range e.updateServices(record.Name, before, after) {
			changed[zone] = true
		}
	}
	if !slices.Contains(changed, true) {
		return s
	}
	next.names = e.Table()
	next.zones = slices.Clone(s.zones)
	for i, z := range next.zones {
		if changed[i] {
			next.zones[i] = z.successor(uint32(now.Unix()), s.packer) //nolint:gosec // Serials wrap (RFC 1982).
		}
	}
	return &next
}

// Reserved returns whether the zone must not serve a record of this name. The name server's name is
// the zone's own, and no alias may stand beside the SOA and NS records of an apex (RFC 1034,
// section 3.6.2). See ReservedForProbes, too.
func Reserved(apex, name string, alias bool) bool {
	return name == NameServer(apex) || alias && name == apex
}

// Zones returns the zones. The slice belongs to the snapshot, and callers must not change it.
func (s *Snapshot) Zones() []*Zone { return s.zones }

// Len returns the number of names that have a record, without those of the zones themselves.
func (s *Snapshot) Len() int { return s.records }

// Alias returns the target of the alias at exactly this name, and the empty string if there is
// none.
func (s *Snapshot) Alias(name string) string {
	if n := s.names.Find([]byte(name)); n != nil {
		return n.data.target()
	}
	return ""
}

// Records returns all records, sorted by name, those of the zones' name servers and probes
// included. Their addresses and services belong to the snapshot, and callers must not change them.
func (s *Snapshot) Records() []Record {
	var all []Record
	for name, n := range s.names.All() {
		if n.data != nil {
			all = append(all, n.data.record(name))
		}
	}
	slices.SortFunc(all, func(a, b Record) int { return strings.Compare(a.Name, b.Name) })
	return all
}
