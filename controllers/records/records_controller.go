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
	"slices"
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
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/consumers"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// +kubebuilder:rbac:groups=connectivity.tanzu.vmware.com,resources=gatewaydns,verbs=get;list;watch
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch

// Reconciler keeps the EndpointSlices of one consuming workload cluster per reconcile.
type Reconciler struct {
	// Client reads the management cluster from the manager's cache, APIReader from its API server.
	Client       client.Client
	APIReader    client.Reader
	ClusterCache clustercache.ClusterCache
	Connections  *workload.Connections
	Caches       *workload.Caches
	// OnDemand watches the Pods of dns-servers where host names are published.
	OnDemand *workload.OnDemand
	// Kubeconfigs says why a cluster's kubeconfig is not used.
	Kubeconfigs      *workload.Kubeconfigs
	WatchFilterValue string
	Zone             string
	// Ledger is told what each cluster holds, and Metrics count the writes.
	Ledger  *consumers.Ledger
	Metrics *consumers.Metrics

	controller controller.Controller
}

// SetupWithManager adds the reconciler to the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	several := mapping.SeveralClusters(r.Client)
	records, err := ctrl.NewControllerManagedBy(mgr).
		Named("records").
		For(&clusterv1.Cluster{}, builder.WithPredicates(
			predicate.Or[client.Object](
				predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{},
			),
		)).
		Watches(&xccv1.GatewayDNS{}, handler.EnqueueRequestsFromMapFunc(mapping.ToNamespace),
			builder.WithPredicates(publishedGatewaysChanged())).
		WatchesRawSource(r.ClusterCache.GetClusterSource("records", mapping.ClusterToRequest)).
		WatchesRawSource(r.OnDemand.Source()).
		WatchesRawSource(several.Source()).
		WithOptions(options).
		Build(several.Reconciler(r))
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
			r.Ledger.Forget(request.NamespacedName)
			r.Caches.Forget(request.NamespacedName)
			r.OnDemand.Forget(request.NamespacedName)
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, err
	}
	filtered := r.WatchFilterValue != "" && !labels.HasWatchLabel(cluster, r.WatchFilterValue)
	if filtered || !cluster.DeletionTimestamp.IsZero() {
		r.Ledger.Forget(request.NamespacedName)
		r.OnDemand.Forget(request.NamespacedName)
		return reconcile.Result{}, nil
	}
	if annotations.IsPaused(cluster, cluster) {
		r.OnDemand.Forget(request.NamespacedName)
		r.lags(cluster, xccv1.LagPaused, "Cluster is paused: its records stay as they are until it is unpaused")
		return reconcile.Result{}, nil
	}
	reader, err := r.Caches.Reader(ctx, cluster, r.controller,
		workload.Watch{Name: "records-namespaces", Object: &corev1.Namespace{}},
		workload.Watch{Name: "records-endpointslices", Object: &discoveryv1.EndpointSlice{}, Predicates: []predicate.Predicate{ours()}},
	)
	if silent(err) {
		// We are woken when the cluster is connected and has listed its objects.
		r.OnDemand.Forget(request.NamespacedName)
		r.lags(cluster, xccv1.LagUnreachable, r.whySilent(ctx, cluster, err))
		return reconcile.Result{}, nil
	} else if err != nil {
		return reconcile.Result{}, err
	}
	if consumes, err := r.consumes(ctx, reader, cluster); err != nil {
		return reconcile.Result{}, err
	} else if !consumes {
		r.OnDemand.Forget(request.NamespacedName)
		r.doesNotConsume(cluster)
		return reconcile.Result{}, nil
	}
	return r.publish(ctx, reader, cluster)
}

// foreignRetry is when to look again at a slice that is somebody else's and has a name of ours: its events do not wake us.
const foreignRetry = 5 * time.Second

