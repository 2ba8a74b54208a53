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
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// maxDetail is the longest detail of a problem in bytes: a name of 253 characters and a few words.
// Details are logged.
const maxDetail = 300

// Slice is the content of one EndpointSlice under one name.
type Slice struct {
	name string
	// hostname is empty if the requested name cannot be served.
	hostname string
	// atApex means that the hostname is the apex of a zone.
	atApex   bool
	targets  []target
	services []zone.Service
	// gateway is empty for a slice written by hand.
	gateway  gateway
	problems []Problem
}

// gateway is the gateway that a slice publishes.
type gateway struct {
	// hostname is its per-cluster name, which identifies it. namespace is that of its GatewayDNS.
	// cluster is the name of its Cluster, or the hostname if that has another form.
	hostname, namespace, cluster string
	// share is the gateway's part in the name, if the name is shared.
	share failover.Share
	// check is empty if the gateway is not probed.
	check failover.HealthCheck
}

// target is an address or an alias.
type target struct {
	address netip.Addr
	alias   string
	ready   bool
}

// refused returns why an address must not be served. It never refuses an alias, whose addresses are
// not known yet.
func (t target) refused(refuse func(netip.Addr) string) string {
	if t.alias != "" {
		return ""
	}
	return refuse(t.address)
}

// Equal returns whether both have the same content.
func (s Slice) Equal(other Slice) bool {
	return s.name == other.name && s.hostname == other.hostname && slices.Equal(s.targets, other.targets) &&
		slices.Equal(s.services, other.services) && s.gateway == other.gateway && slices.Equal(s.problems, other.problems)
}

// Parse reads an EndpointSlice and returns one Slice for each name that it asks for, shared names
// last. There may be none. The zones are canonical.
//
// The judge checks the addresses of slices that the manager published. The author of a slice
// written by hand is trusted with this cluster, so the judge only checks it against the denied
// ranges.
func Parse(endpointSlice *discoveryv1.EndpointSlice, zones []string, judge netaddr.Judge) []Slice {
	hostname, ok := endpointSlice.Annotations[xccv1.DNSHostnameAnnotation]
	if !ok {
		return nil
	}
	additional, tooMany := dnsname.SplitList(endpointSlice.Annotations[xccv1.AdditionalHostnamesAnnotation], xccv1.MaxHostnames)
	var parsed []Slice
	var content *Slice
	for i, text := range append([]string{hostname}, additional...) {
		slice := Slice{name: endpointSlice.Name}
		slice.readHostname(text, zones, endpointSlice.AddressType)
		switch {
		case i > 0 && slices.ContainsFunc(parsed, func(other Slice) bool { return slice.hostname != "" && other.hostname == slice.hostname }):
			continue
		case slice.hostname == "":
		case content == nil:
			slice.readEndpoints(endpointSlice, judge)
			slice.readPorts(endpointSlice.Ports)
			content = &slice
		default:
			// The slice of the first name has the problems of the content.
			slice.targets, slice.services = content.targets, content.services
		}
		parsed = append(parsed, slice)
	}
	if content != nil {
		parsed = append(parsed, readFailover(endpointSlice, parsed, content, zones)...)
	}
	for i := range parsed {
		parsed[i].rejectAliases()
	}
	if tooMany {
		parsed[0].reject(TooMany, xccv1.AdditionalHostnamesAnnotation)
	}
	return parsed
}

func (s *Slice) reject(reason Reason, detail string) {
	s.problems = append(s.problems, Problem{Slice: s.name, Reason: reason, Detail: text.Line(detail, maxDetail)})
}

// readHostname leaves the hostname empty if the name cannot be served.
func (s *Slice) readHostname(given string, zones []string, addressType discoveryv1.AddressType) {
	name, err := dnsname.Canonical(given)
	if err != nil {
		s.reject(InvalidHostname, err.Error())
		return
	}
	apex, ok := zone.Find(zones, name)
	switch {
	case !ok:
		s.reject(OutsideZones, name)
	case zone.ReservedForProbes(apex, name):
		s.reject(ProbeName, name)
	case zone.Reserved(apex, name, addressType == discoveryv1.AddressTypeFQDN):
		s.reject(ReservedName, name)
	default:
		s.hostname, s.atApex = name, name == apex
	}
}

