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
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const (
	// toBeDeletedTaint is the cluster autoscaler's taint on a node that it is about to delete.
	toBeDeletedTaint = "ToBeDeletedByClusterAutoscaler"
	// ComputeTypeLabel is EKS's label on Fargate nodes, with the value fargate. Such a node has the
	// address of its only Pod and no kube-proxy. Other virtual nodes have the label
	// corev1.LabelNodeExcludeBalancers.
	ComputeTypeLabel = "eks.amazonaws.com/compute-type"
)

// addNode adds one usable address of a node for each of the given families. The first address in a
// preferred range precedes the first external one, and that the first internal one. The first
// address of a family is the node's primary one in Kubernetes, too. kube-proxy may serve node ports
// only there (nodePortAddresses: primary). Other addresses may belong to Pods, storage networks or
// a load balancer.
func (f *addresses) addNode(node *corev1.Node, wanted families) {
	remaining, found := wanted, false
	for _, isChosen := range f.network.ranges.choices() {
		for _, address := range node.Status.Addresses {
			if remaining == 0 {
				return
			}
			// An invalid address has no family. addIP refuses it with a message.
			ip, err := netip.ParseAddr(address.Address)
			family := familyOf(ip)
			if address.Address == "" || !isChosen(address.Type, ip) || err == nil && remaining&family == 0 {
				continue
			}
			found = true
			if f.addIP(address.Address) {
				remaining &^= family
			}
		}
	}
	if !found {
		f.refused = append(f.refused, fmt.Sprintf("Node %s has no %saddress of type ExternalIP or InternalIP", node.Name, only(wanted)))
	}
}

// only returns the name of a single family and a space, or "" for both families.
func only(family families) string {
	if family == bothFamilies {
		return ""
	}
	return family.String() + " "
}

// unusable returns why a node must not be used at all, or "".
func unusable(node *corev1.Node) string {
	if node.DeletionTimestamp != nil {
		return "being deleted"
	}
	for _, taint := range node.Spec.Taints {
		if taint.Key == toBeDeletedTaint {
			return "being deleted"
		}
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			return ""
		}
	}
	return "not ready"
}

// excluded returns why a node must not be used for node ports, or "".
func excluded(node *corev1.Node) string {
	_, labelled := node.Labels[corev1.LabelNodeExcludeBalancers]
	switch {
	case unusable(node) != "":
		return unusable(node)
	case labelled:
		return "labelled " + corev1.LabelNodeExcludeBalancers
	case node.Labels[ComputeTypeLabel] == "fargate":
		return "on Fargate, without kube-proxy"
	}
	return ""
}

// tally counts nodes or Pods that are left out, by reason.
type tally struct {
	reasons []string
	count   map[string]int
}

func (t *tally) add(reason string) {
	if t.count == nil {
		t.count = map[string]int{}
	}
	if t.count[reason]++; t.count[reason] == 1 {
		t.reasons = append(t.reasons, reason)
	}
}

func (t *tally) String() string {
	if len(t.reasons) == 0 {
		return "the cluster has none"
	}
	slices.Sort(t.reasons)
	parts := make([]string, 0, len(t.reasons))
	for _, reason := range t.reasons {
		parts = append(parts, fmt.Sprintf("%d %s", t.count[reason], reason))
	}
	return strings.Join(parts, ", ")
}
