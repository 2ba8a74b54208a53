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
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/capability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

// Readers are the releases of the dns-servers in a consuming cluster, by the annotations that they
// read. All releases read host names from slices of type FQDN, which Kubernetes 1.37 deprecates.
type Readers int

const (
	// ReadersUnknown: no dns-server has reported its capabilities. Existing host names stay where
	// they are, and new ones are written to slices of type FQDN, which every release reads.
	ReadersUnknown Readers = iota
	// ReadersFormer: at least one dns-server reads host names only from slices of type FQDN.
	ReadersFormer
	// ReadersTargets: all dns-servers that serve read host names from an annotation, and at least
	// one ignores shared names and health checks.
	ReadersTargets
	// ReadersCurrent: all dns-servers that serve read host names, shared names and health checks
	// from annotations.
	ReadersCurrent
)

// IsOutdated returns whether a dns-server ignores shared names and health checks.
func (r Readers) IsOutdated() bool { return r == ReadersFormer || r == ReadersTargets }

// ReadersOf returns the readers in a consuming cluster, given the Pods that the Service dns-server
// selects. A Pod that is being deleted counts, because it may still answer.
func ReadersOf(pods []*corev1.Pod) Readers {
	readers := ReadersUnknown
	for _, pod := range pods {
		of := readerOf(pod)
		if of != ReadersUnknown && (readers == ReadersUnknown || of < readers) {
			readers = of
		}
	}
	return readers
}

// readerOf returns the release of one dns-server. It is unknown if the Pod does not serve.
func readerOf(pod *corev1.Pod) Readers {
	readsTargets, err := capability.Has(pod, capability.Targets)
	if err != nil {
		return ReadersUnknown
	}
	readsFailover, err := capability.Has(pod, capability.Failover)
	switch {
	case err != nil:
		return ReadersUnknown
	case !readsTargets:
		return ReadersFormer
	case !readsFailover:
		return ReadersTargets
	default:
		return ReadersCurrent
	}
}

// placement is where the host names of a gateway are written.
type placement struct {
	// fqdn is true for a slice of type FQDN.
	fqdn bool
	// annotated is true for an annotation of the IPv4 slice. That slice then exists even without
	// addresses.
	annotated bool
}

// placement returns where to write the host names of a gateway with the held slices.
func (r Readers) placement(held []*discoveryv1.EndpointSlice) placement {
	switch r {
	case ReadersFormer:
		return placement{fqdn: true}
	case ReadersTargets, ReadersCurrent:
		return placement{annotated: true}
	}
	present := placementIn(held...)
	present.fqdn = present.fqdn || !present.annotated
	return present
}

// placementIn returns where the slices have host names.
func placementIn(held ...*discoveryv1.EndpointSlice) placement {
	var found placement
	for _, slice := range held {
		_, annotated := slice.Annotations[xccv1.TargetsAnnotation]
		found.annotated = found.annotated || annotated
		found.fqdn = found.fqdn || slice.AddressType == discoveryv1.AddressTypeFQDN
	}
	return found
}

// HoldsHostNames returns whether a slice of ours has host names.
func HoldsHostNames(slice *discoveryv1.EndpointSlice) bool {
	return IsOurs(slice) && placementIn(slice) != (placement{})
}

// forFormerReaders returns a slice of type FQDN with the host names of a held annotation. It
// returns nil if there are no former readers or such a slice is held already.
func forFormerReaders(source Source, hostname string, held []*discoveryv1.EndpointSlice, readers Readers) *discoveryv1.EndpointSlice {
	if readers != ReadersFormer || placementIn(held...).fqdn {
		return nil
	}
	for _, slice := range held {
		targets, _ := dnsname.SplitList(slice.Annotations[xccv1.TargetsAnnotation], xccv1.MaxTargets)
		var endpoints []discoveryv1.Endpoint
		for _, target := range targets {
			// The annotation may have been edited. The API server would refuse the slice because of
			// one invalid name.
			if validation.IsFullyQualifiedDomainName(nil, target) == nil {
				endpoints = append(endpoints, endpointOf(target))
			}
		}
		if len(endpoints) == 0 {
			continue
		}
		former := newSlice(source, hostname, discoveryv1.AddressTypeFQDN, endpoints)
		former.Ports = slice.Ports
		return former
	}
	return nil
}
