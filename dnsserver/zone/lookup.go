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
	"bytes"
	"net/netip"

	"github.com/miekg/dns"
)

// Kind says what a lookup found.
type Kind int

const (
	// OutsideZones means that no zone of the snapshot contains the name.
	OutsideZones Kind = iota
	// NameError means that the name does not exist (NXDOMAIN). So does no name below it (RFC 8020).
	NameError
	// NoData means that the name exists and holds nothing of the type (RFC 2308, section 2.2).
	NoData
	// Addresses means that the name holds Result.Addresses.
	Addresses
	// Alias means that the name is a CNAME for Result.Alias, whatever type was asked for.
	Alias
	// StartOfAuthority means that the answer is the zone's SOA.
	StartOfAuthority
	// NameServers means that the answer is the zone's NS, and Result.Addresses are those of the name server.
	NameServers
	// Services means that the name has SRV records, of Result.Services. They lead to Result.Alias, or, where that is empty,
	// to the name without its first two DNS labels.
	Services
	// Exists is the answer to a question for any type: it holds something, and RFC 8482 allows not to say what.
	Exists
)

// Result is the answer to a lookup.
type Result struct {
	Kind Kind
	// Zone is the zone that contains the name. It is nil when the Kind is OutsideZones.
	Zone *Zone
	// Addresses belong to the snapshot and must not be changed.
	Addresses []netip.Addr
	// Alias is a canonical name. Target is the same name for a further Lookup, and must not be changed.
	Alias  string
	Target []byte
	// Packed is what the Packer made of the addresses of a name, or of an alias, that of Services included. Other kinds have none.
	Packed []byte
	// Services belong to the snapshot and must not be changed.
	Services []Service
}

// Lookup returns what the snapshot says of a name and a type, a number of the IANA registry. The name may be any name in
// lower case; the zone with the longest apex answers. It does not allocate.
func (s *Snapshot) Lookup(name []byte, qtype uint16) Result {
	n := s.names.find(name)
	if n == nil {
		encloser, size := s.closestEncloser(name)
		if encloser == nil {
			return Result{Kind: OutsideZones}
		}
		z := s.zones[encloser.zone]
		wildcard := encloser.wildcard
		if wildcard == nil {
			return Result{Kind: NameError, Zone: z}
		}
		if services := wildcard.servicesOf(name, size); services != nil {
			return wildcard.lookupService(z, services, qtype)
		}
		return wildcard.lookup(z, qtype)
	}
	z := s.zones[n.zone]
	if n.apex {
		switch qtype {
		case dns.TypeSOA:
			return Result{Kind: StartOfAuthority, Zone: z}
		case dns.TypeNS:
			return Result{Kind: NameServers, Zone: z, Addresses: z.nameServer}
		case dns.TypeANY:
			return Result{Kind: Exists, Zone: z}
		}
	}
	if n.offer != nil && n.data.target() == "" {
		switch qtype {
		case dns.TypeSRV:
			return servicesResult(z, n.offer.services, n.offer.alias)
		case dns.TypeANY:
			return Result{Kind: Exists, Zone: z}
		}
	}
	return n.data.lookup(z, qtype)
}

// closestEncloser returns the longest existing name above the name (RFC 4592, section 3.3.1), nil for a name outside of the
// zones, and how many octets it has. Only the wildcard directly below it may stand in for the name, so a deeper name that exists stops a wildcard
// above it.
func (s *Snapshot) closestEncloser(name []byte) (encloser *node, size int) {
	for tries := 1; len(name) > 0; tries++ {
		name = parent(name)
		if n := s.names.find(name); n != nil {
			return n, len(name)
		}
		if tries == usualDepth {
			name = s.names.trim(name)
		}
	}
	return nil, 0
}

// usualDepth is how many names above one that was asked for are looked up before it is worth the time to count DNS labels. A name of 127
// would else take 127 look-ups.
const usualDepth = 8

// trim returns the name without the DNS labels that make it deeper than any that exists.
func (n *names) trim(name []byte) []byte {
	for extra := bytes.Count(name, []byte{'.'}) - n.depth; extra > 0; extra-- {
		name = parent(name)
	}
	return name
}

// lookupService looks up in a wildcard's data, which has these services for the name that was asked for.
func (d *data) lookupService(z *Zone, services []Service, qtype uint16) Result {
	switch {
	case qtype == dns.TypeSRV:
		return servicesResult(z, services, d.alias)
	case qtype == dns.TypeANY:
		return Result{Kind: Exists, Zone: z}
	case d.alias != nil:
		return Result{Kind: NoData, Zone: z}
	default:
		return d.lookup(z, qtype)
	}
}

// servicesResult returns services of a name that is no alias if that is nil.
func servicesResult(z *Zone, services []Service, alias *alias) Result {
	if alias == nil {
		return Result{Kind: Services, Zone: z, Services: services}
	}
	return Result{Kind: Services, Zone: z, Services: services, Alias: alias.name, Target: alias.octets, Packed: alias.packed}
}

func (d *data) lookup(z *Zone, qtype uint16) Result {
	if d == nil {
		return Result{Kind: NoData, Zone: z}
	}
	if d.alias != nil {
		return Result{Kind: Alias, Zone: z, Alias: d.alias.name, Target: d.alias.octets, Packed: d.alias.packed}
	}
	found := Result{Kind: Addresses, Zone: z}
	switch qtype {
	case dns.TypeA:
		found.Addresses, found.Packed = d.addresses[:d.ipv4Count:d.ipv4Count], d.ipv4
	case dns.TypeAAAA:
		found.Addresses, found.Packed = d.addresses[d.ipv4Count:], d.ipv6
	case dns.TypeANY:
		return Result{Kind: Exists, Zone: z}
	}
	if len(found.Addresses) == 0 {
		return Result{Kind: NoData, Zone: z}
	}
	return found
}
