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
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"
)

// readiness is whether an endpoint takes traffic.
type readiness int

const (
	notReady readiness = iota
	// leaving endpoints are terminating and still serve. kube-proxy turns to them while no ready one is left (KEP-1669), so that
	// connections go on while Pods are replaced.
	leaving
	ready
)

// leavingRemark is the message of a gateway of which nothing but leaving endpoints is left.
const leavingRemark = "No ready endpoint is left: those that are terminating and still serve count"

// readinessOf returns the readiness of an endpoint. An unknown readiness is to be taken for ready, and an unknown serving for
// the readiness, as the API says.
func readinessOf(endpoint *discoveryv1.Endpoint) readiness {
	isReady := ptr.Deref(endpoint.Conditions.Ready, true)
	switch {
	case isReady:
		return ready
	case ptr.Deref(endpoint.Conditions.Terminating, false) && ptr.Deref(endpoint.Conditions.Serving, isReady):
		return leaving
	}
	return notReady
}

// podReadiness returns the readiness of a Pod. It is asked only where endpoints do not tell: elsewhere a Pod that is seen as it was
// before would contradict its own endpoint.
func podReadiness(pod *corev1.Pod) readiness {
	for _, condition := range pod.Status.Conditions {
		switch {
		case condition.Type != corev1.PodReady || condition.Status != corev1.ConditionTrue:
		case pod.DeletionTimestamp != nil:
			return leaving
		default:
			return ready
		}
	}
	return notReady
}

// nodeEndpoints are the families in which nodes have endpoints of a Service, by the name of the node.
type nodeEndpoints struct {
	ready, leaving map[string]families
}

// endpointsByNode returns where the endpoints of the served families are.
func endpointsByNode(all []*discoveryv1.EndpointSlice, served families) nodeEndpoints {
	nodes := nodeEndpoints{ready: map[string]families{}, leaving: map[string]families{}}
	for _, slice := range all {
		family := endpointFamily(slice) & served
		if family == 0 {
			continue
		}
		for i := range slice.Endpoints {
			endpoint := &slice.Endpoints[i]
			if endpoint.NodeName == nil {
				continue
			}
			switch readinessOf(endpoint) {
			case ready:
				nodes.ready[*endpoint.NodeName] |= family
			case leaving:
				nodes.leaving[*endpoint.NodeName] |= family
			case notReady:
			}
		}
	}
	return nodes
}

// unseen returns the names of nodes that have a ready endpoint and are not among the given ones.
func (e nodeEndpoints) unseen(seen []*corev1.Node) []string {
	names := map[string]bool{}
	for _, node := range seen {
		names[node.Name] = true
	}
	var unseen []string
	for name := range e.ready {
		if !names[name] {
			unseen = append(unseen, name)
		}
	}
	return unseen
}

// readyOn returns the families in which one of the nodes has a ready endpoint.
func (e nodeEndpoints) readyOn(nodes []*corev1.Node) families {
	var found families
	for _, node := range nodes {
		found |= e.ready[node.Name]
	}
	return found
}

// takingTraffic returns the families in which one of the nodes has an endpoint that takes traffic: a ready one or, in a family
// in which none of them has a ready one, a leaving one.
func (e nodeEndpoints) takingTraffic(nodes []*corev1.Node) func(*corev1.Node) families {
	readyAnywhere := e.readyOn(nodes)
	return func(node *corev1.Node) families {
		return e.ready[node.Name] | e.leaving[node.Name]&^readyAnywhere
	}
}

// onlyLeaving returns whether leaving endpoints take the traffic of a family.
func (e nodeEndpoints) onlyLeaving(nodes []*corev1.Node) bool {
	readyAnywhere := e.readyOn(nodes)
	return slices.ContainsFunc(nodes, func(node *corev1.Node) bool { return e.leaving[node.Name]&^readyAnywhere != 0 })
}
