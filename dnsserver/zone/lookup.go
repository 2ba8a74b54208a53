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
	// Alias is a canonical name.
	Alias string
}

// Lookup returns what the zone says of the name, which is in the zone, and the type, a number of the IANA registry.
func (z *Zone) Lookup(name string, qtype uint16) Result {
	n, ok := z.nodes[name]
	if !ok {
		n = z.closestEncloser(name).wildcard
	}
	if n == nil {
		return Result{Kind: NameError, Zone: z}
	}
	if name == z.apex {
		switch qtype {
		case dns.TypeSOA:
			return Result{Kind: StartOfAuthority, Zone: z}
		case dns.TypeNS:
			return Result{Kind: NameServers, Zone: z, Addresses: z.nameServerAddresses()}
		case dns.TypeANY:
			return Result{Kind: Exists, Zone: z}
		}
	}
	return z.resultOf(n, qtype)
}

// closestEncloser returns the longest existing name above the name (RFC 4592, section 3.3.1). Only the wildcard directly
// below it may stand in for the name, so a deeper name that exists stops a wildcard above it.
func (z *Zone) closestEncloser(name string) *node {
	for {
		name = parent(name)
		if n, ok := z.nodes[name]; ok {
			return n
		}
	}
}

func (z *Zone) resultOf(n *node, qtype uint16) Result {
	if n.alias != "" {
		return Result{Kind: Alias, Zone: z, Alias: n.alias}
	}
	var addresses []netip.Addr
	switch qtype {
	case dns.TypeA:
		addresses = n.ipv4
	case dns.TypeAAAA:
		addresses = n.ipv6
	case dns.TypeANY:
		if len(n.ipv4)+len(n.ipv6) > 0 {
			return Result{Kind: Exists, Zone: z}
		}
	}
	if len(addresses) == 0 {
		return Result{Kind: NoData, Zone: z}
	}
	return Result{Kind: Addresses, Zone: z, Addresses: addresses}
}

func (z *Zone) nameServerAddresses() []netip.Addr {
	n := z.nodes[NameServer(z.apex)]
	return append(append([]netip.Addr(nil), n.ipv4...), n.ipv6...)
}
