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

package records

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

// maxSharedTTL limits the TTL of shared names in seconds, so that a failover reaches clients.
const maxSharedTTL = 5

// member is a cluster's gateway in a shared name.
type member struct {
	hostname string
	rank     uint32
	weight   uint16
	// all and up are the addresses of each family, and those of them that work.
	all, up [2][]netip.Addr
	// alias is the host name of a gateway that has no address in its slices.
	alias    string
	services []zone.Service
}

// ipv4 and ipv6 are the indexes of member.all and member.up.
const ipv4, ipv6 = 0, 1

func familyOf(address netip.Addr) int {
	if address.Is4() {
		return ipv4
	}
	return ipv6
}

// mergeShared returns the record of a shared name. The slices are those of its members, sorted by
// name.
//
// The choices are the members of the best rank with an address that works. Addresses are IPv4
// addresses, unless the Pod or all members have none. So an answer of type AAAA never leads to a
// worse rank than an answer of type A. If nothing works, everything counts as working.
func mergeShared(name string, all []Slice, network Network) zone.Record {
	members, ttl := membersOf(all, network)
	record := zone.Record{Name: name, Choices: &zone.Choices{MaxTTL: ttl}}
	if slices.ContainsFunc(all, func(s Slice) bool { return s.gateway.isProbed() }) {
		record.Choices.Usage = network.Usage(name)
	}
	hasAny := func(family int) bool {
		return slices.ContainsFunc(members, func(m *member) bool { return len(m.all[family]) > 0 })
	}
	deciding := ipv4
	if hasAny(ipv6) && (!network.HasIPv4() || !hasAny(ipv4)) {
		deciding = ipv6
	}
	candidates := without(members, func(m *member) bool { return len(m.all[deciding]) == 0 })
	working := without(candidates, func(m *member) bool { return len(m.up[deciding]) == 0 })
	if len(working) == 0 {
		working = candidates
		for _, m := range working {
			m.up = m.all
		}
	}
	record.Services = sharedServices(members, working)
	best := without(working, func(m *member) bool { return m.rank > working[0].rank })
	if slices.ContainsFunc(best, func(m *member) bool { return m.weight > 0 }) {
		best = without(best, func(m *member) bool { return m.weight == 0 })
	}
	record.Choices.All = choicesOf(best, deciding)
	return record
}

// without returns the members for which drop is false, in the same order.
func without(members []*member, drop func(*member) bool) []*member {
	return slices.DeleteFunc(slices.Clone(members), drop)
}

// membersOf merges the slices of each gateway, and returns the gateways by rank and then by name.
// The TTL is the lowest of maxSharedTTL and the TTLs of host names.
func membersOf(all []Slice, network Network) (members []*member, ttl uint32) {
	byHostname := map[string][]*Slice{}
	for i := range all {
		hostname := all[i].gateway.hostname
		byHostname[hostname] = append(byHostname[hostname], &all[i])
	}
	ttl = maxSharedTTL
	for hostname, of := range byHostname {
		m := &member{hostname: hostname, rank: of[0].gateway.share.Rank, weight: of[0].gateway.share.Weight, alias: aliasOf(of)}
		for _, slice := range of {
			m.add(slice, network, &ttl)
		}
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b *member) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.hostname, b.hostname))
	})
	return members, ttl
}

// aliasOf returns the first host name of a gateway by name, and the empty string if the gateway has
// an address, which wins over all host names.
func aliasOf(of []*Slice) string {
	first := ""
	for _, slice := range of {
		for _, target := range slice.targets {
			if target.alias == "" {
				return ""
			}
			if first == "" || target.alias < first {
				first = target.alias
			}
		}
	}
	return first
}

// add adds the targets of a slice. A host name that cannot be resolved has no addresses, so it
// counts as down. Addresses that are not ready count as down, too.
func (m *member) add(slice *Slice, network Network, ttl *uint32) {
	m.services = append(m.services, slice.services...)
	for _, target := range slice.targets {
		addresses := []netip.Addr{target.address}
		if target.alias != "" && target.alias != m.alias {
			continue
		} else if target.alias != "" {
			resolved := network.Resolve(target.alias)
			if addresses = resolved.Addresses; len(addresses) > 0 {
				*ttl = min(*ttl, max(1, resolved.TTL))
			}
		}
		for _, address := range addresses {
			family := familyOf(address)
			if slices.Contains(m.all[family], address) {
				continue
			}
			m.all[family] = append(m.all[family], address)
			if target.ready && slice.gateway.isUp(address, network) {
				m.up[family] = append(m.up[family], address)
			}
		}
	}
}

// choicesOf returns the choices of an answer. A member keeps its addresses of the other family if
// none of that family works in any of them.
func choicesOf(best []*member, deciding int) []zone.Choice {
	other := 1 - deciding
	isOtherUp := slices.ContainsFunc(best, func(m *member) bool { return len(m.up[other]) > 0 })
	choices := make([]zone.Choice, 0, len(best))
	for _, m := range best {
		addresses := slices.Clone(m.up[deciding])
		if isOtherUp {
			addresses = append(addresses, m.up[other]...)
		} else {
			addresses = append(addresses, m.all[other]...)
		}
		slices.SortFunc(addresses, netip.Addr.Compare)
		choices = append(choices, zone.Choice{Weight: m.weight, Addresses: addresses})
	}
	return choices
}

// sharedServices returns the SRV records of a shared name: those of all members that work. The
// priority is the position of the member's rank among the ranks of all members. The target is the
// member's own name, or its host name: a target must not be an alias (RFC 2782).
func sharedServices(members, working []*member) []zone.Service {
	var ranks []uint32
	for _, m := range members {
		ranks = append(ranks, m.rank)
	}
	ranks = slices.Compact(ranks)
	var services []zone.Service
	for _, m := range working {
		position, _ := slices.BinarySearch(ranks, m.rank)
		target := cmp.Or(m.alias, dnsname.Bare(m.hostname), m.hostname)
		for _, service := range m.services {
			service.Target, service.Weight = target, m.weight
			service.Priority = uint16(min(position, 65535)) //nolint:gosec // Bounded here.
			services = append(services, service)
		}
	}
	return sorted(services)
}
