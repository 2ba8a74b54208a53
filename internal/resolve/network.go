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

// defaultDomain is that of cluster DNS if the Cluster declares none (kubeadm's networking.dnsDomain). Names below it lead
// nowhere outside of clusters in any case: .local is not looked up in DNS (RFC 6762, section 3).
const defaultDomain = "cluster.local"

// Network tells which addresses and names mean something only inside of a cluster. With the same ranges and the same
// domain, as clusters usually have, they are those of another application in every other cluster.
type Network struct {
	// zone is the zone that we serve, without a final dot: a host name in it would lead back to us.
	zone string
	// services and pods deny the ranges that the Cluster declares. Declarations are often wrong, because nothing depends on
	// them once a cluster runs.
	services, pods netaddr.Judge
	// domains are those of cluster DNS.
	domains []string
	// ranges are those that an annotation of the Cluster prefers and excludes.
	ranges ranges
}

// NetworkOf returns what a Cluster declares. The zone is the one that we serve. Ranges that are none are left out.
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

// isClusterName returns whether a name, in lower case without a final dot, is looked up by cluster DNS alone. Istio calls a
// Gateway that only its own cluster reaches <service>.<namespace>.svc.cluster.local.
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

// clusterIPs returns the ClusterIPs of Services, of which any may be nil.
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
