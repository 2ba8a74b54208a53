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
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// nodePort returns the addresses of the ready and schedulable nodes, in the families of the
// Service. Unschedulable nodes serve node ports, too, but most of them will soon be deleted. They
// count only if no other node is left, for example while a node pool is replaced.
//
// If externalTrafficPolicy is Local, only nodes with an endpoint count, because the others drop the
// traffic. If no such node is left and a node with an endpoint is not cached yet, the result is
// Unknown.
func nodePort(target Target, objects Objects, found *addresses) Result {
	service := objects.Service
	switch {
	case service.Spec.Type != corev1.ServiceTypeNodePort && service.Spec.Type != corev1.ServiceTypeLoadBalancer:
		return wrongType(target, string(service.Spec.Type), "type NodePort or LoadBalancer")
	case !hasNodePorts(service):
		return noAddress("%s has no node ports: set its spec.allocateLoadBalancerNodePorts, or choose another spec.resolutionType", target)
	}
	var leftOut tally
	var nodes, cordoned []*corev1.Node
	for _, node := range objects.Nodes {
		if reason := excluded(node); reason != "" {
			leftOut.add(reason)
		} else {
			nodes = append(nodes, node)
		}
	}
	local := service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
	served := servedFamilies(service)
	endpoints := endpointsByNode(objects.Slices, served)
	wanted := func(*corev1.Node) families { return served }
	if local {
		wanted = endpoints.serving(nodes)
	}
	for _, node := range nodes {
		switch {
		case wanted(node) == 0:
			leftOut.add("without a ready endpoint, which externalTrafficPolicy Local needs")
		case node.Spec.Unschedulable:
			cordoned = append(cordoned, node)
		default:
			found.addNode(node, wanted(node))
		}
	}
	source := "node ports of the ready, schedulable nodes"
	if len(found.usable) == 0 && len(cordoned) > 0 {
		source = "node ports of the ready, unschedulable nodes"
		found.remarks = append(found.remarks, "Only unschedulable nodes are left, which serve node ports while they are ready")
		for _, node := range cordoned {
			found.addNode(node, wanted(node))
		}
	}
	if local {
		if missing := endpoints.missing(objects.Nodes); len(missing) > 0 && len(found.usable)+len(found.refused) == 0 {
			return notCached(target, "Node", slices.Min(missing))
		}
		source += " that have a ready endpoint"
		if endpoints.onlyTerminating(nodes) {
			found.remarks = append(found.remarks, terminatingRemark)
		}
	}
	return found.publish(target, source, servicePorts(service, nodePortOf), noEndpoint("No node serves %s: %s", target, &leftOut))
}
