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

// Kind is the kind of a Result.
type Kind int

const (
	// OutsideZones means that no zone of the snapshot contains the name.
	OutsideZones Kind = iota
	// NameError means that the name does not exist (NXDOMAIN), nor does any name below it (RFC
	// 8020).
	NameError
	// NoData means that the name exists and has no records of the type (RFC 2308, section 2.2).
	NoData
	// Addresses means that the name has the addresses of the Result.
	Addresses
	// Alias means that the name is a CNAME for Result.Alias, whatever the type of the query.
	Alias
	// StartOfAuthority means that the answer is the zone's SOA record.
	StartOfAuthority
	// NameServers means that the answer is the zone's NS record. Result.Addresses are those of the
	// name server.
	NameServers
	// Services means that the name has the SRV records of Result.Services. The target of one without
	// a target of its own is Result.Alias. If that is empty, too, the target is the name without its
	// first two DNS labels.
	Services
	// Unresolved means that the name exists and its addresses are not known (SERVFAIL).
	Unresolved
	// Exists answers a query for type ANY: the name has records, and RFC 8482 allows a server to
	// leave them out.
	Exists
)

// Result is the answer to a lookup.
type Result struct {
	Kind Kind
	// Zone contains the name. It is nil if the Kind is OutsideZones.
	Zone *Zone
	// Addresses belong to the snapshot. Callers must not change them.
	Addresses []netip.Addr
	// Alias is a canonical name. Target is the same name for another Lookup. Callers must not
	// change it.
	Alias  string
	Target []byte
	// Packed is the address records, or the CNAME record of Alias, as the Packer encoded them. It
	// is nil for other kinds.
	Packed []byte
	// Services belong to the snapshot. Callers must not change them.
	Services []Service
	// Choices are those that the answer is one of. They are nil for other names.
	Choices *Choices
}

// Lookup answers a query for a name and a type. The name is in lower case. If several zones contain
// it, the one with the longest apex answers. Lookup does not allocate.
func (s *Snapshot) Lookup(name []byte, qtype uint16) Result {
	n := s.names.Find(name)
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
	if n.srv != nil && n.data.target() == "" {
		switch qtype {
		case dns.TypeSRV:
			return servicesResult(z, n.srv.services, n.srv.indirect)
		case dns.TypeANY:
			return Result{Kind: Exists, Zone: z}
		}
	}
	return n.data.lookup(z, qtype)
}

// closestEncloser returns the longest existing name above the name (RFC 4592, section 3.3.1) and
// its length in octets, or nil if the name is outside the zones. Only the wildcard directly below
// this name may cover the name. So a deeper name that exists stops a wildcard above it.
func (s *Snapshot) closestEncloser(name []byte) (encloser *node, size int) {
	for tries := 1; len(name) > 0; tries++ {
		name = parent(name)
		if n := s.names.Find(name); n != nil {
			return n, len(name)
		}
		if tries == usualDepth {
			name = trim(name, s.names.Depth())
		}
	}
	return nil, 0
}

// usualDepth is the number of lookups after which it pays to count DNS labels. A name of 127 DNS
// labels would otherwise take 127 lookups.
const usualDepth = 8

// trim removes leading DNS labels until the name has at most so many.
func trim(name []byte, depth int) []byte {
	for extra := bytes.Count(name, []byte{'.'}) - depth; extra > 0; extra-- {
		name = parent(name)
	}
	return name
}

// lookupService answers for a name that a wildcard with this data covers and that has these
// services.
func (d *data) lookupService(z *Zone, services []Service, qtype uint16) Result {
	switch {
	case qtype == dns.TypeSRV:
		return servicesResult(z, services, d.indirect)
	case qtype == dns.TypeANY:
		return Result{Kind: Exists, Zone: z}
	case d.target() != "":
		return Result{Kind: NoData, Zone: z}
	default:
		return d.lookup(z, qtype)
	}
}

// servicesResult returns services. behind is the content of the name behind their prefix, if it has
// no addresses of its own.
func servicesResult(z *Zone, services []Service, behind *indirect) Result {
	found := Result{Kind: Services, Zone: z, Services: services}
	switch {
	case behind == nil:
	case behind.given != nil:
		found.Choices = behind.given
	default:
		found.Alias, found.Target, found.Packed = behind.name, behind.octets, behind.packed
	}
	return found
}

func (d *data) lookup(z *Zone, qtype uint16) Result {
	if d == nil {
		return Result{Kind: NoData, Zone: z}
	}
	if d.indirect != nil {
		return d.indirect.lookup(z, qtype)
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

func (i *indirect) lookup(z *Zone, qtype uint16) Result {
	if i.given != nil {
		return i.choose(z, qtype)
	}
	return Result{Kind: Alias, Zone: z, Alias: i.name, Target: i.octets, Packed: i.packed}
}
