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

package gatewaydns

import (
	"fmt"
	"slices"
	"strings"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/annotations"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/claims"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// gateways returns the status of the gateway of each selected Cluster, sorted by name. It is computed from what was
// observed; what cannot be observed keeps the addresses of the previous status. rivals are the other GatewayDNS that have a
// Cluster's name, and shares the parts in the shared name, both by Cluster.
func gateways(
	gatewayDNS *xccv1.GatewayDNS, zone string, selected []clusterv1.Cluster, rivals map[string]claims.Holder,
	shares map[string]*xccv1.GatewayShare, observed func(*clusterv1.Cluster) (Observation, bool), now metav1.Time,
) []xccv1.GatewayStatus {
	previous := map[string]xccv1.GatewayStatus{}
	for _, gateway := range gatewayDNS.Status.Gateways {
		previous[gateway.Cluster] = gateway
	}
	result := make([]xccv1.GatewayStatus, 0, len(selected))
	for i := range selected {
		cluster := &selected[i]
		gateway := gatewayOf(gatewayDNS, zone, cluster, previous[cluster.Name], observed)
		if rival, ok := rivals[cluster.Name]; ok && gateway.State != xccv1.GatewayInvalidName {
			gateway = conflicted(gateway, rival)
		}
		gateway.Shared = shares[cluster.Name]
		result = append(result, gateway)
	}
	result = fit.Gateways(result)
	for i := range result {
		gateway := &result[i]
		gateway.LastTransitionTime = now
		if last, known := previous[gateway.Cluster]; known && !changed(&last, gateway) {
			gateway.LastTransitionTime = last.LastTransitionTime
		}
	}
	slices.SortFunc(result, func(a, b xccv1.GatewayStatus) int { return strings.Compare(a.Cluster, b.Cluster) })
	return result
}

// changed returns whether anything differs that reaches the consuming clusters.
func changed(before, after *xccv1.GatewayStatus) bool {
	return gatewayChanged(before, after) || !apiequality.Semantic.DeepEqual(before.Shared, after.Shared)
}

// gatewayChanged returns whether anything of the gateway itself differs.
func gatewayChanged(before, after *xccv1.GatewayStatus) bool {
	return before.State != after.State || before.Hostname != after.Hostname ||
		!slices.Equal(before.Addresses, after.Addresses) || !slices.Equal(before.Ports, after.Ports)
}

// conflicted returns the gateway as it is while another GatewayDNS has its name.
func conflicted(gateway xccv1.GatewayStatus, rival claims.Holder) xccv1.GatewayStatus {
	return xccv1.GatewayStatus{
		Cluster: gateway.Cluster, Hostname: gateway.Hostname, State: xccv1.GatewayConflicted,
		Message: fmt.Sprintf("GatewayDNS %s has claimed this name since %s: give one of the two another spec.subdomain or another selector",
			rival.GatewayDNS, rival.Since.UTC().Format(time.RFC3339)),
	}
}

func gatewayOf(
	gatewayDNS *xccv1.GatewayDNS, zone string, cluster *clusterv1.Cluster, last xccv1.GatewayStatus,
	observed func(*clusterv1.Cluster) (Observation, bool),
) xccv1.GatewayStatus {
	hostname, err := dnsname.Gateway{Subdomain: gatewayDNS.Subdomain(), Cluster: cluster.Name, Namespace: cluster.Namespace}.Hostname(zone)
	if err != nil {
		return xccv1.GatewayStatus{
			Cluster: cluster.Name, State: xccv1.GatewayInvalidName,
			Message: fmt.Sprintf("No DNS name can be made of spec.subdomain and the names of the Cluster and its namespace, use shorter ones: %v", err),
		}
	}
	gateway := xccv1.GatewayStatus{Cluster: cluster.Name, Hostname: hostname}
	unknown := func(message string) xccv1.GatewayStatus {
		gateway.State, gateway.Message = xccv1.GatewayUnknown, message
		gateway.Addresses, gateway.Ports, gateway.Source = last.Addresses, last.Ports, last.Source
		return gateway
	}
	if annotations.IsPaused(cluster, cluster) {
		return unknown("Cluster is paused: its gateway is not looked at until it is unpaused")
	}
	target := resolve.TargetOf(&gatewayDNS.Spec)
	observation, ok := observed(cluster)
	// The former status is of another gateway if the spec has changed since.
	isOfTarget := gatewayDNS.Status.ObservedGeneration == gatewayDNS.Generation
	switch {
	case (!ok || isOfTarget && !observation.tells(target)) && last.State != "":
		last.Hostname = hostname
		return last
	case !ok:
		return unknown("Cluster has not been asked yet")
	}
	found := observation.of(target)
	if !found.State.Current() && !found.State.KnownEmpty() {
		found.Ports = last.Ports
	}
	if override, ok := cluster.Annotations[xccv1.GatewayAddressesAnnotation]; ok {
		found = resolve.Override(override, resolve.NetworkOf(zone, cluster.Spec.ClusterNetwork), found)
	}
	gateway.State, gateway.Message = found.State, found.Message
	if !found.State.Current() && !found.State.KnownEmpty() {
		gateway.Addresses, gateway.Ports, gateway.Source = last.Addresses, last.Ports, last.Source
		return setUnreachable(gateway, observation, last)
	}
	gateway.Addresses, gateway.Ports, gateway.Source = found.Addresses, found.Ports, found.Source
	return gateway
}

// setUnreachable makes Unreachable of Unknown when the cluster answered before, this process or the one before it.
func setUnreachable(gateway xccv1.GatewayStatus, observation Observation, last xccv1.GatewayStatus) xccv1.GatewayStatus {
	answered := observation.Answered || last.State != "" && last.State != xccv1.GatewayUnknown
	if gateway.State != xccv1.GatewayUnknown || observation.UnreachableSince.IsZero() || !answered {
		return gateway
	}
	gateway.State, gateway.UnreachableSince = xccv1.GatewayUnreachable, last.UnreachableSince
	if gateway.UnreachableSince == nil {
		gateway.UnreachableSince = new(metav1.NewTime(observation.UnreachableSince))
	}
	return gateway
}
