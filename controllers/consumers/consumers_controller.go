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

package consumers

import (
	"context"
	"fmt"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/cluster-api/util/annotations"
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
)

// +kubebuilder:rbac:groups=connectivity.tanzu.vmware.com,resources=gatewaydns,verbs=get;list;watch
// +kubebuilder:rbac:groups=connectivity.tanzu.vmware.com,resources=gatewaydns/status,verbs=patch
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch

const (
	// FieldOwner owns status.consumers and the condition ConsumersCurrent.
	FieldOwner = client.FieldOwner("xcc-consumers")
	// interval is the shortest time between two writes of one GatewayDNS.
	interval = time.Second
	// lookInterval is the shortest time between two looks at one GatewayDNS. A look takes time in proportion to the
	// consuming clusters, and each of them wakes us when it holds a change.
	lookInterval = 250 * time.Millisecond
)

// Reconciler writes status.consumers of a GatewayDNS from what the Ledger knows. It makes no remote call.
type Reconciler struct {
	Client client.Client
	Ledger *Ledger
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
		Named("consumers").
		For(&xccv1.GatewayDNS{}, builder.WithPredicates(
			predicate.Or[client.Object](
				predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{}, status.GatewaysChanged(),
			),
		)).
		WatchesRawSource(r.Ledger.Source()).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the consumers controller: %w", err)
	}
	return nil
}

// Reconcile writes status.consumers of the requested GatewayDNS.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	now := time.Now()
	if wait := r.shares.Waits(request.NamespacedName, now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	if wait := r.looks.Wait(request.NamespacedName, now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	r.looks.Wrote(request.NamespacedName, now)
	gatewayDNS := &xccv1.GatewayDNS{}
	if err := r.Client.Get(ctx, request.NamespacedName, gatewayDNS); err != nil {
		if apierrors.IsNotFound(err) {
			r.Ledger.EvictGatewayDNS(request.NamespacedName)
			r.shares.Forget(request.NamespacedName)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !r.Filter.Admits(gatewayDNS) || annotations.HasPaused(gatewayDNS) || !gatewayDNS.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	clusters, err := r.Filter.Clusters(ctx, r.Client, gatewayDNS.Namespace)
	if err != nil {
		return reconcile.Result{}, err
	}
	summary, settled, revisit := r.Ledger.Summary(gatewayDNS, clusters, now)
	original := gatewayDNS.DeepCopy()
	gatewayDNS.Status.Consumers = summary
	setConsumersCurrentCondition(gatewayDNS)
	if !settled || apiequality.Semantic.DeepEqual(original.Status, gatewayDNS.Status) {
		return reconcile.Result{RequeueAfter: revisit}, nil
	}
	if wait := r.pace.Wait(request.NamespacedName, now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	if wait := r.shares.Wait(request.NamespacedName, now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	if err := r.write(ctx, gatewayDNS); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: revisit}, nil
}

// write applies status.consumers and the condition ConsumersCurrent.
func (r *Reconciler) write(ctx context.Context, gatewayDNS *xccv1.GatewayDNS) error {
	part := status.Part{Owner: FieldOwner, Field: "consumers", Condition: xccv1.ConsumersCurrentCondition}
	writing := time.Now()
	wrote, err := status.Apply(ctx, r.Client, gatewayDNS, part, gatewayDNS.Status.Consumers)
	r.shares.Spent(gatewayDNS.Namespace, time.Now(), time.Since(writing))
	if wrote {
		r.pace.Wrote(client.ObjectKeyFromObject(gatewayDNS), time.Now())
	}
	return err
}
