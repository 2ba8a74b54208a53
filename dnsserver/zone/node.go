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

// node is one name that exists. It never changes once it is part of a snapshot. It has the size of a line of the processor's cache.
type node struct {
	// name is the name, and hash its hash: see editor.put.
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

// data is what a name holds: addresses or an alias. It has the size of two lines of the processor's cache, and what most
// queries are for comes first.
type data struct {
	// alias is nil where there are addresses.
	alias *alias
	// ipv4Count is how many of the addresses are those of IPv4, which come first.
	ipv4Count int
	// ipv4 and ipv6 are what the Packer made of the addresses of each family.
	ipv4, ipv6 []byte
	// room is where ipv4 is kept if it fits, as it does with one address.
	room      [16]byte
	addresses []netip.Addr
	services  []Service
}

// alias is the target of a CNAME.
type alias struct {
	name string
	// octets are the name, and packed is what the Packer made of it.
	octets, packed []byte
}

// target returns the name, and the empty string where there is no alias.
func (a *alias) target() string {
	if a == nil {
		return ""
	}
	return a.name
}

// empty stands for what a wildcard holds that exists for the sake of a name below it.
var empty = &data{}

// newData returns nil for a record that holds nothing.
func newData(record Record, packer Packer) *data {
	if record.Alias != "" {
		return &data{
			alias:    &alias{name: record.Alias, octets: []byte(record.Alias), packed: packer.Alias(record.Alias)},
			services: record.Services,
		}
	}
	if len(record.Addresses) == 0 {
		return nil
	}
	d := &data{addresses: slices.Clip(slices.Clone(record.Addresses)), services: record.Services}
	for d.ipv4Count < len(d.addresses) && d.addresses[d.ipv4Count].Is4() {
		d.ipv4Count++
	}
	if ipv4 := d.addresses[:d.ipv4Count]; len(ipv4) > 0 {
		d.ipv4 = packer.Addresses(ipv4)
		if len(d.ipv4) <= len(d.room) {
			d.ipv4 = append(d.room[:0], d.ipv4...)
		}
	}
	if ipv6 := d.addresses[d.ipv4Count:]; len(ipv6) > 0 {
		d.ipv6 = packer.Addresses(ipv6)
	}
	return d
}

// equal returns whether both hold the same.
func (d *data) equal(other *data) bool {
	if d == nil || other == nil {
		return d == other
	}
	return d.target() == other.target() && slices.Equal(d.addresses, other.addresses) && slices.Equal(d.services, other.services)
}

// target returns that of the alias, and the empty string where there is none.
func (d *data) target() string {
	if d == nil {
		return ""
	}
	return d.alias.target()
}

// record returns the data as the record that it was made of.
func (d *data) record(name string) Record {
	if d == nil {
		return Record{Name: name}
	}
	return Record{Name: name, Addresses: d.addresses, Alias: d.target(), Services: d.services}
}
