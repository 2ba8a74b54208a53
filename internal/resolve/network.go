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
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// defaultDomain is the default domain of cluster DNS (kubeadm's networking.dnsDomain). Names below
// it are useless outside of a cluster: resolvers do not send queries for .local to DNS servers (RFC
// 6762, section 3).
const defaultDomain = "cluster.local"

// Network describes the addresses and names that are valid only inside of a cluster. Clusters
// usually have the same ranges and the same domain, so in another cluster they refer to another
// application.
type Network struct {
	// zone is the zone of the dns-servers, without a final dot. A host name in it could refer to
	// itself.
	zone string
	// services and pods deny the ranges in spec.clusterNetwork of the Cluster. These are often
	// wrong, because nothing else uses them once the cluster is running.
	services, pods netaddr.Judge
	// domains are the domains of cluster DNS.
	domains []string
	// ranges are the preferred and excluded ranges in the Cluster's annotation.
	ranges ranges
}

// NetworkOf returns the Network of a Cluster's spec.clusterNetwork. It skips invalid ranges. zone
// is the zone of the dns-servers.
func NetworkOf(zone string, declared clusterv1.ClusterNetwork) Network {
	network := Network{
		zone:     zone,
		services: judgeOf(declared.Services.CIDRBlocks),
		pods:     judgeOf(declared.Pods.CIDRBlocks),
		domains:  []string{defaultDomain},
	}
	if domain := strings.ToLower(strings.TrimSuffix(declared.ServiceDomain, ".")); domain != "" && domain != defaultDomain {
		network.domains = append(network.domains, domain)
	}
	return network
}

func judgeOf(ranges []string) netaddr.Judge {
	var denied []netip.Prefix
	for _, text := range ranges {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			denied = append(denied, prefix.Masked())
		}
	}
	return netaddr.NewJudge(denied)
}

// isClusterName returns whether only cluster DNS resolves a name. The name must be in lower case
// without a final dot. Istio reports such names as the addresses of Gateways that only their own
// cluster can reach.
func (n Network) isClusterName(name string) bool {
	if strings.HasSuffix(name, ".svc") {
		return true
	}
	for _, domain := range n.domains {
		if dnsname.InZone(name, domain) {
			return true
		}
	}
	return false
}

// clusterIPs returns the ClusterIPs of Services. Any of them may be nil.
func clusterIPs(services ...*corev1.Service) map[netip.Addr]bool {
	found := map[netip.Addr]bool{}
	for _, service := range services {
		if service == nil {
			continue
		}
		for _, text := range append([]string{service.Spec.ClusterIP}, service.Spec.ClusterIPs...) {
			if address, err := netip.ParseAddr(text); err == nil {
				found[address.Unmap()] = true
			}
		}
	}
	return found
}
