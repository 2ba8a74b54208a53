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

package reachability

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cluster-api/util/conditions"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
)

// probed are the gateways of a GatewayDNS that dns-servers probe. The lists have the same order.
type probed struct {
	clusters []string
	keys     []reachability.Key
}

// probedOf returns the gateways that a GatewayDNS publishes.
func probedOf(gatewayDNS *xccv1.GatewayDNS) probed {
	var all probed
	for i := range gatewayDNS.Status.Gateways {
		if gateway := &gatewayDNS.Status.Gateways[i]; !gateway.State.KnownEmpty() && gateway.Hostname != "" {
			all.clusters = append(all.clusters, gateway.Cluster)
			all.keys = append(all.keys, reachability.KeyOf(gateway.Hostname))
		}
	}
	return all
}

// setReachability sets status.reachability and the condition GatewaysReachable from the counts of the gateways of the clusters.
func setReachability(gatewayDNS *xccv1.GatewayDNS, clusters []string, counts []Count) {
	var consumers, unreachable int32
	var failing []xccv1.ClusterReachability
	reaches := true
	for i, count := range counts {
		total := count.Down + count.Up
		consumers = max(consumers, total)
		if count.Down == 0 {
			continue
		}
		unreachable++
		reaches = reaches && count.Up > 0
		failing = append(failing, xccv1.ClusterReachability{Cluster: clusters[i], UnreachableFrom: &count.Down, ReportedBy: &total})
	}
	slices.SortFunc(failing, func(a, b xccv1.ClusterReachability) int {
		return cmp.Or(cmp.Compare(*b.UnreachableFrom, *a.UnreachableFrom), strings.Compare(a.Cluster, b.Cluster))
	})
	failing = failing[:min(len(failing), xccv1.MaxUnreachableClusters)]
	gatewayDNS.Status.Reachability = &xccv1.ReachabilityStatus{Consumers: &consumers, Unreachable: &unreachable, Clusters: failing}

	condition := metav1.Condition{Type: xccv1.GatewaysReachableCondition, ObservedGeneration: gatewayDNS.Generation}
	switch {
	case consumers == 0:
		condition.Status, condition.Reason = metav1.ConditionUnknown, xccv1.NoReachabilityReportReason
		condition.Message = "No cluster reports on a gateway yet: reports need dns-servers of this release, and gateways with a TCP port"
	case unreachable == 0:
		condition.Status, condition.Reason = metav1.ConditionTrue, xccv1.GatewaysReachableReason
		condition.Message = fmt.Sprintf("%d clusters report, and each reaches all gateways that it probes", consumers)
	case reaches:
		condition.Status, condition.Reason = metav1.ConditionFalse, xccv1.GatewaysPartlyUnreachableReason
		condition.Message = describe(failing, unreachable)
	default:
		condition.Status, condition.Reason = metav1.ConditionFalse, xccv1.GatewaysUnreachableReason
		condition.Message = describe(failing, unreachable)
	}
	conditions.Set(gatewayDNS, condition)
}

// describe names the worst gateways.
func describe(failing []xccv1.ClusterReachability, unreachable int32) string {
	const most = 3
	var parts []string
	for _, cluster := range failing[:min(len(failing), most)] {
		parts = append(parts, fmt.Sprintf("gateway of %s: %d of %d clusters cannot reach it", cluster.Cluster, *cluster.UnreachableFrom, *cluster.ReportedBy))
	}
	if more := int(unreachable) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more gateways, see status.reachability", more))
	}
	message := strings.Join(parts, "; ")
	return strings.ToUpper(message[:1]) + message[1:]
}

// unsetReachability removes the status of a GatewayDNS without a health check.
func unsetReachability(gatewayDNS *xccv1.GatewayDNS) {
	gatewayDNS.Status.Reachability = nil
	conditions.Delete(gatewayDNS, xccv1.GatewaysReachableCondition)
}
