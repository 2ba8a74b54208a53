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
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/cluster-api/util/conditions"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/status"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
)

// +kubebuilder:rbac:groups=connectivity.tanzu.vmware.com,resources=gatewaydns,verbs=get;list;watch
// +kubebuilder:rbac:groups=connectivity.tanzu.vmware.com,resources=gatewaydns/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

const (
	// FieldOwner owns status.reachability and the condition GatewaysReachable.
	FieldOwner = client.FieldOwner("xcc-reachability")
	// interval is the shortest time between two writes of one GatewayDNS.
	interval = 10 * time.Second
	// lookInterval is the shortest time between two looks at one GatewayDNS, each of which takes time in proportion to its gateways.
	lookInterval = time.Second
)

// Reconciler writes status.reachability of a GatewayDNS from the Tally. It makes no remote call.
type Reconciler struct {
	Client   client.Client
	Recorder events.EventRecorder
	Tally    *Tally
	// Filter admits the GatewayDNS and the Clusters that belong to this instance of the manager.
	Filter workload.WatchFilter

	pace, looks pacing.Interval
	// shares bound the writes to the GatewayDNS of one namespace.
	shares pacing.Shares
}

// SetupWithManager adds the reconciler to the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	r.pace.Length, r.looks.Length = interval, lookInterval
	err := ctrl.NewControllerManagedBy(mgr).
		Named("reachability").
		For(&xccv1.GatewayDNS{}, builder.WithPredicates(
			predicate.Or[client.Object](
				predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{}, status.GatewaysChanged(),
			),
		)).
		WatchesRawSource(r.Tally.gatewayDNS.Source()).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the reachability controller: %w", err)
	}
	return nil
}

// Reconcile writes status.reachability of the requested GatewayDNS.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	now := time.Now()
	if wait := max(r.shares.Waits(request.NamespacedName, now), r.looks.Wait(request.NamespacedName, now)); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	r.looks.Wrote(request.NamespacedName, now)
	gatewayDNS := &xccv1.GatewayDNS{}
	if err := r.Client.Get(ctx, request.NamespacedName, gatewayDNS); apierrors.IsNotFound(err) {
		r.shares.Forget(request.NamespacedName)
		return reconcile.Result{}, r.uncheck(ctx, request.NamespacedName)
	} else if err != nil {
		return reconcile.Result{}, err
	}
	if !r.Filter.Admits(gatewayDNS) || !gatewayDNS.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, r.uncheck(ctx, request.NamespacedName)
	}
	if annotations.HasPaused(gatewayDNS) {
		return reconcile.Result{}, nil
	}
	original := gatewayDNS.DeepCopy()
	if settled, err := r.set(ctx, gatewayDNS); err != nil {
		return reconcile.Result{}, err
	} else if !settled {
		return reconcile.Result{RequeueAfter: lookInterval}, nil
	}
	if apiequality.Semantic.DeepEqual(original.Status, gatewayDNS.Status) {
		return reconcile.Result{}, nil
	}
	if wait := r.pace.Wait(request.NamespacedName, now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	if wait := r.shares.Wait(request.NamespacedName, now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	wrote, err := r.write(ctx, gatewayDNS)
	if wrote {
		r.recordTransition(original, gatewayDNS)
	}
	return reconcile.Result{}, err
}

// set sets the status. settled is false if a cluster has not been observed yet, as after a start of the manager.
func (r *Reconciler) set(ctx context.Context, gatewayDNS *xccv1.GatewayDNS) (settled bool, err error) {
	key := client.ObjectKeyFromObject(gatewayDNS)
	if gatewayDNS.Spec.HealthCheck == nil {
		unsetReachability(gatewayDNS)
		return true, r.uncheck(ctx, key)
	}
	probed := probedOf(gatewayDNS)
	if r.Tally.IsComplete(key.Namespace) {
		r.Tally.Check(key, probed.keys)
	} else if isComplete, err := r.complete(ctx, key, probed.keys); err != nil || !isComplete {
		return false, err
	}
	setReachability(gatewayDNS, probed.clusters, r.Tally.Counts(key.Namespace, probed.keys))
	return true, nil
}

// complete returns whether all clusters of the namespace have been observed. The first GatewayDNS with a health check wakes the
// Observer for them.
func (r *Reconciler) complete(ctx context.Context, gatewayDNS client.ObjectKey, keys []reachability.Key) (bool, error) {
	clusters, err := r.Filter.Clusters(ctx, r.Client, gatewayDNS.Namespace)
	if err != nil {
		return false, err
	}
	if r.Tally.Check(gatewayDNS, keys) {
		r.wake(gatewayDNS.Namespace, clusters)
	}
	return r.Tally.Complete(gatewayDNS.Namespace, clusters), nil
}

// uncheck drops a GatewayDNS from the Tally. After the last one of a namespace, the clusters are no longer observed.
func (r *Reconciler) uncheck(ctx context.Context, gatewayDNS client.ObjectKey) error {
	if !r.Tally.Uncheck(gatewayDNS) {
		return nil
	}
	clusters, err := r.Filter.Clusters(ctx, r.Client, gatewayDNS.Namespace)
	r.wake(gatewayDNS.Namespace, clusters)
	return err
}

func (r *Reconciler) wake(namespace string, clusters []string) {
	for _, name := range clusters {
		r.Tally.clusters.Wake(client.ObjectKey{Namespace: namespace, Name: name})
	}
}

// recordTransition emits an Event if the condition has another reason than before.
func (r *Reconciler) recordTransition(before, after *xccv1.GatewayDNS) {
	last, current := conditions.Get(before, xccv1.GatewaysReachableCondition), conditions.Get(after, xccv1.GatewaysReachableCondition)
	if current == nil || last == nil && current.Status == metav1.ConditionUnknown || last != nil && last.Reason == current.Reason {
		return
	}
	eventType := corev1.EventTypeNormal
	if current.Status == metav1.ConditionFalse {
		eventType = corev1.EventTypeWarning
	}
	r.Recorder.Eventf(after, nil, eventType, current.Reason, "ProbeGateways", "%s", current.Message)
}

// write applies status.reachability and the condition GatewaysReachable, or removes both.
func (r *Reconciler) write(ctx context.Context, gatewayDNS *xccv1.GatewayDNS) (wrote bool, err error) {
	part := status.Part{Owner: FieldOwner, Field: "reachability", Condition: xccv1.GatewaysReachableCondition}
	writing := time.Now()
	wrote, err = status.Apply(ctx, r.Client, gatewayDNS, part, gatewayDNS.Status.Reachability)
	r.shares.Spent(gatewayDNS.Namespace, time.Now(), time.Since(writing))
	if wrote {
		r.pace.Wrote(client.ObjectKeyFromObject(gatewayDNS), time.Now())
	}
	return wrote, err
}
