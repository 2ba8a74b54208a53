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

package resolve

import (
	"cmp"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// families is a set of IP families.
type families uint8

const (
	ipv4 families = 1 << iota
	ipv6
	bothFamilies = ipv4 | ipv6
)

func (f families) String() string {
	switch f {
	case ipv4:
		return "IPv4"
	case ipv6:
		return "IPv6"
	}
	return "IP"
}

// familyOf returns the family of an address, or 0 for an invalid one. An IPv4-mapped IPv6 address
// counts as IPv4.
func familyOf(address netip.Addr) families {
	switch address = address.Unmap(); {
	case address.Is4():
		return ipv4
	case address.Is6():
		return ipv6
	}
	return 0
}

// servedFamilies returns the families of spec.ipFamilies, or of the ClusterIPs if that is empty, or
// both families. kube-proxy programs no node port or external IP in other families.
func servedFamilies(service *corev1.Service) families {
	var served families
	for _, family := range service.Spec.IPFamilies {
		switch family {
		case corev1.IPv4Protocol:
			served |= ipv4
		case corev1.IPv6Protocol:
			served |= ipv6
		case corev1.IPFamilyUnknown:
		}
	}
	if served == 0 {
		for address := range clusterIPs(service) {
			served |= familyOf(address)
		}
	}
	return cmp.Or(served, bothFamilies)
}

// endpointFamily returns the family of the endpoints in a slice, or 0 for type FQDN, which
// kube-proxy ignores.
func endpointFamily(slice *discoveryv1.EndpointSlice) families {
	switch slice.AddressType {
	case discoveryv1.AddressTypeIPv4:
		return ipv4
	case discoveryv1.AddressTypeIPv6:
		return ipv6
	case discoveryv1.AddressTypeFQDN:
	}
	return 0
}
