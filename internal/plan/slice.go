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

// addressTypes are the address types of a gateway's slices. It has at most one slice of each.
var addressTypes = []discoveryv1.AddressType{
	discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6, discoveryv1.AddressTypeFQDN,
}

// slicesFor returns the slices that publish a gateway: one for each type of its addresses, with the
// host names at the given placement.
func slicesFor(source Source, gateway *xccv1.GatewayStatus, hostNames placement) []*discoveryv1.EndpointSlice {
	byType := map[discoveryv1.AddressType][]discoveryv1.Endpoint{}
	var targets []string
	for _, address := range gateway.Addresses {
		addressType := addressTypeOf(address)
		if addressType == discoveryv1.AddressTypeFQDN {
			targets = append(targets, address)
			if !hostNames.fqdn {
				continue
			}
		}
		byType[addressType] = append(byType[addressType], endpointOf(address))
	}
	var slices []*discoveryv1.EndpointSlice
	for _, addressType := range addressTypes {
		annotated := addressType == discoveryv1.AddressTypeIPv4 && hostNames.annotated && len(targets) > 0
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

// endpointOf returns a ready endpoint with one address.
func endpointOf(address string) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}}
}

// sourceOf returns the gateway of a status entry. It returns false if the DNS name of the entry is
// not below its own Cluster and namespace in this zone. So a forged status cannot publish another
// tenant's name.
func sourceOf(zone string, ref types.NamespacedName, gateway xccv1.GatewayStatus) (Source, bool) {
	name, ok := dnsname.ParseGateway(gateway.Hostname, zone)
	if !ok || name.Cluster != gateway.Cluster || name.Namespace != ref.Namespace {
		return Source{}, false
	}
	return Source{GatewayDNS: ref, Cluster: name.Cluster, Subdomain: name.Subdomain}, true
}

// portsOf returns the ports of a slice. It leaves out ports for which the API server would refuse
// the whole slice: invalid numbers, duplicate names, and names that are not one DNS label. A
// Gateway's listener may have such a name.
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
				// Kubernetes' own controllers ignore slices that another controller manages.
				// kube-proxy of every version excludes slices of headless Services from its watch.
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
	// hashLength is the number of hex digits of the hash in a slice's name.
	hashLength = 12
	// maxReadable is the length of the readable prefixes in a slice's name. The hash alone makes
	// the name unique.
	maxReadable = 63
)

// sliceName returns a name that is unique for a GatewayDNS, a Cluster, a subdomain and an address
// type. The hash keeps a-b/c and a/b-c apart. The default subdomain is not hashed, so slices that
// an older release wrote without a subdomain keep their names.
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

// SliceNames returns the names of the slices that may publish a gateway.
func SliceNames(source Source) []string {
	names := make([]string, 0, len(addressTypes))
	for _, addressType := range addressTypes {
		names = append(names, sliceName(source, addressType))
	}
	return names
}

func truncate(name string) string {
	if len(name) > maxReadable {
		name = name[:maxReadable]
	}
	return strings.TrimRight(name, ".-")
}

func isHostName(address string) bool {
	return addressTypeOf(address) == discoveryv1.AddressTypeFQDN
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
