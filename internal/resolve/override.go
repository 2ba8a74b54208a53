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
	"slices"
	"strings"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

// maxOverride is how long the annotation may be, in bytes: fit.MaxAddresses host names of 253 characters, with what separates them.
const maxOverride = 32 << 10

// Override returns what is known of a gateway whose Cluster carries GatewayAddressesAnnotation with the given value, and
// what was found in the cluster: the addresses are those of the annotation and the ports those that were found. A gateway
// that is known not to exist stays so: there is nothing to translate addresses to. An annotation that is wrong in any part
// is of no effect but its state, in which what was published before stays.
func Override(annotation string, network Network, found Result) Result {
	switch found.State {
	case xccv1.GatewayServiceNotFound, xccv1.GatewayGatewayNotFound, xccv1.GatewayGatewayAPINotInstalled:
		return found
	}
	invalid := func(format string, args ...any) Result {
		return Result{State: xccv1.GatewayInvalidOverride, Message: fit.Message(fmt.Sprintf(
			"Annotation "+xccv1.GatewayAddressesAnnotation+" of the Cluster must be IP addresses or host names, separated by commas: "+format, args...))}
	}
	if len(annotation) > maxOverride {
		return invalid("it has %d bytes, and at most %d are read", len(annotation), maxOverride)
	}
	given := addresses{network: network}
	for part := range strings.SplitSeq(annotation, ",") {
		given.addAny(strings.TrimSpace(part))
	}
	if len(given.refused) > 0 {
		return invalid("%s", strings.Join(given.refused, "; "))
	}
	slices.Sort(given.usable)
	all := slices.Compact(given.usable)
	if len(all) > fit.MaxAddresses {
		return invalid("it has %d, and at most %d are published", len(all), fit.MaxAddresses)
	}
	message := "The Cluster's annotation " + xccv1.GatewayAddressesAnnotation + " replaces what was found" + foundInstead(found)
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

// foundInstead says what an override hides.
func foundInstead(found Result) string {
	switch {
	case len(found.Addresses) > 0:
		return ", which was " + firstOf(found.Addresses)
	case found.Message != "":
		return ", which was nothing: " + found.Message
	}
	return ""
}
