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

package gatewaydns

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

// maxAddresses is how many addresses of one gateway are published; a DNS answer with more serves nobody.
const maxAddresses = 100

// gateways returns the status of the gateway of each selected Cluster, sorted by name. It is computed from what was
// observed; what cannot be observed keeps the addresses of the previous status.
func gateways(
	gatewayDNS *xccv1.GatewayDNS, zone string, selected []clusterv1.Cluster,
	observed func(client.ObjectKey) (Observation, bool), now metav1.Time,
) []xccv1.GatewayStatus {
	previous := map[string]xccv1.GatewayStatus{}
	for _, gateway := range gatewayDNS.Status.Gateways {
		previous[gateway.Cluster] = gateway
	}
	result := make([]xccv1.GatewayStatus, 0, len(selected))
	for i := range selected {
		cluster := &selected[i]
		last, known := previous[cluster.Name]
		gateway := gatewayOf(gatewayDNS, zone, cluster, last, observed)
		gateway.LastTransitionTime = now
		if known && last.State == gateway.State && slices.Equal(last.Addresses, gateway.Addresses) {
			gateway.LastTransitionTime = last.LastTransitionTime
		}
		result = append(result, gateway)
	}
	slices.SortFunc(result, func(a, b xccv1.GatewayStatus) int { return strings.Compare(a.Cluster, b.Cluster) })
	return result
}

func gatewayOf(
	gatewayDNS *xccv1.GatewayDNS, zone string, cluster *clusterv1.Cluster, last xccv1.GatewayStatus,
	observed func(client.ObjectKey) (Observation, bool),
) xccv1.GatewayStatus {
	hostname, err := dnsname.Gateway{Cluster: cluster.Name, Namespace: cluster.Namespace}.Hostname(zone)
	if err != nil {
		return xccv1.GatewayStatus{
			Cluster: cluster.Name, State: xccv1.GatewayInvalidName,
			Message: fmt.Sprintf("No DNS name can be made of the Cluster's name: %v", err),
		}
	}
	gateway := xccv1.GatewayStatus{Cluster: cluster.Name, Hostname: hostname}
	unknown := func(message string) xccv1.GatewayStatus {
		gateway.State, gateway.Message, gateway.Addresses = xccv1.GatewayUnknown, message, last.Addresses
		return gateway
	}
	if annotations.IsPaused(cluster, cluster) {
		return unknown("Cluster is paused: its gateway is not looked at until it is unpaused")
	}
	observation, ok := observed(client.ObjectKeyFromObject(cluster))
	switch {
	case !ok && last.State != "":
		return last
	case !ok:
		return unknown("Cluster has not been asked yet")
	case observation.Unknown != "":
		return unknown(observation.Unknown)
	}
	service, ok := observation.Services[serviceKey(gatewayDNS)]
	if !ok {
		return unknown("Cluster has not been asked for this Service yet")
	}
	gateway.State, gateway.Message, gateway.Addresses = resolve(gatewayDNS.Spec.Service, service)
	return gateway
}

// resolve returns what a Service of type LoadBalancer says of its addresses.
func resolve(name string, service *corev1.Service) (xccv1.GatewayState, string, []string) {
	switch {
	case service == nil:
		return xccv1.GatewayServiceNotFound, fmt.Sprintf("Cluster has no Service %s: create it or correct spec.service", name), nil
	case service.Spec.Type != corev1.ServiceTypeLoadBalancer:
		return xccv1.GatewayWrongServiceType, fmt.Sprintf("Service %s is of type %s: resolutionType %s needs type %s",
			name, service.Spec.Type, xccv1.ResolutionTypeLoadBalancer, corev1.ServiceTypeLoadBalancer), nil
	}
	addresses, refused := ingressAddresses(service.Status.LoadBalancer.Ingress)
	switch {
	case len(addresses) == 0 && len(refused) > 0:
		return xccv1.GatewayNoAddress, fmt.Sprintf("Service %s has no address that can be published: %s",
			name, shorten(strings.Join(refused, "; "))), nil
	case len(addresses) == 0:
		return xccv1.GatewayNoAddress, fmt.Sprintf("Service %s has no load balancer address yet: "+
			"check that the cluster has a load balancer provider and see the Service's events", name), nil
	case len(addresses) > maxAddresses:
		return xccv1.GatewayResolved, fmt.Sprintf("Only the first %d of %d addresses are published", maxAddresses, len(addresses)),
			addresses[:maxAddresses]
	case len(refused) > 0:
		return xccv1.GatewayResolved, "Left out: " + shorten(strings.Join(refused, "; ")), addresses
	}
	return xccv1.GatewayResolved, "", addresses
}

// ingressAddresses returns the usable IP addresses and host names of a load balancer, sorted and without duplicates, and
// for each that is not usable why.
func ingressAddresses(ingress []corev1.LoadBalancerIngress) (addresses, refused []string) {
	for _, point := range ingress {
		var address, reason string
		switch {
		case point.IP != "":
			address, reason = usableIP(point.IP)
		case point.Hostname != "":
			address, reason = usableHostname(point.Hostname)
		default:
			continue
		}
		if reason != "" {
			refused = append(refused, fmt.Sprintf("%s is %s", cmp.Or(point.IP, point.Hostname), reason))
			continue
		}
		addresses = append(addresses, address)
	}
	slices.Sort(addresses)
	return slices.Compact(addresses), refused
}

// usableHostname returns the name in lower case without a final dot, or why an EndpointSlice must not hold it.
func usableHostname(name string) (usable, reason string) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if problems := validation.IsFullyQualifiedDomainName(field.NewPath("hostname"), name); len(problems) > 0 {
		return "", "not a fully qualified host name"
	}
	return name, ""
}

// usableIP returns the address in its canonical form, or why an EndpointSlice must not hold it.
func usableIP(address string) (usable, reason string) {
	ip, err := netip.ParseAddr(address)
	ip = ip.Unmap()
	switch {
	case err != nil:
		return "", "not an IP address"
	case ip.Zone() != "":
		return "", "an address with a zone"
	case ip.IsUnspecified():
		return "", "the unspecified address"
	case ip.IsLoopback():
		return "", "a loopback address"
	case ip.IsLinkLocalUnicast(), ip.IsLinkLocalMulticast():
		return "", "a link-local address"
	case ip.IsMulticast():
		return "", "a multicast address"
	}
	return ip.String(), ""
}

// shorten keeps a message well below the schema's limit.
func shorten(message string) string {
	const most = 512
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most], "") + " …"
}