func (s *Slice) readEndpoints(endpointSlice *discoveryv1.EndpointSlice, judge netaddr.Judge) {
	refuse := judge.RefuseDenied
	if _, published := endpointSlice.Annotations[xccv1.GatewayDNSRefAnnotation]; published {
		refuse = judge.Refuse
	}
	parse := parserOf(endpointSlice.AddressType)
	if parse == nil {
		s.reject(UnknownAddressType, string(endpointSlice.AddressType))
		return
	}
	for _, endpoint := range endpointSlice.Endpoints {
		// The API says that a missing condition counts as true.
		ready := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
		for _, address := range endpoint.Addresses {
			read, err := parse(address)
			if err != nil {
				s.reject(InvalidAddress, err.Error())
				continue
			}
			if reason := read.refused(refuse); reason != "" {
				s.reject(RefusedAddress, address+" is "+reason)
				continue
			}
			read.ready = ready
			s.targets = append(s.targets, read)
		}
	}
	s.readTargets(endpointSlice.Annotations[xccv1.TargetsAnnotation])
	if len(s.targets) == 0 {
		s.reject(NoAddress, s.hostname)
	}
}

// readTargets reads the host names of the annotation. They have no conditions, so they are ready.
func (s *Slice) readTargets(annotation string) {
	found, tooMany := dnsname.SplitList(annotation, xccv1.MaxTargets)
	for _, given := range found {
		read, err := parseAlias(given)
		if err != nil {
			s.reject(InvalidAddress, err.Error())
			continue
		}
		read.ready = true
		s.targets = append(s.targets, read)
	}
	if tooMany {
		s.reject(TooMany, xccv1.TargetsAnnotation)
	}
}

// rejectAliases removes aliases that this name cannot have: an alias for itself, and any alias at
// the apex of a zone.
func (s *Slice) rejectAliases() {
	isRejected := func(t target) bool { return t.alias != "" && (s.atApex || t.alias == s.hostname) }
	if s.hostname == "" || !slices.ContainsFunc(s.targets, isRejected) {
		return
	}
	if s.atApex {
		s.reject(ReservedName, s.hostname)
	} else {
		s.reject(InvalidAddress, fmt.Sprintf("%q is an alias for itself", s.hostname))
	}
	// The slice's other names share the targets, so clone them.
	if s.targets = slices.DeleteFunc(slices.Clone(s.targets), isRejected); len(s.targets) == 0 {
		s.reject(NoAddress, s.hostname)
	}
}

// parserOf returns the parser of the slice's addresses, nil for an unknown type.
func parserOf(addressType discoveryv1.AddressType) func(string) (target, error) {
	switch addressType {
	case discoveryv1.AddressTypeIPv4:
		return func(given string) (target, error) { return parseAddress(given, "IPv4", netip.Addr.Is4) }
	case discoveryv1.AddressTypeIPv6:
		return func(given string) (target, error) { return parseAddress(given, "IPv6", isIPv6) }
	case discoveryv1.AddressTypeFQDN:
		return parseAlias
	default:
		return nil
	}
}

// isIPv6 returns whether the address can be the data of an AAAA record: it has no zone and is no
// IPv4-mapped address.
func isIPv6(address netip.Addr) bool {
	return address.Is6() && !address.Is4In6() && address.Zone() == ""
}

func parseAddress(given, family string, is func(netip.Addr) bool) (target, error) {
	address, err := netip.ParseAddr(given)
	if err != nil || !is(address) {
		return target{}, fmt.Errorf("%q is not an %s address", given, family)
	}
	return target{address: address}, nil
}

func parseAlias(given string) (target, error) {
	alias, err := dnsname.Canonical(given)
	if err != nil {
		return target{}, err
	}
	if strings.HasPrefix(alias, "*") {
		return target{}, fmt.Errorf("%q is a wildcard, which cannot be the target of an alias", given)
	}
	if _, err := netip.ParseAddr(alias); err == nil {
		return target{}, fmt.Errorf("%q is an address, which cannot be the target of an alias", given)
	}
	return target{alias: alias}, nil
}
