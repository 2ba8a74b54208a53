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
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// loadBalancer returns the addresses in the status of a Service's load balancer. It skips ingress
// points without an address or a host name, which the load balancer's controller has not completed
// yet.
func loadBalancer(target Target, service *corev1.Service, found *addresses) Result {
	if service.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return wrongType(target, string(service.Spec.Type), "type LoadBalancer")
	}
	for _, point := range service.Status.LoadBalancer.Ingress {
		switch {
		case point.IP != "":
			found.addIP(point.IP)
		case point.Hostname != "":
			found.addAny(point.Hostname)
		}
	}
	found.prefer()
	ports, refused := acceptedPorts(service)
	if refused != "" {
		found.remarks = append(found.remarks, refused)
	}
	return found.publish(target, "status.loadBalancer", ports, noAddress(
		"%s has no load balancer address yet: check that the cluster has a load balancer provider and see the Service's events", target))
}

// servicePort is a port of a Service as a load balancer refers to it.
type servicePort struct {
	number   int32
	protocol corev1.Protocol
}

// portRefusal counts the ingress points that report an error for a port.
type portRefusal struct {
	points int
	// last is the last counted ingress point, from 1. It prevents counting one point twice.
	last   int
	reason string
}

// acceptedPorts returns the ports of a Service without those that every ingress point refuses, and
// a remark about refused ports. Load balancers without support for mixed protocols refuse ports
// (KEP-1435). A port that only some points refuse is kept, because all addresses of a name share
// its ports.
func acceptedPorts(service *corev1.Service) (taken []xccv1.GatewayPort, refused string) {
	refusals := map[servicePort]portRefusal{}
	points := 0
	for _, point := range service.Status.LoadBalancer.Ingress {
		if point.IP == "" && point.Hostname == "" {
			continue
		}
		points++
		for _, port := range point.Ports {
			key := servicePort{port.Port, cmp.Or(port.Protocol, corev1.ProtocolTCP)}
			known := refusals[key]
			if port.Error != nil && known.last != points {
				refusals[key] = portRefusal{points: known.points + 1, last: points, reason: cmp.Or(*port.Error, "no reason")}
			}
		}
	}
	var everywhere, somewhere []string
	taken = servicePorts(service, func(port corev1.ServicePort) int32 {
		protocol := cmp.Or(port.Protocol, corev1.ProtocolTCP)
		refusal := refusals[servicePort{port.Port, protocol}]
		name := fmt.Sprintf("%d/%s (%s)", port.Port, fit.Quoted(string(protocol)), fit.Quoted(refusal.reason))
		switch refusal.points {
		case 0:
		case points:
			everywhere = append(everywhere, name)
			return 0
		default:
			somewhere = append(somewhere, name)
		}
		return port.Port
	})
	var remarks []string
	if len(everywhere) > 0 {
		remarks = append(remarks, "Left out: ports that the load balancer refuses: "+text.List(everywhere, ", "))
	}
	if len(somewhere) > 0 {
		remarks = append(remarks, "Some addresses of the load balancer refuse ports: "+text.List(somewhere, ", "))
	}
	return taken, strings.Join(remarks, "; ")
}

// externalIPsDeprecated is the version of Kubernetes that deprecates external IPs (KEP-5707). They
// let the author of a Service take over any address (CVE-2020-8554).
var externalIPsDeprecated = version.MajorMinor(1, 36)

// externalIPs returns the external IP addresses of a Service. An address in a family that
// kube-proxy does not serve is published with a remark, because it may be routed by other means.
func externalIPs(target Target, objects Objects, found *addresses) Result {
	service := objects.Service
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return wrongType(target, string(service.Spec.Type), "a Service that selects Pods")
	}
	served := servedFamilies(service)
	var unserved []string
	for _, address := range service.Spec.ExternalIPs {
		if ip, err := netip.ParseAddr(address); found.addIP(address) && err == nil && familyOf(ip)&served == 0 {
			unserved = append(unserved, ip.Unmap().String())
		}
	}
	if len(unserved) > 0 {
		slices.Sort(unserved)
		found.remarks = append(found.remarks, fmt.Sprintf("Nodes do not forward traffic to %s, because the Service's only IP family "+
			"is %s: change its spec.ipFamilyPolicy", text.List(slices.Compact(unserved), ", "), served))
	}
	found.prefer()
	if known, err := version.ParseGeneric(objects.Version); err == nil && known.AtLeast(externalIPsDeprecated) {
		found.remarks = append(found.remarks, "Kubernetes deprecated spec.externalIPs in v1.36 and will ignore it in a later version: "+
			"change the Service to type LoadBalancer or NodePort, and spec.resolutionType accordingly")
	}
	return found.publish(target, "spec.externalIPs", servicePorts(service, portOf),
		noAddress("%s has no spec.externalIPs: set them, or choose another spec.resolutionType", target))
}
