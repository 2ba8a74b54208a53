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

// readiness is whether an endpoint accepts traffic.
type readiness int

const (
	notReady readiness = iota
	// terminating endpoints are terminating but still serve. kube-proxy uses them if no endpoint is
	// ready (KEP-1669).
	terminating
	ready
)

// terminatingRemark is the remark about a gateway without ready endpoints.
const terminatingRemark = "No endpoint is ready: terminating endpoints that still serve are published"

// readinessOf returns the readiness of an endpoint. As the API requires, an unset ready counts as
// true, and an unset serving has the value of ready.
func readinessOf(endpoint *discoveryv1.Endpoint) readiness {
	isReady := ptr.Deref(endpoint.Conditions.Ready, true)
	switch {
	case isReady:
		return ready
	case ptr.Deref(endpoint.Conditions.Terminating, false) && ptr.Deref(endpoint.Conditions.Serving, isReady):
		return terminating
	}
	return notReady
}

// podReadiness returns the readiness of a Pod. Use it only if the endpoints do not have the
// readiness: the cache of Pods may be older than that of EndpointSlices.
func podReadiness(pod *corev1.Pod) readiness {
	for _, condition := range pod.Status.Conditions {
		switch {
		case condition.Type != corev1.PodReady || condition.Status != corev1.ConditionTrue:
		case pod.DeletionTimestamp != nil:
			return terminating
		default:
			return ready
		}
	}
	return notReady
}

// nodeEndpoints are the families of a Service's endpoints, by the name of their node.
type nodeEndpoints struct {
	ready, terminating map[string]families
}

// endpointsByNode returns the endpoints in the served families.
func endpointsByNode(all []*discoveryv1.EndpointSlice, served families) nodeEndpoints {
	nodes := nodeEndpoints{ready: map[string]families{}, terminating: map[string]families{}}
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
			case terminating:
				nodes.terminating[*endpoint.NodeName] |= family
			case notReady:
			}
		}
	}
	return nodes
}

// missing returns the names of nodes that have a ready endpoint but are not in the list.
func (e nodeEndpoints) missing(nodes []*corev1.Node) []string {
	names := map[string]bool{}
	for _, node := range nodes {
		names[node.Name] = true
	}
	var missing []string
	for name := range e.ready {
		if !names[name] {
			missing = append(missing, name)
		}
	}
	return missing
}

// readyOn returns the families in which one of the nodes has a ready endpoint.
func (e nodeEndpoints) readyOn(nodes []*corev1.Node) families {
	var found families
	for _, node := range nodes {
		found |= e.ready[node.Name]
	}
	return found
}

// serving returns a function from a node to the families in which its endpoints accept traffic.
// Terminating endpoints count in families without a ready one on any node.
func (e nodeEndpoints) serving(nodes []*corev1.Node) func(*corev1.Node) families {
	readyAnywhere := e.readyOn(nodes)
	return func(node *corev1.Node) families {
		return e.ready[node.Name] | e.terminating[node.Name]&^readyAnywhere
	}
}

// onlyTerminating returns whether a family has terminating endpoints but no ready one.
func (e nodeEndpoints) onlyTerminating(nodes []*corev1.Node) bool {
	readyAnywhere := e.readyOn(nodes)
	return slices.ContainsFunc(nodes, func(node *corev1.Node) bool { return e.terminating[node.Name]&^readyAnywhere != 0 })
}
