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

package plan

import (
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Publication holds the published gateways in the status of a GatewayDNS. It is immutable, so all
// consuming clusters share it. A nil Publication publishes nothing.
type Publication struct {
	// gateways are in the order of the status.
	gateways []*Gateway
	bySource map[Source]*Gateway
	// records are the numbers of slices, by readers.
	records map[Readers]int
}

// Gateway is a gateway in a Publication. It is immutable.
type Gateway struct {
	source Source
	status xccv1.GatewayStatus
	// slices are the slices for the addresses, by placement. They must not be changed.
	slices map[placement][]*discoveryv1.EndpointSlice
	// hasHostNames is true if an address is a host name. If not, the placement does not matter.
	hasHostNames bool
}

// Publish returns the Publication of a GatewayDNS. It leaves out entries whose DNS names the
// GatewayDNS cannot publish. A Gateway of the former Publication is reused if it publishes the
// same, so the cost of a new one is paid only for the gateways that changed.
func Publish(zone string, gatewayDNS *xccv1.GatewayDNS, former *Publication) *Publication {
	ref := types.NamespacedName{Namespace: gatewayDNS.Namespace, Name: gatewayDNS.Name}
	published := &Publication{bySource: make(map[Source]*Gateway, len(gatewayDNS.Status.Gateways)), records: map[Readers]int{}}
	for i := range gatewayDNS.Status.Gateways {
		status := &gatewayDNS.Status.Gateways[i]
		source, ok := sourceOf(zone, ref, *status)
		if !ok {
			continue
		}
		gateway := former.Gateway(source)
		if gateway == nil || !publishSame(&gateway.status, status) {
			gateway = newGateway(source, status)
		}
		if published.bySource[source] == nil {
			published.bySource[source] = gateway
			published.gateways = append(published.gateways, gateway)
			published.count(gateway)
		}
	}
	return published
}

func (p *Publication) count(gateway *Gateway) {
	if gateway.status.State.KnownEmpty() {
		return
	}
	for _, readers := range []Readers{ReadersUnknown, ReadersFormer, ReadersCurrent} {
		p.records[readers] += len(gateway.slicesAt(readers.placement(nil)))
	}
}

// Records returns the number of slices that a consuming cluster with the readers holds for the
// gateways.
func (p *Publication) Records(readers Readers) int { return p.records[readers] }

// publishSame returns whether two status entries of a gateway publish the same.
func publishSame(a, b *xccv1.GatewayStatus) bool {
	return a.State.Current() == b.State.Current() && a.State.KnownEmpty() == b.State.KnownEmpty() &&
		a.Hostname == b.Hostname && slices.Equal(a.Addresses, b.Addresses) && slices.Equal(a.Ports, b.Ports)
}

func newGateway(source Source, status *xccv1.GatewayStatus) *Gateway {
	gateway := &Gateway{
		source: source,
		status: xccv1.GatewayStatus{
			Cluster: status.Cluster, State: status.State, Hostname: status.Hostname,
			Addresses: slices.Clone(status.Addresses), Ports: slices.Clone(status.Ports),
		},
		hasHostNames: slices.ContainsFunc(status.Addresses, isHostName),
		slices:       map[placement][]*discoveryv1.EndpointSlice{},
	}
	for _, hostNames := range gateway.placements() {
		gateway.slices[hostNames] = slicesFor(source, &gateway.status, hostNames)
	}
	return gateway
}

// placements returns the placements with different slices.
func (g *Gateway) placements() []placement {
	if !g.hasHostNames {
		return []placement{{}}
	}
	return []placement{{}, {fqdn: true}, {annotated: true}, {fqdn: true, annotated: true}}
}

// slicesAt returns the slices of the gateway with its host names at a placement. They are shared
// and must not be changed.
func (g *Gateway) slicesAt(hostNames placement) []*discoveryv1.EndpointSlice {
	if !g.hasHostNames {
		hostNames = placement{}
	}
	return g.slices[hostNames]
}

// HasHostNames returns whether an address of the gateway is a host name.
func (g *Gateway) HasHostNames() bool { return g.hasHostNames }

// Source returns which gateway it is.
func (g *Gateway) Source() Source { return g.source }

// Slices returns all slices that a consuming cluster may hold for the gateway. They are shared and
// must not be changed.
func (g *Gateway) Slices() []*discoveryv1.EndpointSlice {
	var all []*discoveryv1.EndpointSlice
	for _, hostNames := range g.placements() {
		all = append(all, g.slices[hostNames]...)
	}
	return all
}

// Gateways returns the published gateways in the order of the status.
func (p *Publication) Gateways() []*Gateway {
	if p == nil {
		return nil
	}
	return p.gateways
}

// Gateway returns a gateway, or nil if it is not published.
func (p *Publication) Gateway(source Source) *Gateway {
	if p == nil {
		return nil
	}
	return p.bySource[source]
}

// Changed returns the gateways that two Publications of a GatewayDNS publish differently. Either
// may be nil.
func Changed(former, current *Publication) []Source {
	var changed []Source
	for _, gateway := range current.Gateways() {
		if former.Gateway(gateway.source) != gateway {
			changed = append(changed, gateway.source)
		}
	}
	for _, gateway := range former.Gateways() {
		if current.Gateway(gateway.source) == nil {
			changed = append(changed, gateway.source)
		}
	}
	return changed
}
