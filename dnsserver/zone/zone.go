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

// Record is everything that one name holds: addresses or an alias, never both (RFC 1034, section 3.6.2).
type Record struct {
	// Name is canonical. It is the apex of a zone or below it.
	Name string
	// Addresses are sorted, so that those of IPv4 come first, and without duplicates. IPv4 is answered as A, IPv6 as AAAA.
	Addresses []netip.Addr
	// Alias is the canonical target of a CNAME. It is empty when there are addresses.
	Alias string
	// Services are sorted and without duplicates. See Service.
	Services []Service
}

// Packer makes of what a name holds that which is sent of it. Its results come back in a Result and must not be changed.
type Packer interface {
	// Addresses packs addresses of one family, of which there is at least one.
	Addresses(addresses []netip.Addr) []byte
	// Alias packs an alias for a canonical name.
	Alias(target string) []byte
	// Authority packs the zone's SOA.
	Authority(apex string, serial uint32) []byte
}

// Zone is one zone at one moment. It never changes.
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

// Authority returns what the Packer made of the zone's SOA.
func (z *Zone) Authority() []byte { return z.authority }

// successor returns the zone with a serial that is greater in the sense of RFC 1982, section 3.2: the time in seconds
// since 1970, or one more than it was where that is later.
func (z *Zone) successor(seconds uint32, packer Packer) *Zone {
	next := *z
	next.serial = seconds
	if int32(seconds-z.serial) <= 0 { //nolint:gosec // Serial number arithmetic.
		next.serial = z.serial + 1
	}
	next.authority = packer.Authority(next.apex, next.serial)
	return &next
}