// publish brings the EndpointSlices of a consuming cluster up to date.
func (r *Reconciler) publish(ctx context.Context, reader client.Reader, cluster *clusterv1.Cluster) (reconcile.Result, error) {
	key := client.ObjectKeyFromObject(cluster)
	visible, changes, err := r.plan(ctx, reader, cluster)
	if err != nil {
		return reconcile.Result{}, err
	}
	failed := taken(changes)
	var applyErr error
	if !changes.Empty() {
		// Uncached, because a cached client starts an informer for whatever it reads.
		remote, err := r.Connections.Client(ctx, cluster)
		if silent(err) {
			r.lags(cluster, xccv1.LagUnreachable, r.whySilent(ctx, cluster, err))
			return reconcile.Result{}, nil
		} else if err != nil {
			return reconcile.Result{}, err
		}
		if failed, err = r.apply(ctx, remote, cluster.Namespace, visible, changes); lost(err) {
			r.lags(cluster, xccv1.LagUnreachable, "Cluster does not answer: check its API server")
			return reconcile.Result{}, err
		}
		applyErr = err
	}
	r.Ledger.Held(key, visible, r.refused(failed), changes.Wanted)
	if applyErr != nil {
		return reconcile.Result{}, applyErr
	}
	if slices.ContainsFunc(failed, func(f failure) bool { return f.exists || f.refusal.Reason == xccv1.LagNameTaken }) {
		return reconcile.Result{RequeueAfter: foreignRetry}, nil
	}
	return reconcile.Result{}, nil
}

// silent returns whether an error says that a cluster cannot be asked at the moment.
func silent(err error) bool {
	return errors.Is(err, clustercache.ErrClusterNotConnected) || errors.Is(err, workload.ErrNotSynced)
}

// whySilent returns why a cluster cannot be asked at the moment, for status.consumers.
func (r *Reconciler) whySilent(ctx context.Context, cluster *clusterv1.Cluster, err error) string {
	if beyondBudget, ok := errors.AsType[*workload.BudgetError](err); ok {
		return beyondBudget.Error()
	}
	// Other reasons may have changed without waking us.
	if why, refused := r.Kubeconfigs.Disconnected(ctx, cluster); refused {
		return why
	}
	return "Cluster does not answer: check its kubeconfig Secret and its API server"
}

// lags notes why a cluster is not up to date, if it is one that consumes or is to.
func (r *Reconciler) lags(cluster *clusterv1.Cluster, reason xccv1.LagReason, message string) {
	key := client.ObjectKeyFromObject(cluster)
	if cluster.Labels[xccv1.DNSLabel] == xccv1.DNSEnabled || r.Ledger.Consumes(key) {
		r.Ledger.Lags(key, reason, message)
	}
}

// doesNotConsume notes that a cluster has no namespace for records.
func (r *Reconciler) doesNotConsume(cluster *clusterv1.Cluster) {
	key := client.ObjectKeyFromObject(cluster)
	if cluster.Labels[xccv1.DNSLabel] != xccv1.DNSEnabled {
		r.Ledger.Absent(key)
		return
	}
	r.Ledger.Lags(key, xccv1.LagNotInstalled, "Cluster is labelled and has no namespace "+xccv1.WorkloadNamespace+" yet")
}

// consumes returns whether the cluster has the namespace whose EndpointSlices are served. One that the add-on brought does not
// count any more when the label is gone and nobody asks the DNS servers: the add-on is being removed, or was and left the
// namespace to others.
func (r *Reconciler) consumes(ctx context.Context, reader client.Reader, cluster *clusterv1.Cluster) (bool, error) {
	namespace := &corev1.Namespace{}
	if err := reader.Get(ctx, client.ObjectKey{Name: xccv1.WorkloadNamespace}, namespace); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	_, drained := namespace.Annotations[xccv1.DrainedAnnotation]
	isLabelled := cluster.Labels[xccv1.DNSLabel] == xccv1.DNSEnabled
	return namespace.DeletionTimestamp.IsZero() && (isLabelled || !drained), nil
}

// plan returns the GatewayDNS that a cluster may see, and what has to change there.
func (r *Reconciler) plan(ctx context.Context, reader client.Reader, cluster *clusterv1.Cluster) ([]xccv1.GatewayDNS, plan.Plan, error) {
	visible := &xccv1.GatewayDNSList{}
	if err := r.Client.List(ctx, visible, client.InNamespace(cluster.Namespace)); err != nil {
		return nil, plan.Plan{}, fmt.Errorf("listing GatewayDNS in %s: %w", cluster.Namespace, err)
	}
	held := &discoveryv1.EndpointSliceList{}
	if err := reader.List(ctx, held, client.InNamespace(xccv1.WorkloadNamespace)); err != nil {
		return nil, plan.Plan{}, fmt.Errorf("listing EndpointSlices: %w", err)
	}
	readers, err := r.readers(ctx, cluster, visible.Items, held.Items)
	if err != nil {
		return nil, plan.Plan{}, err
	}
	return visible.Items, plan.Compute(r.Zone, visible.Items, held.Items, readers), nil
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
