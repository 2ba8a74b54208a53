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
	"maps"
	"net/netip"
	"slices"
)

// Record is everything that one name holds: addresses or an alias, never both (RFC 1034, section 3.6.2).
type Record struct {
	// Name is canonical. It is the apex of a zone or below it.
	Name string
	// Addresses are sorted and without duplicates. IPv4 is answered as A, IPv6 as AAAA.
	Addresses []netip.Addr
	// Alias is the canonical target of a CNAME. It is empty when there are addresses.
	Alias string
}

// Zone is the content of one zone. It never changes.
type Zone struct {
	apex   string
	serial uint32
	// nodes has every name that exists, empty non-terminals among them (RFC 4592, section 2.2.2), and always the apex.
	nodes map[string]*node
}

// node is one name that exists.
type node struct {
	ipv4, ipv6 []netip.Addr
	alias      string
	// wildcard is the name "*" directly below this one, nil if there is none.
	wildcard *node
}

// newZone returns a zone with these records and its name server. Every record lies in the zone and is not Reserved; one
// without addresses and alias makes its name exist.
func newZone(apex string, serial uint32, nameServer []netip.Addr, records []Record) *Zone {
	z := &Zone{apex: apex, serial: serial, nodes: make(map[string]*node, 2*len(records)+2)}
	z.nodes[apex] = &node{}
	z.add(Record{Name: NameServer(apex), Addresses: nameServer})
	for _, record := range records {
		z.add(record)
	}
	return z
}

func (z *Zone) add(record Record) {
	n := z.ensure(record.Name)
	if record.Alias != "" {
		n.alias = record.Alias
	}
	for _, address := range record.Addresses {
		if address.Is4() {
			n.ipv4 = append(n.ipv4, address)
		} else {
			n.ipv6 = append(n.ipv6, address)
		}
	}
}

// ensure returns the node of the name, which exists from then on, as do the names between it and the apex.
func (z *Zone) ensure(name string) *node {
	if n, ok := z.nodes[name]; ok {
		return n
	}
	n := &node{}
	z.nodes[name] = n
	above := z.ensure(parent(name))
	if _, ok := wildcardParent(name); ok {
		above.wildcard = n
	}
	return n
}

// Apex returns the zone's name.
func (z *Zone) Apex() string { return z.apex }

// Serial returns the zone's serial, which grows with every change of its content (RFC 1982).
func (z *Zone) Serial() uint32 { return z.serial }

// sameContent returns whether both zones answer alike, whatever their serials.
func (z *Zone) sameContent(other *Zone) bool {
	return z.apex == other.apex && maps.EqualFunc(z.nodes, other.nodes, func(a, b *node) bool {
		return a.alias == b.alias && slices.Equal(a.ipv4, b.ipv4) && slices.Equal(a.ipv6, b.ipv6)
	})
}
