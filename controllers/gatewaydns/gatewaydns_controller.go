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
	"errors"
	"fmt"
	"slices"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/paused"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/consumers"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
)

// +kubebuilder:rbac:groups=connectivity.tanzu.vmware.com,resources=gatewaydns,verbs=get;list;watch;patch
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
	// Filter admits the GatewayDNS and the Clusters that belong to this instance of the manager.
	Filter workload.WatchFilter
	// Ledger is told what is about to be published.
	Ledger *consumers.Ledger

	// claiming orders the writes of claims in a namespace.
	claiming namespaceLocks
	parsed   parsedClaims
	pace     pacing.Interval
	// shares bound the writes to the GatewayDNS of one namespace, whatever makes them necessary.
	shares   pacing.Shares
	refusals refusals
}

// deleteForMove is the annotation that replaces all others, the claims among them, just before clusterctl move deletes an
// object from where it was.
const deleteForMove = "clusterctl.cluster.x-k8s.io/delete-for-move"

// interval is the shortest time between two writes of a status. A burst of changes of one gateway would otherwise be a burst of
// writes to the management cluster and to each consuming cluster. A change is promised to arrive within 250 ms, so more than
// half of that is left for the writes.
const interval = 100 * time.Millisecond

// SetupWithManager adds the reconciler to the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	r.pace.Length = interval
	several := mapping.NewSeveral(r.namesOf)
	err := ctrl.NewControllerManagedBy(mgr).
		// Our own writes of the status wake us too: one that was computed from a cache older than our last write, and so
		// found nothing to change, is computed again.
		For(&xccv1.GatewayDNS{}, builder.WithPredicates(notOnlyConsumersChanged())).
		Watches(&xccv1.GatewayDNS{}, handler.EnqueueRequestsFromMapFunc(gatewayDNSToRivals), builder.WithPredicates(claimsMayDiffer())).
		// All GatewayDNS of the namespace, because those that selected the Cluster before count too.
		Watches(&clusterv1.Cluster{}, handler.EnqueueRequestsFromMapFunc(mapping.ToNamespace), builder.WithPredicates(
			predicate.Or[client.Object](
				predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{},
			),
		)).
		WatchesRawSource(r.Observations.Source()).
		WatchesRawSource(several.Source()).
		WithOptions(options).
		Complete(several.Reconciler(r))
	if err != nil {
		return fmt.Errorf("setting up the GatewayDNS controller: %w", err)
	}
	return nil
}

