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
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/claims"
)

// neighbours are the Clusters and the GatewayDNS of a namespace, those of other instances of the manager included.
type neighbours struct {
	clusters   []clusterv1.Cluster
	gatewayDNS []xccv1.GatewayDNS
}

func (r *Reconciler) neighbours(ctx context.Context, gatewayDNS *xccv1.GatewayDNS) (neighbours, error) {
	clusters, all := &clusterv1.ClusterList{}, &xccv1.GatewayDNSList{}
	for _, list := range []client.ObjectList{clusters, all} {
		if err := r.Client.List(ctx, list, client.InNamespace(gatewayDNS.Namespace)); err != nil {
			return neighbours{}, fmt.Errorf("listing %T in %s: %w", list, gatewayDNS.Namespace, err)
		}
	}
	return neighbours{clusters: clusters.Items, gatewayDNS: all.Items}, nil
}

// selectedBy returns the Clusters that a GatewayDNS selects, but for those being deleted. It returns an error when the
// selector cannot be evaluated.
func (n neighbours) selectedBy(gatewayDNS *xccv1.GatewayDNS) ([]clusterv1.Cluster, error) {
	selector, err := metav1.LabelSelectorAsSelector(&gatewayDNS.Spec.ClusterSelector)
	if err != nil {
		return nil, err
	}
	var selected []clusterv1.Cluster
	for i := range n.clusters {
		if n.clusters[i].DeletionTimestamp.IsZero() && selector.Matches(labels.Set(n.clusters[i].Labels)) {
			selected = append(selected, n.clusters[i])
		}
	}
	return selected, nil
}

// rivals returns which other GatewayDNS have the names that a GatewayDNS asks for, by Cluster.
func (n neighbours) rivals(gatewayDNS *xccv1.GatewayDNS) map[string]claims.Holder {
	holders := claims.Holders(gatewayDNS.Subdomain(), n.gatewayDNS, n.clusters)
	rivals := map[string]claims.Holder{}
	for i := range n.clusters {
		holder, ok := holders[claims.Name(gatewayDNS.Subdomain(), n.clusters[i].Name)]
		if ok && holder.GatewayDNS != gatewayDNS.Name {
			rivals[n.clusters[i].Name] = holder
		}
	}
	return rivals
}

// claim writes what a GatewayDNS claims into its annotation, before any of these names is published, and returns whether
// there was anything to write.
func (r *Reconciler) claim(ctx context.Context, gatewayDNS *xccv1.GatewayDNS, neighbours neighbours) (wrote bool, err error) {
	r.claiming.Lock()
	defer r.claiming.Unlock()
	text := claims.Renew(gatewayDNS, neighbours.gatewayDNS, neighbours.clusters, time.Now()).String()
	current, exists := gatewayDNS.Annotations[xccv1.ClaimsAnnotation]
	if text == "" && exists {
		text = "{}" // What it claims next is not its first claim.
	}
	if current == text {
		return false, nil
	}
	claiming := gatewayDNS.DeepCopy()
	metav1.SetMetaDataAnnotation(&claiming.ObjectMeta, xccv1.ClaimsAnnotation, text)
	patch := client.MergeFromWithOptions(gatewayDNS, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, claiming, patch); err != nil {
		return false, fmt.Errorf("writing claims: %w", err)
	}
	return true, nil
}

// gatewayDNSToRivals wakes the GatewayDNS that claim, or wait to claim, a name which this one claims, or claimed before.
func (r *Reconciler) gatewayDNSToRivals(ctx context.Context, object client.Object) []reconcile.Request {
	gatewayDNS := object.(*xccv1.GatewayDNS)
	list := &xccv1.GatewayDNSList{}
	if err := r.Client.List(ctx, list, client.InNamespace(gatewayDNS.Namespace)); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Failed to list GatewayDNS", "GatewayDNS", client.ObjectKeyFromObject(gatewayDNS))
		return nil
	}
	var rivals []xccv1.GatewayDNS
	claimed := claims.Of(gatewayDNS)
	for i := range list.Items {
		other := &list.Items[i]
		waits := other.Subdomain() == gatewayDNS.Subdomain()
		if other.Name != gatewayDNS.Name && (waits || claimed.Meet(claims.Of(other))) {
			rivals = append(rivals, *other)
		}
	}
	return requestsFor(rivals)
}
