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
	"net/netip"
	"slices"
	"strings"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// Merge joins slices into one record for each name. Addresses of several slices for one name add up. Those that are not
// ready are left out unless none of the name is ready. Then addresses win over an alias, and of several aliases the
// first by name wins. It returns what is not served too, sorted by slice.
func Merge(all []Slice) ([]zone.Record, []Problem) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Slice) int { return strings.Compare(a.name, b.name) })
	var problems []Problem
	byName := make(map[string][]Slice, len(all))
	for _, slice := range all {
		problems = append(problems, slice.problems...)
		if len(slice.targets) > 0 {
			byName[slice.hostname] = append(byName[slice.hostname], slice)
		}
	}
	records := make([]zone.Record, 0, len(byName))
	for name, group := range byName {
		record, shadowed := mergeName(name, group)
		records = append(records, record)
		problems = append(problems, shadowed...)
	}
	slices.SortFunc(records, func(a, b zone.Record) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Slice, b.Slice) })
	return records, problems
}

// mergeName joins the slices of one name, each of which has targets.
func mergeName(name string, group []Slice) (zone.Record, []Problem) {
	record := zone.Record{Name: name}
	var aliases []string
	anyReady := slices.ContainsFunc(group, Slice.hasReadyTarget)
	for _, slice := range group {
		for _, target := range slice.targets {
			switch {
			case anyReady && !target.ready:
			case target.alias != "":
				aliases = append(aliases, target.alias)
			default:
				record.Addresses = append(record.Addresses, target.address)
			}
		}
	}
	slices.SortFunc(record.Addresses, netip.Addr.Compare)
	record.Addresses = slices.Compact(record.Addresses)
	if len(record.Addresses) > 0 {
		return record, rejectAliases(group, anyReady, AliasShadowed, "")
	}
	record.Alias = slices.Min(aliases)
	return record, rejectAliases(group, anyReady, SeveralAliases, record.Alias)
}

func (s Slice) hasReadyTarget() bool {
	return slices.ContainsFunc(s.targets, func(t target) bool { return t.ready })
}

// rejectAliases returns a problem for each alias of the slices that could have been served, except the winner.
func rejectAliases(group []Slice, readyOnly bool, reason Reason, winner string) []Problem {
	var problems []Problem
	for _, slice := range group {
		for _, target := range slice.targets {
			if target.alias == "" || target.alias == winner || readyOnly && !target.ready {
				continue
			}
			detail := slice.hostname + " as an alias for " + target.alias
			problems = append(problems, Problem{Slice: slice.name, Reason: reason, Detail: detail})
		}
	}
	return problems
}