// Reconcile writes the status of the requested GatewayDNS.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if wait := r.shares.Waits(request.NamespacedName, time.Now()); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	gatewayDNS := &xccv1.GatewayDNS{}
	if err := r.Client.Get(ctx, request.NamespacedName, gatewayDNS); err != nil {
		if apierrors.IsNotFound(err) {
			r.shares.Forget(request.NamespacedName)
			r.parsed.forget(request.NamespacedName)
			r.refusals.forget(request.NamespacedName)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	_, moved := gatewayDNS.Annotations[deleteForMove]
	if !r.Filter.Admits(gatewayDNS) || moved || !gatewayDNS.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	if isPaused, requeue, err := paused.EnsurePausedCondition(ctx, r.Client, nil, gatewayDNS); err != nil || isPaused || requeue {
		return reconcile.Result{}, err
	}

	original := gatewayDNS.DeepCopy()
	neighbours, err := r.neighbours(ctx, gatewayDNS)
	if err != nil {
		return reconcile.Result{}, err
	}
	unclaimed, wrote, wait, claimErr := r.claim(ctx, gatewayDNS, neighbours)
	switch {
	case wait > 0:
		return reconcile.Result{RequeueAfter: wait}, nil
	case wrote || apierrors.IsConflict(claimErr) || apierrors.IsNotFound(claimErr):
		// Our write wakes us. When the cache has it, it has all claims that were written before.
		return resultOf(claimErr)
	}
	setNamesClaimedCondition(gatewayDNS, unclaimed, claimErr)
	result, err := r.publish(ctx, gatewayDNS, original, neighbours)
	return result, errors.Join(err, claimErr)
}

// publish writes the status. original is what the status was written to last.
func (r *Reconciler) publish(
	ctx context.Context, gatewayDNS, original *xccv1.GatewayDNS, neighbours neighbours,
) (reconcile.Result, error) {
	key, now := client.ObjectKeyFromObject(gatewayDNS), time.Now()
	if err := r.setStatus(gatewayDNS, neighbours, metav1.NewTime(now)); err != nil {
		return reconcile.Result{}, err
	}
	if apiequality.Semantic.DeepEqual(original.Status, gatewayDNS.Status) {
		return reconcile.Result{}, nil
	}
	if wait := r.pace.Wait(key, now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	if wait := r.shares.Wait(key, now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	r.Ledger.Publishing(gatewayDNS, now)
	// With the lock, a status that was computed from an outdated cache is not written over a newer one; the newer object's
	// event wakes us.
	patch := client.MergeFromWithOptions(original, client.MergeFromWithOptimisticLock{})
	writing := time.Now()
	err := r.Client.Status().Patch(ctx, gatewayDNS, patch)
	r.shares.Spent(key.Namespace, time.Now(), time.Since(writing))
	if err != nil {
		learned, isolateErr := r.isolate(ctx, original, gatewayDNS, err)
		if learned && isolateErr == nil {
			return reconcile.Result{RequeueAfter: retry}, nil
		}
		return resultOf(fmt.Errorf("writing status: %w", cmp.Or(isolateErr, err)))
	}
	r.refusals.wrote(key)
	r.pace.Wrote(key, now)
	r.recordTransitions(original, gatewayDNS)
	return reconcile.Result{}, nil
}

// setStatus sets the gateways, the shared name and all conditions but those of the claims and of the consumers.
func (r *Reconciler) setStatus(gatewayDNS *xccv1.GatewayDNS, neighbours neighbours, now metav1.Time) error {
	selected, selectorErr := neighbours.selectedBy(gatewayDNS)
	shared := sharedOf(gatewayDNS, r.Zone, selected, selectorErr, neighbours.sharedRival(gatewayDNS))
	if selectorErr == nil {
		entries := gateways(gatewayDNS, r.Zone, selected, neighbours.rivals(gatewayDNS, selected), shared.shares, r.observed, now)
		r.refusals.replace(client.ObjectKeyFromObject(gatewayDNS), entries, gatewayDNS.Status.Gateways, now)
		gatewayDNS.Status.Gateways = entries
	} else {
		setShares(gatewayDNS.Status.Gateways, shared.shares, now)
	}
	gatewayDNS.Status.SharedHostname = shared.hostname
	setClustersSelectedCondition(gatewayDNS, len(selected), selectorErr)
	setGatewaysResolvedCondition(gatewayDNS, selectorErr)
	setSharedNamePublishedCondition(gatewayDNS, shared)
	if err := setReadyCondition(gatewayDNS); err != nil {
		return err
	}
	gatewayDNS.Status.ObservedGeneration = gatewayDNS.Generation
	return nil
}

// observed returns the latest Observation of a Cluster.
func (r *Reconciler) observed(cluster *clusterv1.Cluster) (Observation, bool) {
	if !r.Filter.Admits(cluster) {
		return Observation{Unknown: fmt.Sprintf("Cluster belongs to another instance of the manager: its label %s is not %s", clusterv1.WatchLabel, r.Filter)}, true
	}
	return r.Observations.Get(cluster)
}

// retry is when to try again what was computed from an outdated cache. Not every newer object wakes us: one of which only
// status.consumers is newer does not.
const retry = 50 * time.Millisecond

// resultOf returns the result of a reconcile that ended with the error of a write, or with none.
func resultOf(err error) (reconcile.Result, error) {
	switch {
	case apierrors.IsConflict(err):
		return reconcile.Result{RequeueAfter: retry}, nil
	case apierrors.IsNotFound(err):
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, err
}

// notOnlyConsumersChanged drops the events of the writes of status.consumers, status.reachability and their conditions, which this
// controller does not read. It copies nothing, because a status may have a thousand gateways.
func notOnlyConsumersChanged() predicate.Predicate {
	without := func(object client.Object) xccv1.GatewayDNS {
		rest := *object.(*xccv1.GatewayDNS)
		rest.ResourceVersion, rest.ManagedFields, rest.Status.Consumers, rest.Status.Reachability = "", nil, nil, nil
		rest.Status.Conditions = slices.DeleteFunc(slices.Clone(rest.Status.Conditions), func(condition metav1.Condition) bool {
			return condition.Type == xccv1.ConsumersCurrentCondition || condition.Type == xccv1.GatewaysReachableCondition
		})
		return rest
	}
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		resync := e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion()
		return resync || !apiequality.Semantic.DeepEqual(without(e.ObjectOld), without(e.ObjectNew))
	}}
}
