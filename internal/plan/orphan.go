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
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Orphaned returns whether a candidate may be deleted. The GatewayDNS and the Cluster are those that Published names, as
// the API server has them now, or nil when they do not exist. It is true only on a positive fact:
//   - the GatewayDNS does not exist;
//   - the slice's name is none that this GatewayDNS could have asked for;
//   - the Cluster does not exist, is being deleted or is not selected any more;
//   - spec.subdomain is another one than in the slice's name;
//   - the status says that nothing is to be published for the gateway;
//   - it says that this slice is not needed for its addresses, as it did when Compute saw to it that those that are needed
//     are there, and the readers do not need it for host names. While the readers are unknown, every slice that has host
//     names is needed.
//
// seen are the GatewayDNS that Compute was given, from a cache. A status that is newer than theirs asks for slices that do not
// exist yet, and when the cache has it everything is computed again.
func Orphaned(
	slice *discoveryv1.EndpointSlice, zone string, gatewayDNS *xccv1.GatewayDNS, cluster *clusterv1.Cluster, seen []xccv1.GatewayDNS,
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
	if named, ok := sourceOf(zone, source.GatewayDNS, *gateway); ok && named != source {
		return false // The status does not know yet that spec.subdomain has changed.
	}
	return gateway.State.KnownEmpty() || gateway.State.Current() && !asksFor(slice, zone, source, *gateway, readers) && sees(seen, gatewayDNS, gateway)
}

// gatewayOf returns what a status says of the gateway of a Cluster, or nil.
func gatewayOf(gatewayDNS *xccv1.GatewayDNS, cluster string) *xccv1.GatewayStatus {
	for i := range gatewayDNS.Status.Gateways {
		if gateway := &gatewayDNS.Status.Gateways[i]; gateway.Cluster == cluster {
			return gateway
		}
	}
	return nil
}

// asksFor returns whether a gateway's addresses are published by the slice, among others.
func asksFor(slice *discoveryv1.EndpointSlice, zone string, source Source, gateway xccv1.GatewayStatus, readers Readers) bool {
	needed := holds(slice) // Somebody may read host names there.
	if readers != ReadersUnknown {
		needed = readers.form(nil)
	}
	return slices.ContainsFunc(slicesFor(zone, source.GatewayDNS, gateway, needed), func(other *discoveryv1.EndpointSlice) bool {
		return other.Name == slice.Name
	})
}

// sees returns whether a GatewayDNS says the same of a gateway in the list.
func sees(list []xccv1.GatewayDNS, gatewayDNS *xccv1.GatewayDNS, gateway *xccv1.GatewayStatus) bool {
	return slices.ContainsFunc(list, func(other xccv1.GatewayDNS) bool {
		return other.Namespace == gatewayDNS.Namespace && other.Name == gatewayDNS.Name &&
			apiequality.Semantic.DeepEqual(gatewayOf(&other, gateway.Cluster), gateway)
	})
}

// Selects returns whether a GatewayDNS selects a Cluster of its namespace by its labels. It returns an error when the
// selector cannot be evaluated.
func Selects(gatewayDNS *xccv1.GatewayDNS, cluster *clusterv1.Cluster) (bool, error) {
	selector, err := metav1.LabelSelectorAsSelector(&gatewayDNS.Spec.ClusterSelector)
	if err != nil {
		return false, err
	}
	return gatewayDNS.Namespace == cluster.Namespace && selector.Matches(labels.Set(cluster.Labels)), nil
}
