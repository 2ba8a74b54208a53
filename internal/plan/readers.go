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

// Readers says where the dns-servers of a consuming cluster look for host names. Every dns-server reads slices of type FQDN, which
// Kubernetes 1.37 deprecates; those of former releases read nothing else.
type Readers int

const (
	// ReadersUnknown: it is not known which dns-servers run, or none has told what it reads. Host names stay where they are, and new
	// ones are written as every dns-server reads them.
	ReadersUnknown Readers = iota
	// ReadersFormer: a dns-server may serve that reads host names from slices of type FQDN alone.
	ReadersFormer
	// ReadersCurrent: there are dns-servers, and all that may serve read host names from annotations, too.
	ReadersCurrent
)

// ReadersOf judges the Pods of a consuming cluster that its Service dns-server selects. A Pod that is being deleted counts until it is
// gone, because it answers until then.
func ReadersOf(pods []*corev1.Pod) Readers {
	readers := ReadersUnknown
	for _, pod := range pods {
		switch has, err := capability.Has(pod, capability.Targets); {
		case err != nil: // It does not serve.
		case !has:
			return ReadersFormer
		default:
			readers = ReadersCurrent
		}
	}
	return readers
}

// form is where the host names of a gateway are written.
type form struct {
	// fqdn: in a slice of type FQDN. annotated: in the annotation of the IPv4 slice, which then exists even without addresses.
	fqdn, annotated bool
}

// form returns where to write the host names of a gateway of which these slices are held.
func (r Readers) form(held []*discoveryv1.EndpointSlice) form {
	switch r {
	case ReadersFormer:
		return form{fqdn: true}
	case ReadersCurrent:
		return form{annotated: true}
	}
	present := holds(held...)
	present.fqdn = present.fqdn || !present.annotated
	return present
}

// holds returns where the slices have host names.
func holds(held ...*discoveryv1.EndpointSlice) form {
	var found form
	for _, slice := range held {
		_, annotated := slice.Annotations[xccv1.TargetsAnnotation]
		found.annotated = found.annotated || annotated
		found.fqdn = found.fqdn || slice.AddressType == discoveryv1.AddressTypeFQDN
	}
	return found
}

// HasHostNames returns whether host names are to be published or are held, so that it matters who reads them.
func HasHostNames(visible []xccv1.GatewayDNS, existing []discoveryv1.EndpointSlice) bool {
	for i := range existing {
		if IsOurs(&existing[i]) && holds(&existing[i]) != (form{}) {
			return true
		}
	}
	for i := range visible {
		for _, gateway := range visible[i].Status.Gateways {
			for _, address := range gateway.Addresses {
				if addressTypeOf(address) == discoveryv1.AddressTypeFQDN {
					return true
				}
			}
		}
	}
	return false
}

// forFormerReaders returns a slice of type FQDN for the host names in an annotation that is held, if there are former readers and no
// such slice is held.
func forFormerReaders(source Source, hostname string, held []*discoveryv1.EndpointSlice, readers Readers) []*discoveryv1.EndpointSlice {
	if readers != ReadersFormer || holds(held...).fqdn {
		return nil
	}
	for _, slice := range held {
		targets, _ := dnsname.SplitList(slice.Annotations[xccv1.TargetsAnnotation], xccv1.MaxTargets)
		var endpoints []discoveryv1.Endpoint
		for _, target := range targets {
			// An administrator of the cluster may have edited them, and the API server refuses a slice for one that is wrong.
			if validation.IsFullyQualifiedDomainName(nil, target) == nil {
				endpoints = append(endpoints, endpointOf(target))
			}
		}
		if len(endpoints) == 0 {
			continue
		}
		former := newSlice(source, hostname, discoveryv1.AddressTypeFQDN, endpoints)
		former.Ports = slice.Ports
		return []*discoveryv1.EndpointSlice{former}
	}
	return nil
}
