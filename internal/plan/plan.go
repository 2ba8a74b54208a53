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

// Plan is the difference between a consuming cluster's slices and the desired ones.
type Plan struct {
	// Create are the missing slices.
	Create []*discoveryv1.EndpointSlice
	// Update are the desired states of slices that differ, with the resourceVersion that was read.
	Update []*discoveryv1.EndpointSlice
	// Replace are the desired states of our slices with another address type, which is immutable.
	// UID and resourceVersion are those of the slice to delete first.
	Replace []*discoveryv1.EndpointSlice
	// Taken are missing slices that cannot be created, because a slice that is not ours has the
	// name.
	Taken []*discoveryv1.EndpointSlice
	// Candidates are our slices that no gateway needs. Delete one only if Orphaned confirms it.
	Candidates []*discoveryv1.EndpointSlice
}

// Empty returns whether there is nothing to apply. Taken may be non-empty.
func (p *Plan) Empty() bool {
	return len(p.Create)+len(p.Update)+len(p.Replace)+len(p.Candidates) == 0
}

// Compute returns the plan for the gateways, given the slices in the consuming cluster that have
// the name or the annotations of one of their slices:
//   - A gateway whose addresses are known (Resolved or Overridden) has exactly the slices for its
//     addresses.
//   - A gateway in a state such as Unknown keeps its existing slices. If it has none, it gets
//     slices for its last addresses.
//   - All other existing slices of ours are candidates.
//
// It works on all gateways of a cluster and on a part of them. For a part, existing has the slices
// of that part, including those of gateways that are no longer published.
//
// The consumer's readers decide where host names are written. If that changes, the old slice becomes
// a candidate beside the new one. The annotation for failover is updated on held slices whatever the
// gateway's state, because it depends on specs and labels alone.
func Compute(zone string, gateways []*Gateway, existing []*discoveryv1.EndpointSlice, consumer Consumer) Plan {
	ours := indexOurs(existing, zone)
	all := make(map[string]*discoveryv1.EndpointSlice, len(existing)) // By name. This includes our slices without their ownership metadata.
	for _, slice := range existing {
		all[slice.Name] = slice
	}
	var plan Plan
	wanted := make(map[string]bool, len(existing))
	want := func(gateway *Gateway, hostNames placement) {
		for i, plain := range gateway.slicesAt(form{hostNames: hostNames}) {
			wanted[plain.Name] = true
			current := all[plain.Name]
			plan.put(current, gateway.slicesAt(form{hostNames, gateway.failoverForm(consumer, current)})[i])
		}
	}
	for _, gateway := range gateways {
		held := ours.of(gateway.source)
		state := gateway.status.State
		isUnknown := !state.Current() && !state.KnownEmpty()
		switch {
		case isUnknown && len(held) > 0:
			for _, slice := range held {
				wanted[slice.Name] = true
				plan.annotate(slice, gateway, consumer)
			}
			if former := forFormerReaders(gateway.source, gateway.status.Hostname, held, consumer.Readers); former != nil {
				wanted[former.Name] = true
				plan.put(all[former.Name], former)
			}
		case state.Current(), isUnknown:
			want(gateway, consumer.Readers.placement(held))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ours.byName)) {
		if !wanted[name] {
			plan.Candidates = append(plan.Candidates, ours.byName[name])
		}
	}
	return plan
}

// put adds the change from the current slice, or nil, to the desired one, which is shared.
func (p *Plan) put(current, desired *discoveryv1.EndpointSlice) {
	if current == nil {
		p.Create = append(p.Create, desired.DeepCopy())
		return
	}
	retyped := current.AddressType != desired.AddressType
	switch {
	case isForeign(current) || retyped && !IsOurs(current):
		p.Taken = append(p.Taken, desired.DeepCopy())
	case retyped:
		replacement := desired.DeepCopy()
		replacement.UID, replacement.ResourceVersion = current.UID, current.ResourceVersion
		p.Replace = append(p.Replace, replacement)
	case !matches(current, desired):
		p.Update = append(p.Update, updated(current, desired))
	}
}

