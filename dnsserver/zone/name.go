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
	"strings"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

// NameServer returns the target of the zone's NS record.
func NameServer(apex string) string {
	return "ns." + apex
}

// probeAddress is the address of every probe name.
var probeAddress = netip.MustParseAddr(dnsname.ProbeAddress)

// probeName returns the name below which every name exists. Clients use it to test whether queries
// reach this server.
func probeName(apex string) string { return dnsname.ProbeLabel + "." + apex }

// probeWildcard returns the wildcard that answers probes.
func probeWildcard(apex string) string { return "*." + probeName(apex) }

// ReservedForProbes returns whether the name is probeName or below it. A record there would hide
// the wildcard for probes.
func ReservedForProbes(apex, name string) bool { return dnsname.InZone(name, probeName(apex)) }

// Owns returns whether the zone of this apex has names of its own at or above the name, so that no
// other zone may be there.
func Owns(apex, name string) bool {
	return dnsname.InZone(name, NameServer(apex)) || ReservedForProbes(apex, name)
}

// Find returns the apex of the zone that a record belongs to: the longest apex that contains its
// name. The name and the apexes are canonical: see dnsname.Canonical.
func Find(apexes []string, name string) (string, bool) {
	longest, found := "", false
	for _, apex := range apexes {
		if dnsname.InZone(name, apex) && len(apex) >= len(longest) {
			longest, found = apex, true
		}
	}
	return longest, found
}

// parent returns the name without its first DNS label; the root is its own parent. An escaped dot
// does not end a DNS label.
func parent[Name string | []byte](name Name) Name {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '.':
			return name[i+1:]
		}
	}
	return name[len(name):]
}

// wildcardParent returns the name directly above a wildcard, and false if the name is not a
// wildcard.
func wildcardParent(name string) (string, bool) {
	return strings.CutPrefix(name, "*.")
}
