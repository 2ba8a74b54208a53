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

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/claims"
)

// neighbours are the Clusters and the GatewayDNS of a namespace, those of other instances of the manager included. They are
// those of the cache: they must not be changed.
type neighbours struct {
	clusters []clusterv1.Cluster
	claims   *claims.Namespace
}

func (r *Reconciler) neighbours(ctx context.Context, gatewayDNS *xccv1.GatewayDNS) (neighbours, error) {
	clusters, all := &clusterv1.ClusterList{}, &xccv1.GatewayDNSList{}
	for _, list := range []client.ObjectList{clusters, all} {
		if err := r.Client.List(ctx, list, client.InNamespace(gatewayDNS.Namespace), client.UnsafeDisableDeepCopy); err != nil {
			return neighbours{}, fmt.Errorf("listing %T in %s: %w", list, gatewayDNS.Namespace, err)
		}
	}
	parsed := r.parsed.of(gatewayDNS.Namespace, all.Items)
	return neighbours{clusters: clusters.Items, claims: claims.NewNamespace(all.Items, clusters.Items, parsed)}, nil
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

// rivals returns which other GatewayDNS have the names of the Clusters that a GatewayDNS selects, by Cluster.
func (n neighbours) rivals(gatewayDNS *xccv1.GatewayDNS, selected []clusterv1.Cluster) map[string]claims.Holder {
	rivals := map[string]claims.Holder{}
	for i := range selected {
		holder, ok := n.claims.Holder(gatewayDNS.Subdomain(), selected[i].Name)
		if ok && holder.GatewayDNS != gatewayDNS.Name {
			rivals[selected[i].Name] = holder
		}
	}
	return rivals
}

// claim writes what a GatewayDNS claims into its annotation, before any of these names is published. It returns how many names
// there was no room for, whether there was anything to write, and how long the write has to wait if it does.
func (r *Reconciler) claim(
	ctx context.Context, gatewayDNS *xccv1.GatewayDNS, neighbours neighbours,
) (unclaimed int, wrote bool, wait time.Duration, err error) {
	renewal := neighbours.claims.Renew(gatewayDNS, time.Now())
	if _, differs := withClaims(gatewayDNS, renewal); !differs {
		return renewal.Unclaimed, false, 0, nil
	}
	if wait := r.shares.Wait(client.ObjectKeyFromObject(gatewayDNS), time.Now()); wait > 0 {
		return 0, false, wait, nil
	}
	// The times of claims follow the order in which they are written.
	unlock, err := r.claiming.lock(ctx, gatewayDNS.Namespace)
	if err != nil {
		return 0, false, 0, fmt.Errorf("waiting to write claims: %w", err)
	}
	defer unlock()
	writing := time.Now()
	renewal = neighbours.claims.Renew(gatewayDNS, writing)
	claiming, _ := withClaims(gatewayDNS, renewal)
	patch := client.MergeFromWithOptions(gatewayDNS, client.MergeFromWithOptimisticLock{})
	err = r.Client.Patch(ctx, claiming, patch)
	r.shares.Spent(gatewayDNS.Namespace, time.Now(), time.Since(writing))
	if err != nil {
		return renewal.Unclaimed, false, 0, fmt.Errorf("writing claims: %w", err)
	}
	if renewal.Malformed {
		r.Recorder.Eventf(gatewayDNS, nil, corev1.EventTypeWarning, "ClaimsMalformed", "Claim",
			"Annotation %s had entries that are no claims, which are dropped: leave it to the manager", xccv1.ClaimsAnnotation)
	}
	return renewal.Unclaimed, true, 0, nil
}

// withClaims returns the GatewayDNS with what it claims from now on, and whether that differs from what it has.
func withClaims(gatewayDNS *xccv1.GatewayDNS, renewal claims.Renewal) (claiming *xccv1.GatewayDNS, differs bool) {
	current, exists := gatewayDNS.Annotations[xccv1.ClaimsAnnotation]
	text, absent := current, renewal.Absent.String()
	if !renewal.IsWritten {
		text = renewal.Claims.String()
	}
	if text == "" && exists {
		text = "{}" // What it claims next is not its first claim.
	}
	if current == text && gatewayDNS.Annotations[xccv1.AbsentClaimsAnnotation] == absent {
		return gatewayDNS, false
	}
	claiming = gatewayDNS.DeepCopy()
	metav1.SetMetaDataAnnotation(&claiming.ObjectMeta, xccv1.ClaimsAnnotation, text)
	if absent == "" {
		delete(claiming.Annotations, xccv1.AbsentClaimsAnnotation)
	} else {
		claiming.Annotations[xccv1.AbsentClaimsAnnotation] = absent
	}
	return claiming, true
}

// claimsMayDiffer passes the events of a GatewayDNS after which others may have other names than before.
func claimsMayDiffer() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*xccv1.GatewayDNS), e.ObjectNew.(*xccv1.GatewayDNS)
		return before.Subdomain() != after.Subdomain() ||
			before.Annotations[xccv1.ClaimsAnnotation] != after.Annotations[xccv1.ClaimsAnnotation] ||
			annotations.HasPaused(before) != annotations.HasPaused(after) ||
			before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
			!apiequality.Semantic.DeepEqual(before.Spec.ClusterSelector, after.Spec.ClusterSelector)
	}}
}

// gatewayDNSToRivals wakes the GatewayDNS that claim, or wait to claim, a name which this one may have or have had: those of
// its subdomain and, because one that is paused keeps what it claimed of others, all of the namespace if it is paused.
func gatewayDNSToRivals(ctx context.Context, object client.Object) []reconcile.Request {
	if annotations.HasPaused(object) {
		return mapping.ToNamespace(ctx, object)
	}
	return []reconcile.Request{mapping.SeveralOf(object.GetNamespace(), object.(*xccv1.GatewayDNS).Subdomain())}
}

// namesOf returns the names of the GatewayDNS of a namespace with a subdomain, of all if it is empty.
func (r *Reconciler) namesOf(ctx context.Context, namespace, subdomain string) ([]string, error) {
	list := &xccv1.GatewayDNSList{}
	if err := r.Client.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing GatewayDNS in %s: %w", namespace, err)
	}
	var names []string
	for i := range list.Items {
		if subdomain == "" || list.Items[i].Subdomain() == subdomain {
			names = append(names, list.Items[i].Name)
		}
	}
	return names, nil
}