// annotate adds the change of the annotation for failover on a held slice, whose addresses stay.
func (p *Plan) annotate(held *discoveryv1.EndpointSlice, gateway *Gateway, consumer Consumer) {
	annotation, has := annotationOf(held, xccv1.FailoverAnnotation)
	form := gateway.failoverForm(consumer, held)
	if form == 0 && !has || form > 0 && has && annotation == gateway.failover.texts[form-1] {
		return
	}
	changed := held.DeepCopy()
	if form == 0 {
		delete(changed.Annotations, xccv1.FailoverAnnotation)
	} else {
		changed.Annotations = overlay(changed.Annotations, map[string]string{xccv1.FailoverAnnotation: gateway.failover.texts[form-1]})
	}
	p.Update = append(p.Update, changed)
}

// optional are the annotations of our slices that a slice must not have unless it is desired.
var optional = []string{xccv1.TargetsAnnotation, xccv1.FailoverAnnotation}

// matches returns whether a slice has everything that is desired. It may have more labels, and more
// annotations except for the optional ones.
func matches(current, desired *discoveryv1.EndpointSlice) bool {
	for _, key := range optional {
		_, has := current.Annotations[key]
		if _, wants := desired.Annotations[key]; has && !wants {
			return false
		}
	}
	return includes(current.Labels, desired.Labels) &&
		includes(current.Annotations, desired.Annotations) && apiequality.Semantic.DeepEqual(current.Endpoints, desired.Endpoints) &&
		apiequality.Semantic.DeepEqual(current.Ports, desired.Ports)
}

func includes(current, desired map[string]string) bool {
	for key, value := range desired {
		if has, ok := current[key]; !ok || has != value {
			return false
		}
	}
	return true
}

// updated returns a slice as desired, with its other labels and annotations.
func updated(current, desired *discoveryv1.EndpointSlice) *discoveryv1.EndpointSlice {
	result, wanted := current.DeepCopy(), desired.DeepCopy()
	result.Labels = overlay(current.Labels, desired.Labels)
	result.Annotations = overlay(current.Annotations, desired.Annotations)
	for _, key := range optional {
		if _, ok := desired.Annotations[key]; !ok {
			delete(result.Annotations, key)
		}
	}
	result.Endpoints, result.Ports = wanted.Endpoints, wanted.Ports
	return result
}

func overlay(current, desired map[string]string) map[string]string {
	merged := maps.Clone(current)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, desired)
	return merged
}

// IsOurs returns whether our manager or that of the 2022 project wrote the slice.
func IsOurs(slice *discoveryv1.EndpointSlice) bool {
	_, hasRef := slice.Annotations[xccv1.GatewayDNSRefAnnotation]
	return hasRef || slice.Labels[discoveryv1.LabelManagedBy] == xccv1.ManagedBy
}

// isForeign returns whether the metadata of a slice names another owner. A slice with our name and
// without any ownership metadata is ours: the metadata was removed.
func isForeign(slice *discoveryv1.EndpointSlice) bool {
	_, hasHostname := slice.Annotations[xccv1.DNSHostnameAnnotation]
	_, isManaged := slice.Labels[discoveryv1.LabelManagedBy]
	return !IsOurs(slice) && (hasHostname || isManaged)
}

// index finds our slices by name and by gateway.
type index struct {
	byName   map[string]*discoveryv1.EndpointSlice
	bySource map[Source][]*discoveryv1.EndpointSlice
}

func indexOurs(existing []*discoveryv1.EndpointSlice, zone string) index {
	ours := index{byName: map[string]*discoveryv1.EndpointSlice{}, bySource: map[Source][]*discoveryv1.EndpointSlice{}}
	for _, slice := range existing {
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

// of returns the slices of a gateway. It finds those of the 2022 project, which have other names,
// by their annotations, and ours with edited annotations by their names.
func (x index) of(source Source) []*discoveryv1.EndpointSlice {
	held := slices.Clone(x.bySource[source])
	for _, addressType := range addressTypes {
		if slice := x.byName[sliceName(source, addressType)]; slice != nil && !slices.Contains(held, slice) {
			held = append(held, slice)
		}
	}
	return held
}

// Source is the gateway that a slice publishes.
type Source struct {
	// GatewayDNS is the GatewayDNS that publishes the gateway.
	GatewayDNS types.NamespacedName
	// Cluster is the name of the gateway's Cluster, in the namespace of the GatewayDNS.
	Cluster string
	// Subdomain is the first DNS label of the gateway's name.
	Subdomain string
}

// Published returns the gateway in the annotations of one of our slices. It returns false if the
// reference to the GatewayDNS is malformed. Cluster and Subdomain are empty if the GatewayDNS
// cannot publish the DNS name in this zone.
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
