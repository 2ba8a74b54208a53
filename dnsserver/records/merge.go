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

// Group returns the key of slices that are merged: the name that they ask for. A slice whose name
// cannot be served has a group of its own.
func (s Slice) Group() string {
	if s.hostname == "" {
		return "slice " + s.name
	}
	return s.hostname
}

// Merge joins the slices of a group into a record. The group may be empty.
//
// Addresses of several slices add up. Addresses that are not ready are left out, unless no address
// of the name is ready. Addresses win over an alias, and the first alias by name wins over others.
// The ports of all slices that contribute add up, too. A record without addresses and alias means
// that there is nothing to serve.
//
// The problems describe the parts that are not served, sorted by slice.
func Merge(group string, all []Slice) (zone.Record, []Problem) {
	all = slices.SortedFunc(slices.Values(all), func(a, b Slice) int { return strings.Compare(a.name, b.name) })
	record := zone.Record{Name: group}
	var problems []Problem
	var aliases []string
	anyReady := slices.ContainsFunc(all, Slice.hasReadyTarget)
	for _, slice := range all {
		problems = append(problems, slice.problems...)
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
	reason := AliasShadowed
	if len(record.Addresses) == 0 && len(aliases) > 0 {
		reason = SeveralAliases
		record.Alias = slices.Min(aliases)
	}
	record.Services = servicesOf(all, record, anyReady)
	problems = append(problems, rejectAliases(all, anyReady, reason, record.Alias)...)
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Slice, b.Slice) })
	return record, problems
}

func (s Slice) hasReadyTarget() bool {
	return slices.ContainsFunc(s.targets, func(t target) bool { return t.ready })
}

// servicesOf returns the services of the slices that contribute to the record.
func servicesOf(group []Slice, record zone.Record, readyOnly bool) []zone.Service {
	var services []zone.Service
	for _, slice := range group {
		if slices.ContainsFunc(slice.targets, func(t target) bool { return t.alias == record.Alias && (t.ready || !readyOnly) }) {
			services = append(services, slice.services...)
		}
	}
	return sorted(services)
}

// rejectAliases returns a problem for each servable alias of the slices except the winner.
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
