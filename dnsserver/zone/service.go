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

// Service is a port at which that is reached what a name stands for: an SRV record (RFC 2782), whose own name is the prefix
// in front of the name.
//
// Where the name is not a wildcard, the service's name exists as any other: what is above it exists, and it stops a wildcard
// from answering for it (RFC 4592, section 2.2.1). No wildcard can stand for a name in the middle, so those of a wildcard
// are found by looking: a name that begins with the prefix of one of the wildcard's services, and goes on with a name that the
// wildcard covers, has the SRV record besides what the wildcard holds. Where the wildcard holds an alias it has the SRV record
// instead, since nothing may stand beside an alias (RFC 2181, section 10.1).
type Service struct {
	// Prefix are two DNS labels in lower case, such as "_https._tcp".
	Prefix string
	Port   uint16
}

// offer is what the SRV records of one name are made of.
type offer struct {
	// services have one prefix.
	services []Service
	// alias is the target where the name behind the prefix is one, because the target of an SRV record must not be. It is nil elsewhere.
	alias *alias
}

func (o *offer) equal(other *offer) bool {
	return o == other || o != nil && other != nil && o.alias.target() == other.alias.target() && slices.Equal(o.services, other.services)
}

// offers returns the data's services by prefix.
func (d *data) offers() map[string]*offer {
	if d == nil || len(d.services) == 0 {
		return nil
	}
	offers := map[string]*offer{}
	for rest := d.services; len(rest) > 0; {
		same := samePrefix(rest)
		offers[rest[0].Prefix] = &offer{services: same, alias: d.alias}
		rest = rest[len(same):]
	}
	return offers
}

// samePrefix returns the first services, of which there is at least one, up to another prefix.
func samePrefix(services []Service) []Service {
	n := 1
	for n < len(services) && services[n].Prefix == services[0].Prefix {
		n++
	}
	return services[:n:n]
}

// offer lets the names of services exist below a name that holds other data than before, and returns the indexes of the zones
// in which that changes something.
func (e *editor) offer(name string, before, held *data) []int {
	if _, ok := wildcardParent(name); ok {
		return nil
	}
	was, is := before.offers(), held.offers()
	var changed []int
	for prefix := range was {
		if is[prefix] == nil {
			changed = append(changed, e.update(prefix+"."+name, func(n *node) { n.offer = nil }))
		}
	}
	for prefix, offered := range is {
		if !offered.equal(was[prefix]) {
			changed = append(changed, e.update(prefix+"."+name, func(n *node) { n.offer = offered }))
		}
	}
	return changed
}

// servicesOf returns the services that a wildcard's data has for a name that it covers, none for nearly all names. The last
// octets of the name, so many, are the closest encloser.
func (d *data) servicesOf(name []byte, encloser int) []Service {
	if name[0] != '_' || len(d.services) == 0 {
		return nil
	}
	for rest := d.services; len(rest) > 0; {
		same, prefix := samePrefix(rest), rest[0].Prefix
		// What follows the prefix has to be covered, too.
		if behind := len(prefix) + 1; len(name)-behind > encloser && name[len(prefix)] == '.' && string(name[:len(prefix)]) == prefix {
			return same
		}
		rest = rest[len(same):]
	}
	return nil
}
