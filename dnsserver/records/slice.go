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
	"fmt"
	"net/netip"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

// Slice is what is served of one EndpointSlice.
type Slice struct {
	name string
	// hostname is empty when the slice asks for a name that cannot be served.
	hostname string
	targets  []target
	problems []Problem
}

// target is an address or an alias.
type target struct {
	address netip.Addr
	alias   string
	ready   bool
}

// Parse reads an EndpointSlice. It returns false when the slice does not ask for a name. The zones are canonical.
func Parse(endpointSlice *discoveryv1.EndpointSlice, zones []string) (Slice, bool) {
	hostname, ok := endpointSlice.Annotations[xccv1.DNSHostnameAnnotation]
	if !ok {
		return Slice{}, false
	}
	slice := Slice{name: endpointSlice.Name}
	name, err := dnsname.Canonical(hostname)
	if err != nil {
		slice.reject(InvalidHostname, err.Error())
		return slice, true
	}
	apex, ok := zone.Find(zones, name)
	if !ok {
		slice.reject(OutsideZones, name)
		return slice, true
	}
	if zone.Reserved(apex, name, endpointSlice.AddressType == discoveryv1.AddressTypeFQDN) {
		slice.reject(ReservedName, name)
		return slice, true
	}
	slice.hostname = name
	slice.readEndpoints(endpointSlice)
	return slice, true
}

func (s *Slice) reject(reason Reason, detail string) {
	s.problems = append(s.problems, Problem{Slice: s.name, Reason: reason, Detail: detail})
}

func (s *Slice) readEndpoints(endpointSlice *discoveryv1.EndpointSlice) {
	parse := parserOf(endpointSlice.AddressType, s.hostname)
	if parse == nil {
		s.reject(UnknownAddressType, string(endpointSlice.AddressType))
		return
	}
	for _, endpoint := range endpointSlice.Endpoints {
		// A condition that is not there counts as true, as the API says.
		ready := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
		for _, text := range endpoint.Addresses {
			read, err := parse(text)
			if err != nil {
				s.reject(InvalidAddress, err.Error())
				continue
			}
			read.ready = ready
			s.targets = append(s.targets, read)
		}
	}
	if len(s.targets) == 0 {
		s.reject(NoAddress, s.hostname)
	}
}

// parserOf returns the function that reads the slice's addresses, nil for an unknown type.
func parserOf(addressType discoveryv1.AddressType, hostname string) func(string) (target, error) {
	switch addressType {
	case discoveryv1.AddressTypeIPv4:
		return func(text string) (target, error) { return parseAddress(text, "IPv4", netip.Addr.Is4) }
	case discoveryv1.AddressTypeIPv6:
		return func(text string) (target, error) { return parseAddress(text, "IPv6", isIPv6) }
	case discoveryv1.AddressTypeFQDN:
		return func(text string) (target, error) { return parseAlias(text, hostname) }
	default:
		return nil
	}
}

// isIPv6 returns whether the address can be the data of an AAAA record: it has no zone and is not an IPv4 address that is
// written as an IPv6 one.
func isIPv6(address netip.Addr) bool {
	return address.Is6() && !address.Is4In6() && address.Zone() == ""
}

func parseAddress(text, family string, is func(netip.Addr) bool) (target, error) {
	address, err := netip.ParseAddr(text)
	if err != nil || !is(address) {
		return target{}, fmt.Errorf("%q is not an %s address", text, family)
	}
	return target{address: address}, nil
}

func parseAlias(text, hostname string) (target, error) {
	alias, err := dnsname.Canonical(text)
	switch {
	case err != nil:
		return target{}, err
	case strings.HasPrefix(alias, "*"):
		return target{}, fmt.Errorf("%q is a wildcard, which cannot be the target of an alias", text)
	case alias == hostname:
		return target{}, fmt.Errorf("%q is an alias for itself", text)
	}
	return target{alias: alias}, nil
}
