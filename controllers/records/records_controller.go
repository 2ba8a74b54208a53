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
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
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
	Client    client.Client
	APIReader client.Reader
	Workload  *workload.View
	Zone      string
	// Ledger is told what each cluster holds, and Metrics count the writes.
	Ledger  *consumers.Ledger
	Metrics *consumers.Metrics
}

// SetupWithManager adds the reconciler to the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	several := mapping.SeveralClusters(r.Client)
	err := ctrl.NewControllerManagedBy(mgr).
		Named("records").
		For(&clusterv1.Cluster{}, builder.WithPredicates(
			predicate.Or[client.Object](
				predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{},
			),
		)).
		Watches(&xccv1.GatewayDNS{}, handler.EnqueueRequestsFromMapFunc(mapping.ToNamespace),
			builder.WithPredicates(publishedGatewaysChanged())).
		WatchesRawSource(r.Workload.Source()).
		WatchesRawSource(several.Source()).
		WithOptions(options).
		Complete(several.Reconciler(r))
	if err != nil {
		return fmt.Errorf("setting up the records controller: %w", err)
	}
	return nil
}

// Reconcile brings the EndpointSlices of the requested Cluster up to date.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster, phase, err := r.Workload.Get(ctx, request)
	if err != nil || phase == workload.None {
		return reconcile.Result{}, err
	}
	if phase == workload.Paused {
		r.Workload.StopWatching(cluster)
		r.lags(cluster, xccv1.LagPaused, "Cluster is paused: its records stay as they are until it is unpaused")
		return reconcile.Result{}, nil
	}
	reader, err := r.Workload.Reader(ctx, cluster,
		workload.Watch{Name: "records-namespaces", Object: &corev1.Namespace{}},
		workload.Watch{Name: "records-endpointslices", Object: &discoveryv1.EndpointSlice{}, Predicates: []predicate.Predicate{ours()}},
	)
	if silence, isSilent := errors.AsType[*workload.Silence](err); isSilent {
		r.Workload.StopWatching(cluster)
		r.isSilent(cluster, silence)
		return reconcile.Result{}, nil
	} else if err != nil {
		return reconcile.Result{}, err
	}
	if consumes, err := r.consumes(ctx, reader, cluster); err != nil {
		return reconcile.Result{}, err
	} else if !consumes {
		r.Workload.StopWatching(cluster)
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
		remote, err := r.Workload.Client(ctx, cluster)
		if silence, isSilent := errors.AsType[*workload.Silence](err); isSilent {
			r.isSilent(cluster, silence)
			return reconcile.Result{}, nil
		} else if err != nil {
			return reconcile.Result{}, err
		}
		if failed, err = r.apply(ctx, remote, cluster.Namespace, visible, changes); lost(err) {
			r.doesNotAnswer(cluster, time.Now(), "Cluster does not answer: check its API server")
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

// isSilent notes that a cluster cannot be read at the moment.
func (r *Reconciler) isSilent(cluster *clusterv1.Cluster, silence *workload.Silence) {
	why := "Cluster does not answer: check its kubeconfig Secret and its API server"
	if silence.IsRefused {
		why = silence.Why // Other reasons may change without waking us.
	}
	r.doesNotAnswer(cluster, silence.Since, why)
}

// doesNotAnswer notes since when a cluster does not answer, and why, if it is one that consumes or is to.
func (r *Reconciler) doesNotAnswer(cluster *clusterv1.Cluster, since time.Time, why string) {
	if r.isConsumer(cluster) {
		r.Ledger.Silent(client.ObjectKeyFromObject(cluster), since, why)
	}
}

// lags notes why a cluster is not up to date, if it is one that consumes or is to.
func (r *Reconciler) lags(cluster *clusterv1.Cluster, reason xccv1.LagReason, message string) {
	if r.isConsumer(cluster) {
		r.Ledger.Lags(client.ObjectKeyFromObject(cluster), reason, message)
	}
}

func (r *Reconciler) isConsumer(cluster *clusterv1.Cluster) bool {
	return cluster.Labels[xccv1.DNSLabel] == xccv1.DNSEnabled || r.Ledger.Consumes(client.ObjectKeyFromObject(cluster))
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
