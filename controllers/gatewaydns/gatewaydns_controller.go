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
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/labels"
	"sigs.k8s.io/cluster-api/util/paused"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// +kubebuilder:rbac:groups=connectivity.tanzu.vmware.com,resources=gatewaydns,verbs=get;list;watch
// +kubebuilder:rbac:groups=connectivity.tanzu.vmware.com,resources=gatewaydns/status,verbs=patch
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch
// +kubebuilder:rbac:groups=core,resources=secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler writes the status of a GatewayDNS from what the Observer saw. It makes no remote call.
type Reconciler struct {
	Client       client.Client
	Recorder     events.EventRecorder
	Observations *Observations
	Zone         string
	// WatchFilterValue is the value of Cluster API's watch label on the GatewayDNS to look at; all of them if empty.
	WatchFilterValue string
}

// SetupWithManager adds the reconciler to the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	err := ctrl.NewControllerManagedBy(mgr).
		// Our own writes of the status wake us too: one that was computed from a cache older than our last write, and so
		// found nothing to change, is computed again.
		For(&xccv1.GatewayDNS{}).
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(r.clusterToGatewayDNS), builder.WithPredicates(
			predicate.Or[client.Object](
				predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{},
			),
		)).
		WatchesRawSource(r.Observations.Source()).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the GatewayDNS controller: %w", err)
	}
	return nil
}

// Reconcile writes the status of the requested GatewayDNS.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	gatewayDNS := &xccv1.GatewayDNS{}
	if err := r.Client.Get(ctx, request.NamespacedName, gatewayDNS); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	filtered := r.WatchFilterValue != "" && !labels.HasWatchLabel(gatewayDNS, r.WatchFilterValue)
	if filtered || !gatewayDNS.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	if isPaused, requeue, err := paused.EnsurePausedCondition(ctx, r.Client, nil, gatewayDNS); err != nil || isPaused || requeue {
		return reconcile.Result{}, err
	}

	original := gatewayDNS.DeepCopy()
	selected, selectorErr, err := r.selectedClusters(ctx, gatewayDNS)
	if err != nil {
		return reconcile.Result{}, err
	}
	if selectorErr == nil {
		gatewayDNS.Status.Gateways = gateways(gatewayDNS, r.Zone, selected, r.Observations.Get, metav1.Now())
	}
	setClustersSelectedCondition(gatewayDNS, len(selected), selectorErr)
	setGatewaysResolvedCondition(gatewayDNS, selectorErr)
	if err := setReadyCondition(gatewayDNS); err != nil {
		return reconcile.Result{}, err
	}
	gatewayDNS.Status.ObservedGeneration = gatewayDNS.Generation
	if apiequality.Semantic.DeepEqual(original.Status, gatewayDNS.Status) {
		return reconcile.Result{}, nil
	}
	// With the lock, a status that was computed from an outdated cache is not written over a newer one; the newer object's
	// event wakes us.
	patch := client.MergeFromWithOptions(original, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, gatewayDNS, patch); err != nil {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("writing status: %w", err)
	}
	r.recordTransitions(original, gatewayDNS)
	return reconcile.Result{}, nil
}

// selectedClusters returns the Clusters that the selector selects, but for those being deleted. selectorErr is why the
// selector cannot be evaluated.
func (r *Reconciler) selectedClusters(ctx context.Context, gatewayDNS *xccv1.GatewayDNS) (selected []clusterv1.Cluster, selectorErr, err error) {
	selector, err := metav1.LabelSelectorAsSelector(&gatewayDNS.Spec.ClusterSelector)
	if err != nil {
		return nil, err, nil
	}
	clusters := &clusterv1.ClusterList{}
	if err := r.Client.List(ctx, clusters, client.InNamespace(gatewayDNS.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, nil, fmt.Errorf("listing Clusters in %s: %w", gatewayDNS.Namespace, err)
	}
	return slices.DeleteFunc(clusters.Items, func(cluster clusterv1.Cluster) bool {
		return !cluster.DeletionTimestamp.IsZero()
	}), nil, nil
}

// recordTransitions emits an event for each gateway whose state or addresses changed.
func (r *Reconciler) recordTransitions(before, after *xccv1.GatewayDNS) {
	previous := map[string]xccv1.GatewayStatus{}
	for _, gateway := range before.Status.Gateways {
		previous[gateway.Cluster] = gateway
	}
	for _, gateway := range after.Status.Gateways {
		last := previous[gateway.Cluster]
		begins := last.State == "" && gateway.State == xccv1.GatewayUnknown
		if begins || last.State == gateway.State && apiequality.Semantic.DeepEqual(last.Addresses, gateway.Addresses) {
			continue
		}
		eventType := corev1.EventTypeNormal
		if gateway.State.KnownEmpty() {
			eventType = corev1.EventTypeWarning
		}
		// The API server refuses a note of more than 1024 characters.
		note := shorten(fmt.Sprintf("Gateway of Cluster %s: %s, addresses %v (before: %v). %s",
			gateway.Cluster, gateway.State, gateway.Addresses, last.Addresses, gateway.Message))
		r.Recorder.Eventf(after, nil, eventType, string(gateway.State), "ResolveGateway", "%s", note)
	}
}

// clusterToGatewayDNS wakes every GatewayDNS of the namespace, because those that selected the Cluster before count too.
func (r *Reconciler) clusterToGatewayDNS(ctx context.Context, cluster client.Object) []reconcile.Request {
	list := &xccv1.GatewayDNSList{}
	if err := r.Client.List(ctx, list, client.InNamespace(cluster.GetNamespace())); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Failed to list GatewayDNS", "Cluster", client.ObjectKeyFromObject(cluster))
		return nil
	}
	return requestsFor(list.Items)
}
