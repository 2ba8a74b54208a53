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

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// maxOverride is the limit of the annotation, in bytes: fit.MaxAddresses host names of 253
// characters, with separators.
const maxOverride = 32 << 10

// Override applies the value of a Cluster's GatewayAddressesAnnotation to the found result. The
// addresses of the annotation replace the found ones; the ports stay. With ipv4=found or ipv6=found
// in the annotation, the found addresses of that family stay, too. Then an unknown result is
// returned unchanged, so the published addresses stay.
//
// A gateway that does not exist is returned unchanged. If a part of the annotation is invalid, the
// state is InvalidOverride, in which the published addresses stay.
func Override(annotation string, network Network, found Result) Result {
	switch found.State {
	case xccv1.GatewayServiceNotFound, xccv1.GatewayGatewayNotFound, xccv1.GatewayGatewayAPINotInstalled:
		return found
	}
	given, kept, invalid := parseOverride(annotation, network)
	if invalid != "" {
		return Result{State: xccv1.GatewayInvalidOverride, Message: fit.Message("Annotation " + xccv1.GatewayAddressesAnnotation +
			" of the Cluster must be IP addresses or host names, ipv4=found or ipv6=found, separated by commas: " + invalid)}
	}
	if kept != 0 && !found.State.Current() && !found.State.KnownEmpty() {
		return found
	}
	all, replaced := given.usable, []string(nil)
	for _, address := range found.Addresses {
		if ip, err := netip.ParseAddr(address); err == nil && kept&familyOf(ip) != 0 {
			all = append(all, address)
		} else {
			replaced = append(replaced, address)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	message := overrideMessage(found, replaced)
	if len(all) == 0 {
		return Result{State: xccv1.GatewayNoAddress, Message: fit.Message("No address is left. " + message)}
	}
	if remark := given.rangesRemark(); remark != "" {
		message = remark + "; " + message
	}
	if unserved := notServed(all); unserved != "" {
		message = unserved + "; " + message
	}
	return Result{
		State: xccv1.GatewayOverridden, Addresses: all, Ports: found.Ports, Message: message,
		Source: "Cluster: annotation " + xccv1.GatewayAddressesAnnotation,
	}.fitting()
}

// parseOverride returns the addresses of an annotation and the families whose found addresses are
// kept. invalid says why the annotation is invalid, or is empty.
func parseOverride(annotation string, network Network) (given addresses, kept families, invalid string) {
	if len(annotation) > maxOverride {
		return addresses{}, 0, fmt.Sprintf("it has %d bytes, and at most %d are read", len(annotation), maxOverride)
	}
	given = addresses{network: network}
	for part := range strings.SplitSeq(annotation, ",") {
		switch part = strings.TrimSpace(part); {
		case strings.EqualFold(part, "ipv4=found"):
			kept |= ipv4
		case strings.EqualFold(part, "ipv6=found"):
			kept |= ipv6
		default:
			given.addAny(part)
		}
	}
	slices.Sort(given.usable)
	given.usable = slices.Compact(given.usable)
	switch {
	case len(given.refused) > 0:
		return addresses{}, 0, strings.Join(given.refused, "; ")
	case len(given.usable) > fit.MaxAddresses:
		return addresses{}, 0, fmt.Sprintf("it has %d, and at most %d are published", len(given.usable), fit.MaxAddresses)
	}
	return given, kept, ""
}

// overrideMessage returns a message about the found addresses that an override replaces.
func overrideMessage(found Result, replaced []string) string {
	const annotation = "The Cluster's annotation " + xccv1.GatewayAddressesAnnotation
	switch {
	case len(replaced) > 0:
		return annotation + " replaces the found addresses " + text.List(replaced, ", ")
	case len(found.Addresses) > 0:
		return annotation + " replaces none of the found addresses"
	case found.Message != "":
		return annotation + " is used, and no address was found: " + found.Message
	}
	return annotation + " is used, and no address was found"
}
