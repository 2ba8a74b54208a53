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

package source

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/reach"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// Monitor probes gateways. See package reach.
type Monitor interface {
	// Replace sets the targets of a name.
	Replace(name string, targets []reach.Target)
	// Usage returns the note of queries for a name, nil if the name has no targets.
	Usage(name string) *reach.Usage
	// IsUp returns whether a target works, and true if that is not known.
	IsUp(target reach.Target) bool
}

// network is the state of the network that records depend on: the verdicts of the monitor, and the
// addresses behind host names. It marks groups of slices as changed if their state changes.
type network struct {
	aliases Aliases
	monitor Monitor
	hasIPv4 bool
	// touch marks groups as changed.
	touch func(groups []string)

	mu     sync.Mutex
	groups map[string]dependencies
	// byTarget and byGateway are the groups that depend on a host name or a gateway.
	byTarget, byGateway index
}

// dependencies is the part of the network that a group depends on.
type dependencies struct {
	targets, gateways []string
}

var _ records.Network = &network{}

func newNetwork(aliases Aliases, monitor Monitor, hasIPv4 bool, touch func([]string)) *network {
	return &network{
		aliases: aliases, monitor: monitor, hasIPv4: hasIPv4, touch: touch,
		groups: map[string]dependencies{}, byTarget: index{}, byGateway: index{},
	}
}

// IsUp returns the verdict of the monitor.
func (n *network) IsUp(target reach.Target) bool { return n.monitor.IsUp(target) }

// HasIPv4 returns whether the Pod has an IPv4 address.
func (n *network) HasIPv4() bool { return n.hasIPv4 }

// Resolve returns the last known addresses of a host name.
func (n *network) Resolve(name string) records.Resolved {
	resolved := records.Resolved{TTL: ^uint32(0)}
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		if answer := n.aliases.Peek(name, qtype); answer != nil && answer.Rcode == dns.RcodeSuccess && len(answer.Addresses) > 0 {
			resolved.Addresses = append(resolved.Addresses, answer.Addresses...)
			resolved.TTL = min(resolved.TTL, answer.TTL(time.Now()))
		}
	}
	slices.SortFunc(resolved.Addresses, netip.Addr.Compare)
	return resolved
}

// Usage returns the note of queries for a group, nil if it has no targets.
func (n *network) Usage(group string) zone.Usage {
	if usage := n.monitor.Usage(group); usage != nil {
		return usage
	}
	return nil
}

// depend updates the dependencies of a group, before its record is computed: a later change marks
// the group. The group depends on nothing if it has no slices.
func (n *network) depend(group string, slices []records.Slice) {
	targets, probes := records.SharedTargets(slices), records.Probes(slices, n)
	come, gone, wasProbed := n.replace(group, targets, gatewaysOf(probes))
	for _, target := range come {
		n.aliases.Keep(target)
	}
	for _, target := range gone {
		n.aliases.Release(target)
	}
	if wasProbed || len(probes) > 0 {
		n.monitor.Replace(group, probes)
	}
}

// replace sets the dependencies of a group. It returns the host names that it begins and ceases to
// depend on, and whether it was probed before.
func (n *network) replace(group string, targets, gateways []string) (come, gone []string, wasProbed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	former, current := n.groups[group], dependencies{targets, gateways}
	come, gone = without(targets, former.targets), without(former.targets, targets)
	n.byTarget.replace(group, former.targets, targets)
	n.byGateway.replace(group, former.gateways, gateways)
	if len(targets)+len(gateways) > 0 {
		n.groups[group] = current
	} else {
		delete(n.groups, group)
	}
	return come, gone, len(former.gateways) > 0
}

// gatewaysOf returns the gateways of the targets, sorted.
func gatewaysOf(probes []reach.Target) []string {
	gateways := make([]string, 0, len(probes))
	for i := range probes {
		gateways = append(gateways, probes[i].Gateway)
	}
	slices.Sort(gateways)
	return slices.Compact(gateways)
}

// without returns the names that are not among the others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}

// resolved tells that the addresses of a host name have changed.
func (n *network) resolved(target string) { n.changed(n.byTarget, target) }

// judged tells that the verdicts on targets have changed.
func (n *network) judged(targets []reach.Target) { n.changed(n.byGateway, gatewaysOf(targets)...) }

func (n *network) changed(in index, keys ...string) {
	n.mu.Lock()
	groups := map[string]struct{}{}
	for _, key := range keys {
		maps.Copy(groups, in[key])
	}
	n.mu.Unlock()
	n.touch(slices.Collect(maps.Keys(groups)))
}

// index finds groups by a key.
type index map[string]map[string]struct{}

// replace moves a group from its former keys to others.
func (i index) replace(group string, former, current []string) {
	for _, key := range former {
		delete(i[key], group)
		if len(i[key]) == 0 {
			delete(i, key)
		}
	}
	for _, key := range current {
		if i[key] == nil {
			i[key] = map[string]struct{}{}
		}
		i[key][group] = struct{}{}
	}
}
