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
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// addresses collects the addresses of a gateway.
type addresses struct {
	network Network
	// clusterIPs are the ClusterIPs of the gateway's Services.
	clusterIPs map[netip.Addr]bool
	// refusesServiceRange is true if addresses in the Cluster's Service range are refused.
	refusesServiceRange bool

	usable []string
	// refused are addresses that must not be published, each with the reason.
	refused []string
	// remarks are further parts of the gateway's message.
	remarks []string
	// isInternal is true if an address was refused because only its own cluster can reach it.
	isInternal bool
	// inClusterRanges are usable addresses in the Cluster's Service or Pod ranges.
	inClusterRanges []string
}

// newAddresses returns an empty collector for a target. The status of a Gateway may have the
// ClusterIP of its Service, so for Gateways, addresses in the Service range are refused.
func newAddresses(target Target, objects Objects, network Network) *addresses {
	return &addresses{
		network:             network,
		clusterIPs:          clusterIPs(append(objects.GatewayServices, objects.Service)...),
		refusesServiceRange: target.Gateway,
	}
}

// addIP adds an IP address, and returns whether it is usable.
func (f *addresses) addIP(text string) bool {
	address, reason := usableIP(text)
	switch {
	case reason != "":
	case f.network.ranges.excluded.RefuseDenied(address) != "":
		reason = "in a range that the Cluster's annotation " + xccv1.GatewayAddressRangesAnnotation + " excludes"
	case f.clusterIPs[address]:
		reason, f.isInternal = "a ClusterIP of this cluster", true
	case f.network.services.RefuseDenied(address) != "" && f.refusesServiceRange:
		reason, f.isInternal = "in the range of Services that the Cluster declares in spec.clusterNetwork", true
	case f.network.services.RefuseDenied(address) != "", f.network.pods.RefuseDenied(address) != "":
		f.inClusterRanges = append(f.inClusterRanges, address.String())
	}
	f.add(text, address.String(), reason)
	return reason == ""
}

func (f *addresses) addHostname(name string) {
	usable, reason := usableHostname(name, f.network.zone)
	if reason == "" && f.network.isClusterName(usable) {
		reason, f.isInternal = "a name of the cluster's own DNS", true
	}
	f.add(name, usable, reason)
}

// addAny adds an IP address or a host name.
func (f *addresses) addAny(address string) {
	if _, err := netip.ParseAddr(address); err == nil {
		f.addIP(address)
		return
	}
	f.addHostname(address)
}

// add adds an address, to the refused ones if reason is not empty.
func (f *addresses) add(text, usable, reason string) {
	if reason != "" {
		f.refused = append(f.refused, fmt.Sprintf("%s is %s", fit.Quoted(text), reason))
		return
	}
	f.usable = append(f.usable, usable)
}

// rangesRemark returns a remark about usable addresses in the Cluster's Service or Pod ranges, or
// "".
func (f *addresses) rangesRemark() string {
	if len(f.inClusterRanges) == 0 {
		return ""
	}
	slices.Sort(f.inClusterRanges)
	return "In the Service or Pod ranges of the Cluster: " + text.List(slices.Compact(f.inClusterRanges), ", ") +
		", which clusters with the same ranges cannot reach; correct spec.clusterNetwork if it is wrong"
}

// usableHostname returns the name in lower case without a final dot, or why it must not be
// published.
func usableHostname(name, zone string) (usable, reason string) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	last := name[strings.LastIndexByte(name, '.')+1:]
	// A name that ends in a number is a mistyped address: no top-level domain is a number (RFC
	// 3696, section 2).
	isNumber := strings.Trim(last, "0123456789") == ""
	if problems := validation.IsFullyQualifiedDomainName(field.NewPath("hostname"), name); len(problems) > 0 || isNumber {
		return "", "not a fully qualified host name"
	}
	if dnsname.InZone(name, zone) {
		return "", "inside the zone " + zone + ", so it could refer to itself"
	}
	return name, ""
}

// usableIP returns the address, or why it must not be published.
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
