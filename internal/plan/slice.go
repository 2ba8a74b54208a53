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

package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

// addressTypes are the types of slices a gateway can have, one slice each.
var addressTypes = []discoveryv1.AddressType{
	discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6, discoveryv1.AddressTypeFQDN,
}

// slicesFor returns the slices that publish a gateway's addresses: one for each address type that it has, and its host names as the
// form says. There are none if sourceOf finds the name of the status to be wrong.
func slicesFor(zone string, ref types.NamespacedName, gateway xccv1.GatewayStatus, form form) []*discoveryv1.EndpointSlice {
	source, ok := sourceOf(zone, ref, gateway)
	if !ok {
		return nil
	}
	byType := map[discoveryv1.AddressType][]discoveryv1.Endpoint{}
	var targets []string
	for _, address := range gateway.Addresses {
		addressType := addressTypeOf(address)
		if addressType == discoveryv1.AddressTypeFQDN {
			targets = append(targets, address)
			if !form.fqdn {
				continue
			}
		}
		byType[addressType] = append(byType[addressType], endpointOf(address))
	}
	var slices []*discoveryv1.EndpointSlice
	for _, addressType := range addressTypes {
		annotated := addressType == discoveryv1.AddressTypeIPv4 && form.annotated && len(targets) > 0
		endpoints := byType[addressType]
		if len(endpoints) == 0 && !annotated {
			continue
		}
		slice := newSlice(source, gateway.Hostname, addressType, endpoints)
		slice.Ports = portsOf(gateway.Ports)
		if annotated {
			slice.Annotations[xccv1.TargetsAnnotation] = dnsname.JoinList(targets)
		}
		slices = append(slices, slice)
	}
	return slices
}

// endpointOf returns an endpoint that has one address and is ready.
func endpointOf(address string) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}}
}

// sourceOf returns what the entry of a status is to be published for. It returns false when the entry's name is not one of
// its own GatewayDNS and Cluster in this zone, so that nothing in a status can name another tenant's.
func sourceOf(zone string, ref types.NamespacedName, gateway xccv1.GatewayStatus) (Source, bool) {
	name, ok := dnsname.ParseGateway(gateway.Hostname, zone)
	if !ok || name.Cluster != gateway.Cluster || name.Namespace != ref.Namespace {
		return Source{}, false
	}
	return Source{GatewayDNS: ref, Cluster: name.Cluster, Subdomain: name.Subdomain}, true
}

// portsOf returns the ports of a slice. What an API server would refuse the whole slice for is left out: ports that do not exist, names that come
// twice or, as those of a Gateway's listeners may, are not one DNS label.
func portsOf(ports []xccv1.GatewayPort) []discoveryv1.EndpointPort {
	var result []discoveryv1.EndpointPort
	seen := map[string]bool{}
	for _, port := range ports {
		if !fit.Port(port) || seen[port.Name] || port.Name != "" && len(validation.IsDNS1123Label(port.Name)) > 0 {
			continue
		}
		seen[port.Name] = true
		result = append(result, discoveryv1.EndpointPort{Name: &port.Name, Protocol: new(corev1.Protocol(port.Protocol)), Port: &port.Port})
	}
	return result
}

func newSlice(
	source Source, hostname string, addressType discoveryv1.AddressType, endpoints []discoveryv1.Endpoint,
) *discoveryv1.EndpointSlice {
	name := sliceName(source, addressType)
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: xccv1.WorkloadNamespace,
			Name:      name,
			Labels: map[string]string{
				// Kubernetes' own controllers leave the slices of other managers alone, and kube-proxy of every version
				// leaves headless slices out of its watch.
				discoveryv1.LabelManagedBy:   xccv1.ManagedBy,
				corev1.IsHeadlessService:     "",
				discoveryv1.LabelServiceName: "xcc-" + name[len(name)-hashLength:],
			},
			Annotations: map[string]string{
				xccv1.DNSHostnameAnnotation:         hostname,
				xccv1.AdditionalHostnamesAnnotation: dnsname.Bare(hostname),
				xccv1.GatewayDNSRefAnnotation:       source.GatewayDNS.String(),
			},
		},
		AddressType: addressType,
		Endpoints:   endpoints,
	}
}

const (
	hashLength = 12
	// readable is how much of each name a slice's name repeats, for the eye only.
	readable = 63
)

// sliceName is unique for a GatewayDNS, a Cluster, a subdomain and an address type. Names joined by a hyphen alone would
// collide: a-b/c and a/b-c. The default subdomain is left out, as it was when there was no other, so that what was written
// then keeps its name.
func sliceName(source Source, addressType discoveryv1.AddressType) string {
	unique := []string{source.GatewayDNS.Namespace, source.GatewayDNS.Name, source.Cluster, string(addressType)}
	if source.Subdomain != xccv1.DefaultSubdomain {
		unique = append(unique, source.Subdomain)
	}
	sum := sha256.Sum256([]byte(strings.Join(unique, "/")))
	return strings.Join([]string{
		truncate(source.GatewayDNS.Name), truncate(source.Cluster), strings.ToLower(string(addressType)),
		hex.EncodeToString(sum[:])[:hashLength],
	}, "-")
}

func truncate(name string) string {
	if len(name) > readable {
		name = name[:readable]
	}
	return strings.TrimRight(name, ".-")
}

func addressTypeOf(address string) discoveryv1.AddressType {
	ip, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return discoveryv1.AddressTypeFQDN
	case ip.Is4():
		return discoveryv1.AddressTypeIPv4
	default:
		return discoveryv1.AddressTypeIPv6
	}
}
