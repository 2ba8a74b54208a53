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
	"cmp"
	"context"
	"fmt"
	"strings"
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
		holder, ok := n.claims.Holder(claims.Name(gatewayDNS.Subdomain(), selected[i].Name))
		if ok && holder.GatewayDNS != gatewayDNS.Name {
			rivals[selected[i].Name] = holder
		}
	}
	return rivals
}

// sharedRival returns the other GatewayDNS that has the shared name of a GatewayDNS, or nil.
func (n neighbours) sharedRival(gatewayDNS *xccv1.GatewayDNS) *claims.Holder {
	name := sharedName(gatewayDNS)
	if name == "" {
		return nil
	}
	holder, ok := n.claims.Holder(name)
	if !ok || holder.GatewayDNS == gatewayDNS.Name {
		return nil
	}
	return &holder
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
	for _, annotation := range renewal.Malformed {
		r.Recorder.Eventf(gatewayDNS, nil, corev1.EventTypeWarning, "ClaimsMalformed", "Claim",
			"Annotation %s had entries that are no claims, which are dropped: leave it to the manager", annotation)
	}
	return renewal.Unclaimed, true, 0, nil
}

// withClaims returns the GatewayDNS with the annotations of its claims, and whether they differ from the present ones.
func withClaims(gatewayDNS *xccv1.GatewayDNS, renewal claims.Renewal) (claiming *xccv1.GatewayDNS, differs bool) {
	text := gatewayDNS.Annotations[xccv1.ClaimsAnnotation]
	if !renewal.IsWritten {
		text = renewal.Claims.String()
	}
	want := map[string]string{
		xccv1.ClaimsAnnotation:       orNone(gatewayDNS, xccv1.ClaimsAnnotation, text),
		xccv1.SharedClaimAnnotation:  orNone(gatewayDNS, xccv1.SharedClaimAnnotation, renewal.Shared.String()),
		xccv1.AbsentClaimsAnnotation: renewal.Absent.String(),
	}
	for annotation, text := range want {
		if gatewayDNS.Annotations[annotation] == text {
			continue
		}
		if claiming == nil {
			claiming = gatewayDNS.DeepCopy()
		}
		if text == "" {
			delete(claiming.Annotations, annotation)
		} else {
			metav1.SetMetaDataAnnotation(&claiming.ObjectMeta, annotation, text)
		}
	}
	return cmp.Or(claiming, gatewayDNS), claiming != nil
}

// orNone returns the text or, if it is empty and the GatewayDNS has the annotation, a text without claims: the next claim is
// not the first one.
func orNone(gatewayDNS *xccv1.GatewayDNS, annotation, text string) string {
	if _, exists := gatewayDNS.Annotations[annotation]; exists && text == "" {
		return "{}"
	}
	return text
}

// claimsMayDiffer passes the events of a GatewayDNS after which others may have other names than before.
func claimsMayDiffer() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*xccv1.GatewayDNS), e.ObjectNew.(*xccv1.GatewayDNS)
		return before.Subdomain() != after.Subdomain() || sharedName(before) != sharedName(after) ||
			before.Annotations[xccv1.ClaimsAnnotation] != after.Annotations[xccv1.ClaimsAnnotation] ||
			before.Annotations[xccv1.SharedClaimAnnotation] != after.Annotations[xccv1.SharedClaimAnnotation] ||
			annotations.HasPaused(before) != annotations.HasPaused(after) ||
			before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
			!apiequality.Semantic.DeepEqual(before.Spec.ClusterSelector, after.Spec.ClusterSelector)
	}}
}

// gatewayDNSToRivals wakes the GatewayDNS that claim, or wait to claim, a name of this one: those of its subdomain and those of
// its shared name. A paused one keeps claims of other names, so it wakes all of the namespace.
func gatewayDNSToRivals(ctx context.Context, object client.Object) []reconcile.Request {
	if annotations.HasPaused(object) {
		return mapping.ToNamespace(ctx, object)
	}
	gatewayDNS := object.(*xccv1.GatewayDNS)
	requests := []reconcile.Request{mapping.SeveralOf(gatewayDNS.Namespace, gatewayDNS.Subdomain())}
	if name := sharedName(gatewayDNS); name != "" {
		requests = append(requests, mapping.SeveralOf(gatewayDNS.Namespace, sharedPrefix+name))
	}
	return requests
}

// sharedPrefix begins the group of the GatewayDNS of a shared name. No subdomain has a dot.
const sharedPrefix = "shared."

// sharedName returns spec.shared.name, or "".
func sharedName(gatewayDNS *xccv1.GatewayDNS) string {
	if gatewayDNS.Spec.Shared == nil {
		return ""
	}
	return gatewayDNS.Spec.Shared.Name
}

// namesOf returns the names of the GatewayDNS of a namespace that belong to a group: those with a subdomain, those with a shared
// name, or all if the group is empty.
func (r *Reconciler) namesOf(ctx context.Context, namespace, group string) ([]string, error) {
	list := &xccv1.GatewayDNSList{}
	if err := r.Client.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing GatewayDNS in %s: %w", namespace, err)
	}
	shared, isShared := strings.CutPrefix(group, sharedPrefix)
	var names []string
	for i := range list.Items {
		gatewayDNS := &list.Items[i]
		if group == "" || isShared && sharedName(gatewayDNS) == shared || gatewayDNS.Subdomain() == group {
			names = append(names, gatewayDNS.Name)
		}
	}
	return names, nil
}
