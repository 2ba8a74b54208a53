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
)

// Record is the content of one name: addresses, an alias, or choices, never two of them (RFC 1034,
// section 3.6.2).
type Record struct {
	// Name is canonical. It is the apex of a zone or below it.
	Name string
	// Addresses are sorted, IPv4 first, without duplicates. IPv4 is served as A, IPv6 as AAAA.
	Addresses []netip.Addr
	// Alias is the canonical target of a CNAME. It is empty if there are addresses.
	Alias string
	// Choices are set if each answer has the addresses of one choice.
	Choices *Choices
	// Services are sorted, without duplicates.
	Services []Service
}

// Packer encodes records in wire format. A Result returns the bytes, which callers must not change.
type Packer interface {
	// Addresses encodes address records. There is at least one address, and all are of one family.
	// The TTL is at most maxTTL seconds; 0 sets no limit.
	Addresses(addresses []netip.Addr, maxTTL uint32) []byte
	// Name encodes a canonical name without compression.
	Name(name string) []byte
	// Alias encodes a CNAME record with a canonical target.
	Alias(target string) []byte
	// Authority encodes the SOA record of a zone.
	Authority(apex string, serial uint32) []byte
}

// Zone is a zone of one snapshot. It never changes.
type Zone struct {
	apex       string
	serial     uint32
	nameServer []netip.Addr
	authority  []byte
}

// Apex returns the zone's name.
func (z *Zone) Apex() string { return z.apex }

// Serial returns the zone's serial, which grows with every change of its content (RFC 1982).
func (z *Zone) Serial() uint32 { return z.serial }

// Authority returns the SOA record as the Packer encoded it.
func (z *Zone) Authority() []byte { return z.authority }

// successor returns the zone with a greater serial (RFC 1982, section 3.2): the given time in
// seconds since 1970, or the old serial plus one if that is later.
func (z *Zone) successor(seconds uint32, packer Packer) *Zone {
	next := *z
	next.serial = seconds
	if int32(seconds-z.serial) <= 0 { //nolint:gosec // Serial number arithmetic.
		next.serial = z.serial + 1
	}
	next.authority = packer.Authority(next.apex, next.serial)
	return &next
}
