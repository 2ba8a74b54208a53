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
	// toBeDeletedTaint is how the cluster autoscaler marks a node that it is about to delete.
	toBeDeletedTaint = "ToBeDeletedByClusterAutoscaler"
	// ComputeTypeLabel is the label of EKS on the nodes of Fargate, with the value fargate. Each of them stands for one Pod, whose
	// address it has, and runs no kube-proxy. Virtual nodes of others carry the label that excludes them.
	ComputeTypeLabel = "eks.amazonaws.com/compute-type"
)

// addNode adds an address of a node for each of the given families: the first one in a preferred range, or else the first external
// one, or else the first internal one, each time of those that can be published. Kubernetes takes the first of a family for the
// node's own, too, and kube-proxy may serve node ports on that one alone (its nodePortAddresses primary). Further ones belong to
// Pods, to networks of storage or to a load balancer.
func (f *addresses) addNode(node *corev1.Node, wanted families) {
	missing, found := wanted, false
	for _, isChosen := range f.network.ranges.choices() {
		for _, address := range node.Status.Addresses {
			if missing == 0 {
				return
			}
			// An address that cannot be parsed is of no family, and is named as such.
			ip, err := netip.ParseAddr(address.Address)
			family := familyOf(ip)
			if address.Address == "" || !isChosen(address.Type, ip) || err == nil && missing&family == 0 {
				continue
			}
			found = true
			if f.addIP(address.Address) {
				missing &^= family
			}
		}
	}
	if !found {
		f.refused = append(f.refused, fmt.Sprintf("Node %s is without an %saddress of type ExternalIP or InternalIP", node.Name, only(wanted)))
	}
}

// only names a family that is the only one, followed by a space.
func only(family families) string {
	if family == bothFamilies {
		return ""
	}
	return family.String() + " "
}

// unusable returns why a node does not take part in anything, or an empty string.
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

// excluded returns why a node does not take part in balancing load to all nodes, or an empty string.
func excluded(node *corev1.Node) string {
	_, labelled := node.Labels[corev1.LabelNodeExcludeBalancers]
	switch {
	case unusable(node) != "":
		return unusable(node)
	case labelled:
		return "labelled " + corev1.LabelNodeExcludeBalancers
	case node.Labels[ComputeTypeLabel] == "fargate":
		return "of Fargate, without kube-proxy"
	}
	return ""
}

// tally counts the nodes that do not take part, by reason, and says so.
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
