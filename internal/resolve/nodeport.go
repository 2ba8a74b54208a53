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

// nodePort takes the addresses of the nodes that are ready and schedulable, in the families of the Service. All of them lead to
// the Service through its node ports. So do unschedulable nodes: they are left out because most are about to go, and count if
// no other node is left, as when a pool of nodes is cordoned before the next one takes over. With externalTrafficPolicy Local
// only nodes with an endpoint count, because the others drop what they get. If none of these nodes is left and one has not been
// seen yet, it is not known whether there is any.
func nodePort(target Target, objects Objects, found *addresses) Result {
	service := objects.Service
	switch {
	case service.Spec.Type != corev1.ServiceTypeNodePort && service.Spec.Type != corev1.ServiceTypeLoadBalancer:
		return wrongType(target, string(service.Spec.Type), "type NodePort or LoadBalancer")
	case !hasNodePorts(service):
		return noAddress("%s has no node ports: set its spec.allocateLoadBalancerNodePorts, or choose another spec.resolutionType", target)
	}
	var left tally
	var nodes, cordoned []*corev1.Node
	for _, node := range objects.Nodes {
		if reason := excluded(node); reason != "" {
			left.add(reason)
		} else {
			nodes = append(nodes, node)
		}
	}
	local := service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
	served := servedFamilies(service)
	endpoints := endpointsByNode(objects.Slices, served)
	wanted := func(*corev1.Node) families { return served }
	if local {
		wanted = endpoints.takingTraffic(nodes)
	}
	for _, node := range nodes {
		switch {
		case wanted(node) == 0:
			left.add("without a ready endpoint, which externalTrafficPolicy Local needs")
		case node.Spec.Unschedulable:
			cordoned = append(cordoned, node)
		default:
			found.addNode(node, wanted(node))
		}
	}
	source := "node ports of the ready, schedulable nodes"
	if len(found.usable) == 0 && len(cordoned) > 0 {
		source = "node ports of the ready, unschedulable nodes"
		found.remarks = append(found.remarks, "Only unschedulable nodes are left, which lead to the Service for as long as they are ready")
		for _, node := range cordoned {
			found.addNode(node, wanted(node))
		}
	}
	if local {
		if unseen := endpoints.unseen(objects.Nodes); len(unseen) > 0 && len(found.usable)+len(found.refused) == 0 {
			return notSeen(target, "Node", slices.Min(unseen))
		}
		source += " that have a ready endpoint"
		if endpoints.onlyLeaving(nodes) {
			found.remarks = append(found.remarks, leavingRemark)
		}
	}
	return found.publish(target, source, servicePorts(service, nodePortOf), noEndpoint("No node leads to %s: %s", target, &left))
}
