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

	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/reach"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// readFailover reads the annotation for failover. It sets the gateway of the slices for the
// per-cluster names, and returns slices for the shared names.
func readFailover(endpointSlice *discoveryv1.EndpointSlice, parsed []Slice, content *Slice, zones []string) []Slice {
	namespace, _, isPublished := strings.Cut(endpointSlice.Annotations[xccv1.GatewayDNSRefAnnotation], "/")
	text := endpointSlice.Annotations[xccv1.FailoverAnnotation]
	if !isPublished || text == "" || content.hostname != parsed[0].hostname {
		return nil
	}
	settings, err := failover.Parse(text)
	if err != nil {
		parsed[0].reject(InvalidFailover, err.Error())
	}
	of := gateway{hostname: content.hostname, namespace: namespace, cluster: clusterOf(content.hostname, zones)}
	if settings.HealthCheck != nil {
		of.check = *settings.HealthCheck
		for i := range parsed {
			parsed[i].gateway = of
		}
	}
	if settings.Shared == nil {
		return nil
	}
	of.share = *settings.Shared
	var shared []Slice
	for _, hostname := range []string{of.share.Hostname, dnsname.Bare(of.share.Hostname)} {
		slice := Slice{name: endpointSlice.Name, targets: content.targets, services: content.services, gateway: of}
		slice.readHostname(hostname, zones, endpointSlice.AddressType)
		if slice.hostname == "" || slices.ContainsFunc(parsed, func(other Slice) bool { return other.hostname == hostname }) {
			parsed[0].reject(InvalidFailover, hostname)
			continue
		}
		slice.problems = nil
		shared = append(shared, slice)
	}
	return shared
}

// clusterOf returns the Cluster in a per-cluster name, or the name itself if it has another form.
func clusterOf(hostname string, zones []string) string {
	for _, apex := range zones {
		if parsed, ok := dnsname.ParseGateway(hostname, apex); ok {
			return parsed.Cluster
		}
	}
	return hostname
}

// isShared returns whether the name of the slice is a shared name.
func (s *Slice) isShared() bool { return s.gateway.share.Hostname != "" }

// Probes returns the targets to probe for the slices of a group. Host names of a shared name have
// the addresses of the network. Those of other names are aliases, which are not probed.
func Probes(group []Slice, network Network) []reach.Target {
	var probes []reach.Target
	for i := range group {
		slice := &group[i]
		if !slice.gateway.isProbed() {
			continue
		}
		for _, target := range slice.targets {
			switch {
			case target.alias == "":
				probes = append(probes, slice.gateway.probe(target.address))
			case slice.isShared():
				for _, address := range network.Resolve(target.alias).Addresses {
					probes = append(probes, slice.gateway.probe(address))
				}
			}
		}
	}
	return probes
}

// SharedTargets returns the host names behind a shared name, given the slices of its group.
func SharedTargets(group []Slice) []string {
	var names []string
	for i := range group {
		for _, target := range group[i].targets {
			if target.alias != "" && group[i].isShared() {
				names = append(names, target.alias)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (g *gateway) isProbed() bool { return g.check != (failover.HealthCheck{}) }

func (g *gateway) probe(address netip.Addr) reach.Target {
	return reach.Target{Namespace: g.namespace, Cluster: g.cluster, Gateway: g.hostname, Address: address, Check: g.check}
}

// isUp returns whether an address of the gateway may be answered.
func (g *gateway) isUp(address netip.Addr, network Network) bool {
	return !g.isProbed() || g.check.ReportOnly || network.IsUp(g.probe(address))
}

// Network is what a dns-server measures and looks up.
type Network interface {
	// IsUp returns whether an address works, and true if that is not known.
	IsUp(target reach.Target) bool
	// Resolve returns the addresses of a host name outside our zones.
	Resolve(name string) Resolved
	// HasIPv4 returns whether the Pod has an IPv4 address.
	HasIPv4() bool
	// Usage returns the note of queries for a name that is probed, always the same one. It is nil if
	// the name has no address to probe.
	Usage(name string) zone.Usage
}

// Resolved are the addresses of a host name. There are none if it cannot be resolved.
type Resolved struct {
	// Addresses are sorted, IPv4 first, without duplicates.
	Addresses []netip.Addr
	// TTL is how long they are valid, in seconds.
	TTL uint32
}
