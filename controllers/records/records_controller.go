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

	publications *publications
}

// SetupWithManager adds the reconciler to the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	r.publications = newPublications(r.Client, r.Zone)
	r.Workload.OnEvict(r.publications.evict)
	r.Workload.ShareSlices(r.publications.share)
	several := mapping.NewSeveral(func(ctx context.Context, namespace, gatewayDNS string) ([]string, error) {
		return r.publications.refresh(ctx, client.ObjectKey{Namespace: namespace, Name: gatewayDNS})
	})
	err := ctrl.NewControllerManagedBy(mgr).
		Named("records").
		For(&clusterv1.Cluster{}, builder.WithPredicates(
			predicate.Or[client.Object](
				predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{},
			),
		)).
		Watches(&xccv1.GatewayDNS{}, handler.EnqueueRequestsFromMapFunc(toConsumers), builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).
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
		workload.Watch{
			Name: "records-endpointslices", Object: &discoveryv1.EndpointSlice{}, Predicates: []predicate.Predicate{ours()}, Notice: r.notice,
		},
	)
	if silence, isSilent := errors.AsType[*workload.Silence](err); isSilent {
		r.Workload.StopWatching(cluster)
		return r.isSilent(cluster, silence), nil
	} else if err != nil {
		return reconcile.Result{}, err
	}
	if consumes, err := r.consumes(ctx, reader, cluster); err != nil {
		return reconcile.Result{}, err
	} else if !consumes {
		r.Workload.StopWatching(cluster)
		r.publications.evict(request.NamespacedName)
		r.doesNotConsume(cluster)
		return reconcile.Result{}, nil
	}
	return r.publish(ctx, reader, cluster)
}

// foreignRetry is the time until the next look at a slice that has a name of ours and another owner.
// Its events do not wake the controller.
const foreignRetry = 5 * time.Second

// publish brings the EndpointSlices of a consuming cluster up to date.
func (r *Reconciler) publish(ctx context.Context, reader client.Reader, cluster *clusterv1.Cluster) (reconcile.Result, error) {
	key := client.ObjectKeyFromObject(cluster)
	comparison, err := r.publications.compare(ctx, key, reader)
	if err != nil {
		return reconcile.Result{}, err
	}
	changes, consumer, err := r.plan(ctx, reader, cluster, comparison)
	if err != nil {
		return reconcile.Result{}, err
	}
	result := outcome{failed: taken(changes)}
	var applyErr error
	if !changes.Empty() {
		// Uncached, because a cached client starts an informer for whatever it reads.
		remote, err := r.Workload.Client(ctx, cluster)
		if silence, isSilent := errors.AsType[*workload.Silence](err); isSilent {
			return r.isSilent(cluster, silence), nil
		} else if err != nil {
			return reconcile.Result{}, err
		}
		facts := facts{reader: r.APIReader, remote: remote, namespace: cluster.Namespace, zone: r.Zone, compared: comparison.edition.gateway}
		if result, applyErr = r.apply(ctx, remote, &facts, changes); lost(applyErr) {
			r.doesNotAnswer(cluster, time.Now(), "Cluster does not answer: check its API server")
			return reconcile.Result{}, applyErr
		}
	}
	comparison.finish(r.unsettled(cluster.Namespace, result))
	refused := r.refused(result.failed)
	if consumer.Readers.IsOutdated() {
		addOutdated(refused, key.Namespace, comparison.edition.withFailover())
	}
	records := comparison.edition.records(consumer.Readers) - len(result.failed)
	r.Ledger.Held(key, comparison.edition.fingerprints(key.Namespace), refused, records)
	if applyErr != nil {
		return reconcile.Result{}, applyErr
	}
	if slices.ContainsFunc(result.failed, func(f failure) bool { return f.exists || f.refusal.Reason == xccv1.LagNameTaken }) {
		return reconcile.Result{RequeueAfter: foreignRetry}, nil
	}
	return reconcile.Result{}, nil
}

// plan returns the changes that settle the compared gateways in a cluster, and the cluster as it was
// seen.
func (r *Reconciler) plan(
	ctx context.Context, reader client.Reader, cluster *clusterv1.Cluster, comparison *comparison,
) (plan.Plan, plan.Consumer, error) {
	consumer := plan.Consumer{Cluster: cluster.Name, Labels: cluster.Labels}
	held, err := comparison.held(ctx, reader)
	if err != nil {
		return plan.Plan{}, consumer, err
	}
	dependOnReaders := comparison.holdsHostNames || comparison.edition.dependOnReaders() || slices.ContainsFunc(held, plan.HoldsHostNames)
	if consumer.Readers, err = r.readers(ctx, cluster, dependOnReaders); err != nil {
		return plan.Plan{}, consumer, err
	}
	if comparison.widen(consumer) {
		if held, err = comparison.held(ctx, reader); err != nil {
			return plan.Plan{}, consumer, err
		}
	}
	comparison.saw(held)
	return plan.Compute(r.Zone, comparison.gateways(), held, consumer), consumer, nil
}

// unsettled returns the gateways that have to be compared again: those of slices that could not be
// written, and of candidates that nothing justified to delete so far. A slice that names a GatewayDNS
// of another namespace is never deleted.
func (r *Reconciler) unsettled(namespace string, result outcome) []plan.Source {
	var sources []plan.Source
	for _, failure := range result.failed {
		source, _ := plan.Published(failure.slice, r.Zone)
		sources = append(sources, source)
	}
	for _, slice := range result.kept {
		if source, ok := plan.Published(slice, r.Zone); ok && source.GatewayDNS.Namespace == namespace {
			sources = append(sources, source)
		}
	}
	return sources
}

// isSilent notes that a cluster cannot be read at the moment. It looks again before the Ledger loses
// patience with a cluster that still waits for its first connection.
func (r *Reconciler) isSilent(cluster *clusterv1.Cluster, silence *workload.Silence) reconcile.Result {
	why := "Cluster does not answer: check its kubeconfig Secret and its API server"
	if silence.IsRefused {
		why = silence.Why // Other reasons may change without waking us.
	}
	r.doesNotAnswer(cluster, silence.Since, why)
	if silence.IsQueued {
		return reconcile.Result{RequeueAfter: workload.Patience / 2}
	}
	return reconcile.Result{}
}

// doesNotAnswer notes since when a cluster does not answer, and why.
func (r *Reconciler) doesNotAnswer(cluster *clusterv1.Cluster, since time.Time, why string) {
	key := client.ObjectKeyFromObject(cluster)
	if r.isConsumer(cluster) {
		r.Ledger.Silent(key, since, why)
	} else {
		r.Ledger.Undecided(key, since)
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

// toConsumers maps a GatewayDNS to the request for all clusters that consume its records.
func toConsumers(_ context.Context, gatewayDNS client.Object) []reconcile.Request {
	return []reconcile.Request{mapping.SeveralOf(gatewayDNS.GetNamespace(), gatewayDNS.GetName())}
}

// notice marks the gateways of a slice that has changed in a cluster.
func (r *Reconciler) notice(cluster client.ObjectKey, object client.Object) {
	if slice, ok := object.(*discoveryv1.EndpointSlice); ok {
		r.publications.changed(cluster, slice)
	}
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
