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

// Result is the state of a gateway. It always fits the schema of status.gateways.
type Result struct {
	State xccv1.GatewayState
	// Message says why the gateway is in its state and what to change, as a sentence without a
	// period.
	Message string
	// Addresses are IP addresses in canonical form and host names in lower case without a final
	// dot. They are sorted, without duplicates, and at most fit.MaxAddresses.
	Addresses []string
	// Ports are the ports at the addresses. They are sorted, without duplicates, and at most
	// fit.MaxPorts.
	Ports []xccv1.GatewayPort
	// Source is the object and the field of the addresses.
	Source string
}

// Gateway returns the state of a target. It leaves out addresses and names that network marks as
// internal to the cluster. If the ranges in the Cluster's annotation are invalid, the state is
// InvalidOverride, because an excluded address must not be published.
func Gateway(target Target, objects Objects, network Network) Result {
	result := gateway(target, objects, network)
	if network.ranges.invalid != "" && result.State.Current() {
		result = Result{State: xccv1.GatewayInvalidOverride, Message: network.ranges.invalid}
	}
	return result.fitting()
}

// fitting makes the Result fit the schema of status.gateways.
func (r Result) fitting() Result {
	entry := fit.Gateway(xccv1.GatewayStatus{
		State: r.State, Message: r.Message, Addresses: r.Addresses, Ports: r.Ports, Source: r.Source,
	})
	return Result{State: entry.State, Message: entry.Message, Addresses: entry.Addresses, Ports: entry.Ports, Source: entry.Source}
}

func gateway(target Target, objects Objects, network Network) Result {
	found := newAddresses(target, objects, network)
	switch {
	case target.Gateway:
		return gatewayAPI(target, objects, found)
	case objects.Service == nil:
		return Result{
			State:   xccv1.GatewayServiceNotFound,
			Message: fmt.Sprintf("Cluster has no %s: create it or correct spec.service", target),
		}
	case objects.Service.DeletionTimestamp != nil:
		return Result{State: xccv1.GatewayServiceNotFound, Message: beingDeleted(target)}
	}
	switch target.Type {
	case xccv1.ResolutionTypeLoadBalancer:
		return loadBalancer(target, objects.Service, found)
	case xccv1.ResolutionTypeNodePort:
		return nodePort(target, objects, found)
	case xccv1.ResolutionTypeHostPort:
		return hostPort(target, objects, found)
	case xccv1.ResolutionTypeExternalIPs:
		return externalIPs(target, objects, found)
	}
	return Result{
		State:   xccv1.GatewayUnknown,
		Message: fmt.Sprintf("This version of the manager does not know resolutionType %s: upgrade it or correct spec.resolutionType", target.Type),
	}
}

// beingDeleted is the message about an object with a deletion timestamp. Its addresses stop working
// while a finalizer keeps the object until its load balancer is removed.
func beingDeleted(target Target) string {
	return fmt.Sprintf("%s is being deleted, so nothing is published for it: see its finalizers if this lasts", target)
}

// wrongType is the Result for a Service whose type does not support the target's resolutionType.
func wrongType(target Target, found, needed string) Result {
	return Result{State: xccv1.GatewayWrongServiceType, Message: fmt.Sprintf("%s is of type %s: resolutionType %s needs %s",
		target, found, target.Type, needed)}
}

// publish returns the Result for the collected addresses, or none if there are none.
func (f *addresses) publish(target Target, source string, ports []xccv1.GatewayPort, none Result) Result {
	source = target.String() + ": " + source
	slices.Sort(f.usable)
	all := slices.Compact(f.usable)
	slices.Sort(f.refused)
	refused := slices.Compact(f.refused)
	switch {
	case len(all) == 0 && f.isInternal:
		return Result{State: xccv1.GatewayNoAddress, Message: fmt.Sprintf("%s has no address that other clusters can reach. Expose it with "+
			"a Service of type LoadBalancer and name that Service in spec.service, or set the annotation %s of the Cluster: %s",
			target, xccv1.GatewayAddressesAnnotation, strings.Join(refused, "; "))}
	case len(all) == 0 && len(refused) > 0:
		return Result{State: xccv1.GatewayNoAddress, Message: fmt.Sprintf("%s has no address that can be published: %s",
			target, fit.Message(strings.Join(refused, "; ")))}
	case len(all) == 0:
		return none
	}
	var messages []string
	if len(refused) > 0 {
		messages = append(messages, "Left out: "+strings.Join(refused, "; "))
	}
	if unserved := notServed(all[:min(len(all), fit.MaxAddresses)]); unserved != "" {
		messages = append(messages, unserved)
	}
	if remark := f.rangesRemark(); remark != "" {
		messages = append(messages, remark)
	}
	messages = append(messages, f.remarks...)
	return Result{
		State: xccv1.GatewayResolved, Message: strings.Join(messages, "; "), Addresses: all, Ports: ports, Source: source,
	}
}

// notServed returns a remark about addresses that no DNS answer contains, or "". A name with
// addresses cannot have a CNAME record, and a name has at most one CNAME record (RFC 1034, section
// 3.6.2). The addresses must be sorted.
func notServed(all []string) string {
	var names []string
	for _, address := range all {
		if _, err := netip.ParseAddr(address); err != nil {
			names = append(names, address)
		}
	}
	switch {
	case len(names) == 0:
		return ""
	case len(names) < len(all):
		return "Left out of answers: " + text.List(names, ", ") + ", because a name with addresses cannot also be an alias for a host name"
	case len(names) > 1:
		return "Left out of answers: " + text.List(names[1:], ", ") + ", because a name can be an alias for one host name only, which is " + names[0]
	}
	return ""
}

// noAddress is the Result of a gateway without an address.
func noAddress(format string, args ...any) Result {
	return Result{State: xccv1.GatewayNoAddress, Message: fmt.Sprintf(format, args...)}
}

// noEndpoint is the Result of a gateway without an endpoint that accepts traffic.
func noEndpoint(format string, args ...any) Result {
	return Result{State: xccv1.GatewayNoReadyEndpoint, Message: fmt.Sprintf(format, args...)}
}

// notCached is the Result of a gateway with a ready endpoint whose Pod or Node is not cached yet.
func notCached(target Target, kind, name string) Result {
	return Result{State: xccv1.GatewayUnknown, Message: fmt.Sprintf(
		"%s has a ready endpoint with the %s %s, which has not been seen yet: see its EndpointSlices if this lasts", target, kind, name)}
}
