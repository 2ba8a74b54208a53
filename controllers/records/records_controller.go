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

package records

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/cluster-api/util/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/workload"
)

// +kubebuilder:rbac:groups=connectivity.tanzu.vmware.com,resources=gatewaydns,verbs=get;list;watch
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch

// Reconciler keeps the EndpointSlices of one consuming workload cluster per reconcile.
type Reconciler struct {
	// Client reads the management cluster from the manager's cache, APIReader from its API server.
	Client           client.Client
	APIReader        client.Reader
	ClusterCache     clustercache.ClusterCache
	Caches           *workload.Caches
	WatchFilterValue string
	Zone             string

	controller controller.Controller
}

// SetupWithManager adds the reconciler to the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	records, err := ctrl.NewControllerManagedBy(mgr).
		Named("records").
		For(&clusterv1.Cluster{}, builder.WithPredicates(
			predicate.Or[client.Object](
				predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{},
			),
		)).
		Watches(&xccv1.GatewayDNS{}, handler.EnqueueRequestsFromMapFunc(mapping.GatewayDNSToClusters(r.Client)),
			builder.WithPredicates(publishedGatewaysChanged())).
		WatchesRawSource(r.ClusterCache.GetClusterSource("records", mapping.ClusterToRequest)).
		WithOptions(options).
		Build(r)
	if err != nil {
		return fmt.Errorf("setting up the records controller: %w", err)
	}
	r.controller = records
	return nil
}

// Reconcile brings the EndpointSlices of the requested Cluster up to date.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster := &clusterv1.Cluster{}
	if err := r.Client.Get(ctx, request.NamespacedName, cluster); err != nil {
		if apierrors.IsNotFound(err) {
			if !r.Caches.Forget(ctx, request.NamespacedName) {
				// clustercache is woken by the same event and has not closed the connection yet.
				return reconcile.Result{RequeueAfter: time.Second}, nil
			}
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, err
	}
	if r.WatchFilterValue != "" && !labels.HasWatchLabel(cluster, r.WatchFilterValue) {
		return reconcile.Result{}, nil
	}
	if annotations.IsPaused(cluster, cluster) || !cluster.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	reader, err := r.Caches.Reader(ctx, request.NamespacedName, r.controller,
		workload.Watch{Name: "records-namespaces", Object: &corev1.Namespace{}},
		workload.Watch{Name: "records-endpointslices", Object: &discoveryv1.EndpointSlice{}, Predicates: []predicate.Predicate{ours()}},
	)
	if errors.Is(err, clustercache.ErrClusterNotConnected) || errors.Is(err, workload.ErrNotSynced) {
		// We are woken when the cluster is connected and has listed its objects.
		return reconcile.Result{}, nil
	} else if err != nil {
		return reconcile.Result{}, err
	}
	if consumes, err := r.consumes(ctx, reader); err != nil || !consumes {
		return reconcile.Result{}, err
	}
	changes, err := r.plan(ctx, reader, cluster.Namespace)
	if err != nil {
		return reconcile.Result{}, err
	}
	if changes.Empty() {
		return reconcile.Result{}, nil
	}
	// Uncached, because a cached client starts an informer for whatever it reads.
	remote, err := r.ClusterCache.GetUncachedClient(ctx, request.NamespacedName)
	if errors.Is(err, clustercache.ErrClusterNotConnected) {
		return reconcile.Result{}, nil
	} else if err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{}, r.apply(ctx, remote, cluster.Namespace, changes)
}

// consumes returns whether the cluster has the namespace whose EndpointSlices are served.
func (r *Reconciler) consumes(ctx context.Context, reader client.Reader) (bool, error) {
	namespace := &corev1.Namespace{}
	if err := reader.Get(ctx, client.ObjectKey{Name: xccv1.WorkloadNamespace}, namespace); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return namespace.DeletionTimestamp.IsZero(), nil
}

func (r *Reconciler) plan(ctx context.Context, reader client.Reader, namespace string) (plan.Plan, error) {
	visible := &xccv1.GatewayDNSList{}
	if err := r.Client.List(ctx, visible, client.InNamespace(namespace)); err != nil {
		return plan.Plan{}, fmt.Errorf("listing GatewayDNS in %s: %w", namespace, err)
	}
	held := &discoveryv1.EndpointSliceList{}
	if err := reader.List(ctx, held, client.InNamespace(xccv1.WorkloadNamespace)); err != nil {
		return plan.Plan{}, fmt.Errorf("listing EndpointSlices: %w", err)
	}
	return plan.Compute(r.Zone, visible.Items, held.Items), nil
}

// publishedGatewaysChanged passes the events of a GatewayDNS after which other records may be due.
func publishedGatewaysChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*xccv1.GatewayDNS), e.ObjectNew.(*xccv1.GatewayDNS)
		return !apiequality.Semantic.DeepEqual(before.Status.Gateways, after.Status.Gateways)
	}}
}

// ours passes the events of slices that are, or were, the manager's own.
func ours() predicate.Predicate {
	isOurs := func(object client.Object) bool {
		slice, ok := object.(*discoveryv1.EndpointSlice)
		return ok && plan.IsOurs(slice)
	}
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return isOurs(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool { return isOurs(e.ObjectOld) || isOurs(e.ObjectNew) },
		DeleteFunc: func(e event.DeleteEvent) bool { return isOurs(e.Object) },
	}
}
