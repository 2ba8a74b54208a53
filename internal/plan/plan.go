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
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

// Plan is what has to change in a consuming cluster.
type Plan struct {
	// Create are slices that are missing.
	Create []*discoveryv1.EndpointSlice
	// Update are slices that differ from what they should be, as they should be, with the resourceVersion that was read.
	Update []*discoveryv1.EndpointSlice
	// Replace are slices of ours that are of another address type than they should be, which cannot be changed: as they should
	// be, with the UID and the resourceVersion of those that have to be deleted before.
	Replace []*discoveryv1.EndpointSlice
	// Taken are slices that are missing and cannot be created, because one of another hand has the name.
	Taken []*discoveryv1.EndpointSlice
	// Candidates are slices of ours that nothing asks for. Each may be deleted only when Orphaned says so.
	Candidates []*discoveryv1.EndpointSlice
	// Wanted is how many slices are held when all of this is done and all candidates are gone.
	Wanted int
}

// Empty returns whether there is nothing to do. There may be slices that are Taken.
func (p *Plan) Empty() bool {
	return len(p.Create)+len(p.Update)+len(p.Replace)+len(p.Candidates) == 0
}

// Compute returns what has to change for a cluster that may see the given GatewayDNS and holds the given slices:
//   - a gateway whose addresses are known, Resolved or Overridden, has exactly the slices that hold them;
//   - one of which it is not known, such as Unknown, keeps the slices that are there, and gets those of its last addresses
//     when there are none;
//   - everything else of ours is a candidate.
//
// Host names are written as the readers need them. When that changes, the former slice is a candidate beside the new one.
func Compute(zone string, visible []xccv1.GatewayDNS, existing []discoveryv1.EndpointSlice, readers Readers) Plan {
	ours := holdingsOf(existing, zone)
	all := map[string]*discoveryv1.EndpointSlice{} // Also those of ours from which somebody took all that says so.
	for i := range existing {
		all[existing[i].Name] = &existing[i]
	}
	var plan Plan
	wanted := map[string]bool{}
	for i := range visible {
		ref := types.NamespacedName{Namespace: visible[i].Namespace, Name: visible[i].Name}
		for _, gateway := range visible[i].Status.Gateways {
			source, ok := sourceOf(zone, ref, gateway)
			if !ok {
				continue
			}
			held := ours.of(source)
			keeps := !gateway.State.Current() && !gateway.State.KnownEmpty()
			switch {
			case keeps && len(held) > 0:
				for _, slice := range held {
					wanted[slice.Name] = true
				}
				for _, slice := range forFormerReaders(source, gateway.Hostname, held, readers) {
					wanted[slice.Name] = true
					plan.put(all[slice.Name], slice)
				}
			case gateway.State.Current(), keeps:
				for _, slice := range slicesFor(zone, ref, gateway, readers.form(held)) {
					wanted[slice.Name] = true
					plan.put(all[slice.Name], slice)
				}
			}
		}
	}
	plan.Wanted = len(wanted) - len(plan.Taken)
	for _, name := range slices.Sorted(maps.Keys(ours.byName)) {
		if !wanted[name] {
			plan.Candidates = append(plan.Candidates, ours.byName[name])
		}
	}
	return plan
}

func (p *Plan) put(current, desired *discoveryv1.EndpointSlice) {
	if current == nil {
		p.Create = append(p.Create, desired)
		return
	}
	retyped := current.AddressType != desired.AddressType
	switch {
	case isForeign(current) || retyped && !IsOurs(current):
		p.Taken = append(p.Taken, desired)
		return
	case retyped:
		desired.UID, desired.ResourceVersion = current.UID, current.ResourceVersion
		p.Replace = append(p.Replace, desired)
		return
	}
	updated := current.DeepCopy()
	updated.Labels = overlay(current.Labels, desired.Labels)
	updated.Annotations = overlay(current.Annotations, desired.Annotations)
	if _, ok := desired.Annotations[xccv1.TargetsAnnotation]; !ok {
		delete(updated.Annotations, xccv1.TargetsAnnotation)
	}
	updated.Endpoints = desired.Endpoints
	updated.Ports = desired.Ports
	if !apiequality.Semantic.DeepEqual(current, updated) {
		p.Update = append(p.Update, updated)
	}
}

func overlay(current, desired map[string]string) map[string]string {
	merged := maps.Clone(current)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, desired)
	return merged
}

// IsOurs returns whether the manager, or the old project's, wrote the slice.
func IsOurs(slice *discoveryv1.EndpointSlice) bool {
	_, hasRef := slice.Annotations[xccv1.GatewayDNSRefAnnotation]
	return hasRef || slice.Labels[discoveryv1.LabelManagedBy] == xccv1.ManagedBy
}

// isForeign returns whether something in a slice says that it is of another hand. One that bears a name of ours and in which
// nothing says whose it is, is one of ours from which somebody took all that did.
func isForeign(slice *discoveryv1.EndpointSlice) bool {
	_, hasHostname := slice.Annotations[xccv1.DNSHostnameAnnotation]
	_, isManaged := slice.Labels[discoveryv1.LabelManagedBy]
	return !IsOurs(slice) && (hasHostname || isManaged)
}

// holdings are the slices of ours that a cluster holds.
type holdings struct {
	byName   map[string]*discoveryv1.EndpointSlice
	bySource map[Source][]*discoveryv1.EndpointSlice
}

func holdingsOf(existing []discoveryv1.EndpointSlice, zone string) holdings {
	ours := holdings{byName: map[string]*discoveryv1.EndpointSlice{}, bySource: map[Source][]*discoveryv1.EndpointSlice{}}
	for i := range existing {
		slice := &existing[i]
		if !IsOurs(slice) {
			continue
		}
		ours.byName[slice.Name] = slice
		if source, ok := Published(slice, zone); ok && source.Cluster != "" {
			ours.bySource[source] = append(ours.bySource[source], slice)
		}
	}
	return ours
}

// of returns the slices for a gateway: those that publish it by their annotations, whatever their names, since those of
// the old project are called otherwise; and those that bear its names, whatever was done to their annotations.
func (h holdings) of(source Source) []*discoveryv1.EndpointSlice {
	held := slices.Clone(h.bySource[source])
	for _, addressType := range addressTypes {
		if slice := h.byName[sliceName(source, addressType)]; slice != nil && !slices.Contains(held, slice) {
			held = append(held, slice)
		}
	}
	return held
}

// Source is the gateway that a slice publishes.
type Source struct {
	// GatewayDNS is the GatewayDNS that asked for it.
	GatewayDNS types.NamespacedName
	// Cluster is the name of the gateway's Cluster, in the namespace of the GatewayDNS.
	Cluster string
	// Subdomain is the first DNS label of the gateway's name.
	Subdomain string
}

// Published returns what a slice of ours publishes by its annotations. It returns false when its reference is not a
// GatewayDNS; Cluster and Subdomain are empty when its name is not one that this GatewayDNS could have asked for in this zone.
func Published(slice *discoveryv1.EndpointSlice, zone string) (Source, bool) {
	namespace, name, ok := strings.Cut(slice.Annotations[xccv1.GatewayDNSRefAnnotation], "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return Source{}, false
	}
	source := Source{GatewayDNS: types.NamespacedName{Namespace: namespace, Name: name}}
	if gateway, ok := dnsname.ParseGateway(slice.Annotations[xccv1.DNSHostnameAnnotation], zone); ok && gateway.Namespace == namespace {
		source.Cluster, source.Subdomain = gateway.Cluster, gateway.Subdomain
	}
	return source, true
}
