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
	"slices"
)

// Service is one SRV record of a name (RFC 2782). Its owner is the prefix, followed by the name.
//
// Below a name that is no wildcard, the owner is a name like any other: the names above it exist,
// and it stops a wildcard from covering it (RFC 4592, section 2.2.1).
//
// A wildcard must be the first DNS label, so the services of a wildcard have no node. Instead, a
// lookup compares: a name that starts with the prefix of such a service, and continues with a name
// that the wildcard covers, has the SRV record. It also has the wildcard's addresses. If the
// wildcard holds an alias, the SRV record replaces it, because no other record may stand beside a
// CNAME (RFC 2181, section 10.1).
type Service struct {
	// Prefix is two DNS labels in lower case, such as "_https._tcp".
	Prefix string
	Port   uint16
	// Target is a canonical name, or empty for the name itself. Only records with choices have
	// services with targets: all of them, with a priority and a weight (RFC 2782).
	Target           string
	Priority, Weight uint16

	// packed is the target in wire format.
	packed string
}

// Packed returns the target in wire format, as the Packer encoded it.
func (s *Service) Packed() string { return s.packed }

// packTargets returns the services with their targets in wire format.
func packTargets(services []Service, packer Packer) []Service {
	packed := slices.Clone(services)
	for i := range packed {
		if packed[i].Target != "" {
			packed[i].packed = string(packer.Name(packed[i].Target))
		}
	}
	return packed
}

// srvSet is the SRV records of one owner name.
type srvSet struct {
	// services have the same prefix.
	services []Service
	// indirect is that of the name behind the prefix. An alias must not be the target of an SRV
	// record (RFC 2782).
	indirect *indirect
}

func (s *srvSet) equal(other *srvSet) bool {
	return s == other || s != nil && other != nil && s.indirect.equal(other.indirect) && slices.Equal(s.services, other.services)
}

// srvSets returns the SRV records by prefix.
func (d *data) srvSets() map[string]*srvSet {
	if d == nil || len(d.services) == 0 {
		return nil
	}
	sets := map[string]*srvSet{}
	for rest := d.services; len(rest) > 0; {
		same := samePrefix(rest)
		sets[rest[0].Prefix] = &srvSet{services: same, indirect: d.indirect}
		rest = rest[len(same):]
	}
	return sets
}

// samePrefix returns the leading services that have one prefix. There must be at least one service.
func samePrefix(services []Service) []Service {
	n := 1
	for n < len(services) && services[n].Prefix == services[0].Prefix {
		n++
	}
	return services[:n:n]
}

// updateServices adds and removes the owner names of SRV records after the data of a name has
// changed. It returns the indexes of the zones that it changes.
func (e editor) updateServices(name string, before, after *data) []int {
	if _, ok := wildcardParent(name); ok {
		return nil
	}
	old, current := before.srvSets(), after.srvSets()
	var changed []int
	for prefix := range old {
		if current[prefix] == nil {
			changed = append(changed, e.update(prefix+"."+name, func(n *node) { n.srv = nil }))
		}
	}
	for prefix, set := range current {
		if !set.equal(old[prefix]) {
			changed = append(changed, e.update(prefix+"."+name, func(n *node) { n.srv = set }))
		}
	}
	return changed
}

// servicesOf returns the services of a wildcard for a name that it covers, nil for nearly all
// names. The closest encloser is the last octets of the name; encloser is their number.
func (d *data) servicesOf(name []byte, encloser int) []Service {
	if name[0] != '_' || len(d.services) == 0 {
		return nil
	}
	for rest := d.services; len(rest) > 0; {
		same, prefix := samePrefix(rest), rest[0].Prefix
		// The wildcard must cover the name behind the prefix, too.
		if behind := len(prefix) + 1; len(name)-behind > encloser && name[len(prefix)] == '.' && string(name[:len(prefix)]) == prefix {
			return same
		}
		rest = rest[len(same):]
	}
	return nil
}
