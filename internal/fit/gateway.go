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

package fit

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

const (
	// MaxAddresses and MaxPorts are the numbers of addresses and ports of one gateway that are
	// published. They are the limits of the schema. Larger DNS answers help no client.
	MaxAddresses = 100
	MaxPorts     = 100
	// maxName is the schema's limit for host names and the names of ports. It is also the limit of
	// DNS (RFC 1035, section 2.3.4).
	maxName = 253
	// maxSource and maxState are limits of the schema.
	maxSource = 512
	maxState  = 63
)

// Gateway returns the entry with changes that make it valid in status.gateways:
//   - An address that is neither an IP address nor a host name is left out, and so is a port that
//     the schema refuses. The message names them.
//   - Addresses and ports are sorted, without duplicates, and limited to MaxAddresses and MaxPorts.
//   - Texts are shortened.
//   - The state of a published gateway without any remaining address becomes NoAddress.
//
// A valid entry is returned unchanged. The Cluster's name and the part in the shared name come from
// the management cluster and are not checked.
func Gateway(gateway xccv1.GatewayStatus) xccv1.GatewayStatus {
	if len(gateway.Hostname) > maxName {
		gateway.Hostname = ""
	}
	if gateway.State == "" || len(gateway.State) > maxState {
		gateway.State = xccv1.GatewayUnknown
	}
	given := len(gateway.Addresses)
	var ofAddresses, ofPorts string
	gateway.Addresses, ofAddresses = addresses(gateway.Addresses)
	gateway.Ports, ofPorts = ports(gateway.Ports)
	if gateway.State.Current() && given > 0 && len(gateway.Addresses) == 0 {
		gateway.State, gateway.Ports = xccv1.GatewayNoAddress, nil
	}
	gateway.Source = text.Line(gateway.Source, maxSource)
	gateway.Message = withRemarks(gateway.Message, ofAddresses, ofPorts)
	return gateway
}

// withRemarks appends remarks to a message, each limited to a third of MaxMessage. The message is
// shortened to make room.
func withRemarks(message string, remarks ...string) string {
	remarks = slices.DeleteFunc(remarks, func(remark string) bool { return remark == "" })
	if len(remarks) == 0 {
		return Message(message)
	}
	const longest = MaxMessage / 3
	for i, remark := range remarks {
		remarks[i] = text.Line(remark, longest)
	}
	all := strings.Join(remarks, "; ")
	if message == "" {
		return all
	}
	const separator = "; "
	return text.Line(message, MaxMessage-len(separator)-len(all)) + separator + all
}

// addresses returns the valid addresses, and a remark about the others.
func addresses(all []string) (fitting []string, remark string) {
	var refused []string
	for _, address := range all {
		if isAddress(address) {
			fitting = append(fitting, address)
		} else {
			refused = append(refused, Quoted(address)+" is not an IP address or a host name")
		}
	}
	slices.Sort(fitting)
	fitting = slices.Compact(fitting)
	return limited(fitting, MaxAddresses, "addresses", refused)
}

// isAddress returns whether a text is an IP address or a host name.
func isAddress(address string) bool {
	if ip, err := netip.ParseAddr(address); err == nil {
		return ip.Zone() == ""
	}
	return len(address) <= maxName && len(validation.IsFullyQualifiedDomainName(field.NewPath("address"), address)) == 0
}

// ports returns the valid ports, and a remark about the others.
func ports(all []xccv1.GatewayPort) (fitting []xccv1.GatewayPort, remark string) {
	var refused []string
	for _, port := range all {
		if reason := unfit(port); reason == "" {
			fitting = append(fitting, port)
		} else {
			refused = append(refused, reason)
		}
	}
	slices.SortFunc(fitting, func(a, b xccv1.GatewayPort) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
	})
	fitting = slices.Compact(fitting)
	return limited(fitting, MaxPorts, "ports", refused)
}

// limited returns at most limit values, and a remark about the others and the refused ones. kind is their name in the
// remark.
func limited[T any](values []T, limit int, kind string, refused []string) (published []T, remark string) {
	var remarks []string
	if count := len(values); count > limit {
		values = values[:limit:limit]
		remarks = append(remarks, fmt.Sprintf("Only the first %d of %d %s are published", limit, count, kind))
	}
	if len(refused) > 0 {
		remarks = append(remarks, "Left out: "+text.List(refused, "; "))
	}
	return values, strings.Join(remarks, "; ")
}

// Port returns whether the schema allows a port.
func Port(port xccv1.GatewayPort) bool { return unfit(port) == "" }

// unfit returns why the schema refuses a port, or "".
func unfit(port xccv1.GatewayPort) string {
	switch {
	case port.Port < 1 || port.Port > 65535:
		return fmt.Sprintf("port %d is not within 1 to 65535", port.Port)
	case !slices.Contains([]corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}, corev1.Protocol(port.Protocol)):
		return fmt.Sprintf("protocol %s of port %d is not TCP, UDP or SCTP", Quoted(port.Protocol), port.Port)
	case port.Name != text.Line(port.Name, maxName):
		return fmt.Sprintf("name %s of port %d is too long or has control characters", Quoted(port.Name), port.Port)
	}
	return ""
}
