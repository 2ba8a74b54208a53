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

package plan

import (
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Orphaned returns whether a candidate may be deleted. gatewayDNS and cluster are the live objects
// that Published names, or nil if they do not exist. A slice is orphaned if one of these facts is
// known:
//   - the GatewayDNS does not exist;
//   - the GatewayDNS cannot publish the slice's DNS name;
//   - the Cluster does not exist, is being deleted, or is no longer selected;
//   - spec.subdomain differs from the subdomain in the DNS name;
//   - the status says that nothing is published for the gateway;
//   - the status needs other slices for the gateway, and Compute has seen that status.
//
// While it is unknown which dns-servers read the slices, every slice with host names is needed.
//
// cached is the gateway that Compute was given, or nil. If the live status is newer, its slices may
// not exist yet, so the old ones stay.
func Orphaned(
	slice *discoveryv1.EndpointSlice, zone string, gatewayDNS *xccv1.GatewayDNS, cluster *clusterv1.Cluster, cached *Gateway,
	readers Readers,
) bool {
	source, ok := Published(slice, zone)
	switch {
	case !ok:
		return false
	case gatewayDNS == nil, source.Cluster == "", cluster == nil, !cluster.DeletionTimestamp.IsZero():
		return true
	}
	if selected, err := Selects(gatewayDNS, cluster); err != nil {
		return false
	} else if !selected {
		return true
	}
	if source.Subdomain != gatewayDNS.Subdomain() {
		return true
	}
	gateway := gatewayOf(gatewayDNS, source.Cluster)
	if gateway == nil {
		return false
	}
	if current, ok := sourceOf(zone, source.GatewayDNS, *gateway); ok && current != source {
		return false // The status does not reflect the new spec.subdomain yet.
	}
	if gateway.State.KnownEmpty() {
		return true
	}
	return gateway.State.Current() && !isNeeded(slice, source, gateway, readers) && cached != nil && publishSame(&cached.status, gateway)
}

// gatewayOf returns the status of a Cluster's gateway, or nil if there is none.
func gatewayOf(gatewayDNS *xccv1.GatewayDNS, cluster string) *xccv1.GatewayStatus {
	for i := range gatewayDNS.Status.Gateways {
		if gateway := &gatewayDNS.Status.Gateways[i]; gateway.Cluster == cluster {
			return gateway
		}
	}
	return nil
}

// isNeeded returns whether the gateway's status needs the slice.
func isNeeded(slice *discoveryv1.EndpointSlice, source Source, gateway *xccv1.GatewayStatus, readers Readers) bool {
	needed := placementIn(slice) // An unknown dns-server may read the host names there.
	if readers != ReadersUnknown {
		needed = readers.placement(nil)
	}
	return slices.ContainsFunc(slicesFor(source, gateway, needed), func(other *discoveryv1.EndpointSlice) bool {
		return other.Name == slice.Name
	})
}

// Selects returns whether a GatewayDNS selects a Cluster of its namespace. It returns an error if
// the selector is invalid.
func Selects(gatewayDNS *xccv1.GatewayDNS, cluster *clusterv1.Cluster) (bool, error) {
	selector, err := metav1.LabelSelectorAsSelector(&gatewayDNS.Spec.ClusterSelector)
	if err != nil {
		return false, err
	}
	return gatewayDNS.Namespace == cluster.Namespace && selector.Matches(labels.Set(cluster.Labels)), nil
}
