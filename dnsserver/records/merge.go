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
// If the group is a shared name, the record has choices. A slice written by hand replaces these.
//
// The problems describe the parts that are not served, sorted by slice.
func Merge(group string, all []Slice, network Network) (zone.Record, []Problem) {
	var plain, shared []Slice
	for _, slice := range slices.SortedFunc(slices.Values(all), func(a, b Slice) int { return strings.Compare(a.name, b.name) }) {
		if slice.isShared() {
			shared = append(shared, slice)
		} else {
			plain = append(plain, slice)
		}
	}
	if len(shared) > 0 && len(plain) == 0 {
		return mergeShared(group, shared, network), nil
	}
	record, problems := mergePlain(group, plain, network)
	for _, slice := range shared {
		problems = append(problems, Problem{Slice: slice.name, Reason: SharedNameShadowed, Detail: slice.hostname})
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Slice, b.Slice) })
	return record, problems
}

// mergePlain returns the record of a name that is not shared, and its problems in no order. The
// slices are sorted by name.
func mergePlain(name string, all []Slice, network Network) (zone.Record, []Problem) {
	record := zone.Record{Name: name}
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
	if len(record.Addresses) > 0 {
		record = leaveOutDead(record, all, network)
	}
	return record, append(problems, rejectAliases(all, anyReady, reason, record.Alias)...)
}

// leaveOutDead turns the addresses of a record into one choice, without those that do not work. If
// no address of a family works, all of them stay. A record of gateways that are not probed stays as
// it is.
func leaveOutDead(record zone.Record, all []Slice, network Network) zone.Record {
	up := map[netip.Addr]bool{}
	isProbed := false
	for i := range all {
		isProbed = isProbed || all[i].gateway.isProbed()
		for _, target := range all[i].targets {
			// Two slices may have one address, and one of them no health check.
			if target.alias == "" && !up[target.address] {
				up[target.address] = all[i].gateway.isUp(target.address, network)
			}
		}
	}
	if !isProbed {
		return record
	}
	var working [2]bool
	for _, address := range record.Addresses {
		working[familyOf(address)] = working[familyOf(address)] || up[address]
	}
	alive := slices.DeleteFunc(record.Addresses, func(address netip.Addr) bool { return working[familyOf(address)] && !up[address] })
	record.Addresses = nil
	record.Choices = &zone.Choices{All: []zone.Choice{{Weight: 1, Addresses: alive}}, Usage: network.Usage(record.Name)}
	return record
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
