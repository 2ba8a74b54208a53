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
	"maps"
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
	// failover is the part of the gateway in a shared name and its health check.
	failover failoverTexts
	// slices are the slices for the addresses, by form. They must not be changed.
	slices map[form][]*discoveryv1.EndpointSlice
	// hasHostNames is true if an address is a host name. If not, the placement does not matter.
	hasHostNames bool
}

// form distinguishes slices of one gateway that are written to different clusters.
type form struct {
	hostNames placement
	// failover is the index in failoverTexts.
	failover int
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
		gateway, failover := former.Gateway(source), failoverOf(gatewayDNS, status)
		if gateway == nil || !publishSame(&gateway.status, status) || !gateway.failover.equal(&failover) {
			gateway = newGateway(source, status, failover)
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
	for _, readers := range []Readers{ReadersUnknown, ReadersFormer, ReadersTargets, ReadersCurrent} {
		p.records[readers] += len(gateway.slicesAt(form{hostNames: readers.placement(nil)}))
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

func newGateway(source Source, status *xccv1.GatewayStatus, failover failoverTexts) *Gateway {
	gateway := &Gateway{
		source:   source,
		failover: failover,
		status: xccv1.GatewayStatus{
			Cluster: status.Cluster, State: status.State, Hostname: status.Hostname,
			Addresses: slices.Clone(status.Addresses), Ports: slices.Clone(status.Ports),
		},
		hasHostNames: slices.ContainsFunc(status.Addresses, isHostName),
		slices:       map[form][]*discoveryv1.EndpointSlice{},
	}
	for _, hostNames := range gateway.placements() {
		plain := slicesFor(source, &gateway.status, hostNames)
		gateway.slices[form{hostNames: hostNames}] = plain
		for i, text := range failover.texts {
			gateway.slices[form{hostNames, i + 1}] = withFailover(plain, text)
		}
	}
	return gateway
}

// withFailover returns the slices with the annotation for failover. They share all else.
func withFailover(plain []*discoveryv1.EndpointSlice, text string) []*discoveryv1.EndpointSlice {
	annotated := make([]*discoveryv1.EndpointSlice, 0, len(plain))
	for _, slice := range plain {
		copied := *slice
		copied.Annotations = maps.Clone(slice.Annotations)
		copied.Annotations[xccv1.FailoverAnnotation] = text
		annotated = append(annotated, &copied)
	}
	return annotated
}

// placements returns the placements with different slices.
func (g *Gateway) placements() []placement {
	if !g.hasHostNames {
		return []placement{{}}
	}
	return []placement{{}, {fqdn: true}, {annotated: true}, {fqdn: true, annotated: true}}
}

// slicesAt returns the slices of the gateway in a form. They are shared and must not be changed.
func (g *Gateway) slicesAt(form form) []*discoveryv1.EndpointSlice {
	if !g.hasHostNames {
		form.hostNames = placement{}
	}
	return g.slices[form]
}

// DependsOnReaders returns whether the slices depend on the dns-servers that read them.
func (g *Gateway) DependsOnReaders() bool { return g.hasHostNames || g.HasFailover() }

// HasFailover returns whether the gateway has a part in a shared name or a health check.
func (g *Gateway) HasFailover() bool { return len(g.failover.texts) > 0 }

// Source returns which gateway it is.
func (g *Gateway) Source() Source { return g.source }

// Slices returns all slices that a consuming cluster may hold for the gateway. They are shared and
// must not be changed.
func (g *Gateway) Slices() []*discoveryv1.EndpointSlice {
	var all []*discoveryv1.EndpointSlice
	for _, of := range g.slices {
		all = append(all, of...)
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
