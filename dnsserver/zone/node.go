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
)

// node is one name that exists. It never changes once it is part of a snapshot.
type node struct {
	// name is what the editor has put the node at, and hash is the name's.
	name string
	hash uint64
	// zone is the index of the zone that the name belongs to.
	zone int32
	// children is how many names exist directly below this one. A zone's apex counts below its parent in another zone.
	children int32
	// wildcard is what the name "*" directly below this one holds: empty where that holds nothing, nil if there is no such name.
	wildcard *data
	// data is nil for a name that holds nothing (RFC 4592, section 2.2.2).
	data *data
	// offer is what SRV records of this very name say, nil for nearly all names.
	offer *offer
	// kept says that the name exists whatever it holds: a zone's apex and its name server.
	kept bool
	// apex says that the name is the zone's.
	apex bool
}

// data is what a name holds: addresses or an alias. What most queries are for comes first, in one line of the processor's cache.
type data struct {
	alias      string
	ipv4, ipv6 rrset
	// target is the alias as octets, and packedAlias what the Packer made of it.
	target, packedAlias []byte
	services            []Service
}

// rrset are the addresses of one family.
type rrset struct {
	addresses []netip.Addr
	// packed is what the Packer made of them.
	packed []byte
}

// empty stands for what a wildcard holds that exists for the sake of a name below it.
var empty = &data{}

// newData returns nil for a record that holds nothing.
func newData(record Record, packer Packer) *data {
	if record.Alias != "" {
		return &data{
			alias: record.Alias, target: []byte(record.Alias), packedAlias: packer.Alias(record.Alias), services: record.Services,
		}
	}
	if len(record.Addresses) == 0 {
		return nil
	}
	d := &data{services: record.Services}
	for _, address := range record.Addresses {
		if address.Is4() {
			d.ipv4.addresses = append(d.ipv4.addresses, address)
		} else {
			d.ipv6.addresses = append(d.ipv6.addresses, address)
		}
	}
	for _, set := range []*rrset{&d.ipv4, &d.ipv6} {
		set.addresses = slices.Clip(set.addresses)
		if len(set.addresses) > 0 {
			set.packed = packer.Addresses(set.addresses)
		}
	}
	return d
}

// equal returns whether both hold the same.
func (d *data) equal(other *data) bool {
	if d == nil || other == nil {
		return d == other
	}
	return d.alias == other.alias && slices.Equal(d.ipv4.addresses, other.ipv4.addresses) &&
		slices.Equal(d.ipv6.addresses, other.ipv6.addresses) && slices.Equal(d.services, other.services)
}

// record returns the data as the record that it was made of.
func (d *data) record(name string) Record {
	if d == nil {
		return Record{Name: name}
	}
	return Record{Name: name, Addresses: slices.Concat(d.ipv4.addresses, d.ipv6.addresses), Alias: d.alias, Services: d.services}
}
