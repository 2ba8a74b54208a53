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

	corev1 "k8s.io/api/core/v1"
)

// loadBalancer takes the addresses of a Service's load balancer. An ingress point that has neither address nor name is one
// that the load balancer's provider has not finished yet.
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
	return found.publish(target, "status.loadBalancer", servicePorts(service, portOf), noAddress(
		"%s has no load balancer address yet: check that the cluster has a load balancer provider and see the Service's events", target))
}

// externalIPs takes the external IP addresses that a Service's author gave it. Those of a family that the Service is not served
// in are published all the same, because the author may lead them there by other means than kube-proxy.
func externalIPs(target Target, service *corev1.Service, found *addresses) Result {
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
		found.remarks = append(found.remarks, fmt.Sprintf("Nodes forward nothing that is sent to %s, because the Service has no other "+
			"family than %s: change its spec.ipFamilyPolicy", firstOf(slices.Compact(unserved)), served))
	}
	return found.publish(target, "spec.externalIPs", servicePorts(service, portOf),
		noAddress("%s has no spec.externalIPs: set them, or choose another spec.resolutionType", target))
}
