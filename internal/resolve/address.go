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
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// addresses collects what was found of a gateway.
type addresses struct {
	network Network
	// clusterIPs are those that are known.
	clusterIPs map[netip.Addr]bool
	// believesRanges is whether addresses in the range of Services that the Cluster declares are refused.
	believesRanges bool

	usable []string
	// refused are addresses that must not be published, each with why; remarks are what else is to be said.
	refused, remarks []string
	// inside is whether one was refused because it means something only inside of its cluster.
	inside bool
	// inRanges are usable addresses in ranges that the Cluster declares.
	inRanges []string
}

// newAddresses returns what collects the addresses of a target. The controller of a Gateway writes down what it knows of
// its own Service, which is the ClusterIP if there is nothing else: then the declared range is believed.
func newAddresses(target Target, objects Objects, network Network) *addresses {
	return &addresses{
		network:        network,
		clusterIPs:     clusterIPs(append(objects.GatewayServices, objects.Service)...),
		believesRanges: target.Gateway,
	}
}

// addIP adds an IP address, and returns whether it can be published.
func (f *addresses) addIP(text string) bool {
	address, reason := usableIP(text)
	switch {
	case reason != "":
	case f.network.ranges.excluded.RefuseDenied(address) != "":
		reason = "in a range that the Cluster's annotation " + xccv1.GatewayAddressRangesAnnotation + " excludes"
	case f.clusterIPs[address]:
		reason, f.inside = "a ClusterIP of this cluster", true
	case f.network.services.RefuseDenied(address) != "" && f.believesRanges:
		reason, f.inside = "in the range of Services that the Cluster declares in spec.clusterNetwork", true
	case f.network.services.RefuseDenied(address) != "", f.network.pods.RefuseDenied(address) != "":
		f.inRanges = append(f.inRanges, address.String())
	}
	f.add(text, address.String(), reason)
	return reason == ""
}

func (f *addresses) addHostname(name string) {
	usable, reason := usableHostname(name, f.network.zone)
	if reason == "" && f.network.isClusterName(usable) {
		reason, f.inside = "a name of the cluster's own DNS", true
	}
	f.add(name, usable, reason)
}

// addAny adds what is an IP address or a host name.
func (f *addresses) addAny(address string) {
	if _, err := netip.ParseAddr(address); err == nil {
		f.addIP(address)
		return
	}
	f.addHostname(address)
}

// add takes an address, which is refused if there is a reason.
func (f *addresses) add(text, usable, reason string) {
	if reason != "" {
		f.refused = append(f.refused, fmt.Sprintf("%s is %s", fit.Quoted(text), reason))
		return
	}
	f.usable = append(f.usable, usable)
}

// rangesRemark says which of the usable addresses are in ranges that the Cluster declares, or nothing.
func (f *addresses) rangesRemark() string {
	if len(f.inRanges) == 0 {
		return ""
	}
	slices.Sort(f.inRanges)
	return "In the ranges of Services or Pods that the Cluster declares: " + firstOf(slices.Compact(f.inRanges)) +
		", where clusters that use the same ranges reach something else; correct spec.clusterNetwork if that is wrong"
}

// usableHostname returns the name in lower case without a final dot, or why an EndpointSlice must not hold it.
func usableHostname(name, zone string) (usable, reason string) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	last := name[strings.LastIndexByte(name, '.')+1:]
	// A name that ends in a number is an address that somebody mistyped: no top-level domain is one (RFC 3696, section 2).
	isNumber := strings.Trim(last, "0123456789") == ""
	if problems := validation.IsFullyQualifiedDomainName(field.NewPath("hostname"), name); len(problems) > 0 || isNumber {
		return "", "not a fully qualified host name"
	}
	if dnsname.InZone(name, zone) {
		return "", "inside the zone " + zone + " that is served here, so that it would lead to itself"
	}
	return name, ""
}

// usableIP returns the address, or why an EndpointSlice must not hold it.
func usableIP(address string) (usable netip.Addr, reason string) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Addr{}, "not an IP address"
	}
	if reason := (netaddr.Judge{}).Refuse(ip); reason != "" {
		return netip.Addr{}, reason
	}
	return ip.Unmap(), ""
}
