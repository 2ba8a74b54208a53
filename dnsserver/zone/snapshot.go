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
	"time"
)

// Snapshot is what is served at one moment. It never changes.
type Snapshot struct {
	zones map[string]*Zone
}

// Content is what a snapshot is made of.
type Content struct {
	// Zones are the apexes, canonical and without duplicates.
	Zones []string
	// NameServer are the addresses of the zones' name server. There may be none: then its name exists without addresses.
	NameServer []netip.Addr
	// Records have each name once. Each lies in one of the zones and is not Reserved.
	Records []Record
}

// NewSnapshot returns a snapshot of the content. A zone that answers as it did in the previous snapshot, which may be
// nil, keeps its serial; the serial of a zone that changed is the time in seconds since 1970, or one more than it was
// where that is later.
func NewSnapshot(previous *Snapshot, content Content, now time.Time) *Snapshot {
	records := make(map[string][]Record, len(content.Zones))
	for _, record := range content.Records {
		apex, _ := Find(content.Zones, record.Name)
		records[apex] = append(records[apex], record)
	}
	for _, apex := range content.Zones {
		// A zone within a zone makes the names between them exist.
		if above, ok := Find(content.Zones, parent(apex)); ok {
			records[above] = append(records[above], Record{Name: apex})
		}
	}
	s := &Snapshot{zones: make(map[string]*Zone, len(content.Zones))}
	for _, apex := range content.Zones {
		z := newZone(apex, uint32(now.Unix()), content.NameServer, records[apex]) //nolint:gosec // Serials wrap (RFC 1982).
		if old := previous.zone(apex); old != nil {
			z = successor(old, z)
		}
		s.zones[apex] = z
	}
	return s
}

// successor returns the old zone when nothing changed, and otherwise the new one with a serial that is greater than the
// old one in the sense of RFC 1982, section 3.2.
func successor(old, z *Zone) *Zone {
	if old.sameContent(z) {
		return old
	}
	if int32(z.serial-old.serial) <= 0 { //nolint:gosec // Serial number arithmetic.
		z.serial = old.serial + 1
	}
	return z
}

// Reserved returns whether a record must not be served because the zone could not do its work with it: the name server's
// name is the zone's own, and an apex holds SOA and NS, beside which no alias may stand (RFC 1034, section 3.6.2).
func Reserved(apex, name string, alias bool) bool {
	return name == NameServer(apex) || alias && name == apex
}

// Lookup returns what the snapshot says of a name and a type, a number of the IANA registry. The name may be any name in
// lower case; the zone with the longest apex answers.
func (s *Snapshot) Lookup(name string, qtype uint16) Result {
	for above := name; above != ""; above = parent(above) {
		if z, ok := s.zones[above]; ok {
			return z.Lookup(name, qtype)
		}
	}
	return Result{Kind: OutsideZones}
}

// Zones returns the zones by apex. The map belongs to the snapshot and must not be changed.
func (s *Snapshot) Zones() map[string]*Zone { return s.zones }

func (s *Snapshot) zone(apex string) *Zone {
	if s == nil {
		return nil
	}
	return s.zones[apex]
}
