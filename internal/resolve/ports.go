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

	corev1 "k8s.io/api/core/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// servicePorts returns the ports of a Service with the numbers that the function returns. It leaves
// out those with 0.
func servicePorts(service *corev1.Service, number func(corev1.ServicePort) int32) []xccv1.GatewayPort {
	var ports []xccv1.GatewayPort
	for _, port := range service.Spec.Ports {
		if n := number(port); n != 0 {
			ports = append(ports, xccv1.GatewayPort{Name: port.Name, Protocol: string(cmp.Or(port.Protocol, corev1.ProtocolTCP)), Port: n})
		}
	}
	return ports
}

func portOf(port corev1.ServicePort) int32 { return port.Port }

func nodePortOf(port corev1.ServicePort) int32 { return port.NodePort }

// hasNodePorts returns whether a Service has at least one node port.
func hasNodePorts(service *corev1.Service) bool {
	return len(servicePorts(service, nodePortOf)) > 0
}
