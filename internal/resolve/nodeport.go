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
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// nodePort takes the addresses of the nodes that are ready and schedulable, in the families of the Service. All of them lead to
// the Service through its node ports. So do unschedulable nodes: they are left out because most are about to go, and count if
// no other node is left, as when a pool of nodes is cordoned before the next one takes over. With externalTrafficPolicy Local only nodes on which an endpoint of the family is ready
// count, because the others drop what they get. If none of these nodes is left and one has not been seen yet, it is not known
// whether there is any.
func nodePort(target Target, objects Objects, found *addresses) Result {
	service := objects.Service
	switch {
	case service.Spec.Type != corev1.ServiceTypeNodePort && service.Spec.Type != corev1.ServiceTypeLoadBalancer:
		return wrongType(target, string(service.Spec.Type), "type NodePort or LoadBalancer")
	case !hasNodePorts(service):
		return noAddress("%s has no node ports: set its spec.allocateLoadBalancerNodePorts, or choose another spec.resolutionType", target)
	}
	local := service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
	served := servedFamilies(service)
	withEndpoint := nodesWithReadyEndpoint(objects.Slices, served)
	wanted := func(node *corev1.Node) families {
		if local {
			return withEndpoint[node.Name]
		}
		return served
	}
	var left tally
	var cordoned []*corev1.Node
	for _, node := range objects.Nodes {
		switch reason := excluded(node); {
		case reason != "":
			left.add(reason)
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
	if len(found.usable)+len(found.refused) == 0 && local {
		for _, node := range objects.Nodes {
			delete(withEndpoint, node.Name)
		}
		if unseen := slices.Sorted(maps.Keys(withEndpoint)); len(unseen) > 0 {
			return notSeen(target, "Node", unseen[0])
		}
	}
	if local {
		source += " that have a ready endpoint"
	}
	return found.publish(target, source, servicePorts(service, nodePortOf), noEndpoint("No node leads to %s: %s", target, &left))
}

// nodesWithReadyEndpoint returns the names of the nodes on which an endpoint is ready, and of which of the served families.
func nodesWithReadyEndpoint(all []*discoveryv1.EndpointSlice, served families) map[string]families {
	nodes := map[string]families{}
	for _, slice := range all {
		family := endpointFamily(slice) & served
		if family == 0 {
			continue
		}
		for i := range slice.Endpoints {
			if endpoint := &slice.Endpoints[i]; isReady(endpoint) && endpoint.NodeName != nil {
				nodes[*endpoint.NodeName] |= family
			}
		}
	}
	return nodes
}

// isReady returns whether an endpoint is ready; one of which that is not known is to be taken for ready, as the API says.
func isReady(endpoint *discoveryv1.Endpoint) bool {
	return endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
}
