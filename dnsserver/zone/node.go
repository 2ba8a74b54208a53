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

// node is a name that exists. It is immutable once it is part of a snapshot. Its size makes an
// entry of package table fill one CPU cache line.
type node struct {
	// zone is the index of the zone that the name belongs to.
	zone int32
	// children is the number of names directly below this one. The apex of another zone counts
	// below its parent.
	children int32
	// wildcard is the data of the name "*" directly below this one: empty if that holds nothing,
	// nil if it does not exist.
	wildcard *data
	// data is nil for an empty non-terminal (RFC 4592, section 2.2.2).
	data *data
	// srv has the SRV records of this very name. It is nil for nearly all names.
	srv *srvSet
	// kept marks names that exist without a record: the apex and the name server of a zone.
	kept bool
	// apex marks the apex of a zone.
	apex bool
}

// data is the content of a name. It fills two CPU cache lines. Most queries need only the first.
type data struct {
	// indirect is nil if there are addresses.
	indirect *indirect
	// ipv4Count is the number of IPv4 addresses, which come first in addresses.
	ipv4Count int
	// ipv4 and ipv6 are the address records of each family in wire format.
	ipv4, ipv6 []byte
	// room stores ipv4 if it fits, as one address does.
	room      [16]byte
	addresses []netip.Addr
	services  []Service
}

// indirect is the content of a name without addresses of its own: an alias or choices.
type indirect struct {
	// choices are the given ones in wire format, and total is the sum of their weights. given is nil
	// for an alias.
	choices []packedChoice
	given   *Choices
	total   uint32
	// name is the target of the alias. It is empty if there are choices.
	name string
	// octets are the name, and packed is the CNAME record in wire format.
	octets, packed []byte
}

// target returns the target of the alias, and the empty string if there is none.
func (i *indirect) target() string {
	if i == nil {
		return ""
	}
	return i.name
}

// empty is the data of a wildcard that is an empty non-terminal.
var empty = &data{}

// newData returns nil if the record holds nothing.
func newData(record Record, packer Packer) *data {
	if record.Alias != "" {
		return &data{
			indirect: &indirect{name: record.Alias, octets: []byte(record.Alias), packed: packer.Alias(record.Alias)},
			services: record.Services,
		}
	}
	if record.Choices != nil {
		return &data{
			indirect: packChoices(record.Choices, packer),
			services: packTargets(record.Services, packer),
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
		d.ipv4 = packer.Addresses(ipv4, 0)
		if len(d.ipv4) <= len(d.room) {
			d.ipv4 = append(d.room[:0], d.ipv4...)
		}
	}
	if ipv6 := d.addresses[d.ipv4Count:]; len(ipv6) > 0 {
		d.ipv6 = packer.Addresses(ipv6, 0)
	}
	return d
}

// equal returns whether both have the same content.
func (d *data) equal(other *data) bool {
	if d == nil || other == nil {
		return d == other
	}
	return d.target() == other.target() && d.choices().Equal(other.choices()) && slices.Equal(d.addresses, other.addresses) &&
		slices.Equal(d.services, other.services)
}

// choices returns the choices, nil if there are none.
func (d *data) choices() *Choices {
	if d.indirect == nil {
		return nil
	}
	return d.indirect.given
}

// target returns the target of the alias, and the empty string if there is none.
func (d *data) target() string {
	if d == nil {
		return ""
	}
	return d.indirect.target()
}

// record returns the record that newData was given.
func (d *data) record(name string) Record {
	if d == nil {
		return Record{Name: name}
	}
	return Record{Name: name, Addresses: d.addresses, Alias: d.target(), Choices: d.choices(), Services: d.services}
}
