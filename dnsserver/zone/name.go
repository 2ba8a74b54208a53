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

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

// NameServer returns the name that the zone's NS record points at.
func NameServer(apex string) string {
	return "ns." + apex
}

// probeAddress is what every name below probeName is answered.
var probeAddress = netip.MustParseAddr(xccv1.ProbeAddress)

// probeName returns the name below which every name exists, for those who want to know whether this server is asked.
func probeName(apex string) string { return xccv1.ProbeLabel + "." + apex }

// probes returns the wildcard that answers them.
func probes(apex string) string { return "*." + probeName(apex) }

// ReservedForProbes returns whether the name is probeName or below it, where nothing else may be: a record there would stop the
// wildcard, or answer for it.
func ReservedForProbes(apex, name string) bool { return dnsname.InZone(name, probeName(apex)) }

// Owns returns whether no zone may be at the name, because the zone of this apex has names of its own there.
func Owns(apex, name string) bool {
	return dnsname.InZone(name, NameServer(apex)) || ReservedForProbes(apex, name)
}

// Find returns the apex of the zone that a record of this name belongs to: the longest one that contains it. The name
// and the apexes are canonical as dnsname.Canonical says.
func Find(apexes []string, name string) (string, bool) {
	longest, found := "", false
	for _, apex := range apexes {
		if dnsname.InZone(name, apex) && len(apex) >= len(longest) {
			longest, found = apex, true
		}
	}
	return longest, found
}

// parent returns the name without its first DNS label; the root is its own parent. An escaped dot does not end a label.
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

// wildcardParent returns the name that a wildcard covers, and false when the name is not a wildcard.
func wildcardParent(name string) (string, bool) {
	return strings.CutPrefix(name, "*.")
}
