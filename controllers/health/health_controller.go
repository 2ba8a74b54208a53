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

package health

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/cluster-api/util/conditions"
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
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
)

// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch
// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters/status,verbs=patch
// +kubebuilder:rbac:groups=core,resources=secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// patience is how long a cluster may take to connect and to list its objects before it is called unreachable, so that
// neither a restart of the manager nor a rotated kubeconfig changes a condition.
const patience = 10 * time.Second

// Reconciler keeps the condition DNSReady of the Clusters.
type Reconciler struct {
	Client       client.Client
	Recorder     events.EventRecorder
	ClusterCache clustercache.ClusterCache
	Caches       *workload.Caches
	Connections  *workload.Connections
	// Kubeconfigs says why a cluster's kubeconfig is not used.
	Kubeconfigs *workload.Kubeconfigs
	// WatchFilterValue is the value of Cluster API's watch label on the Clusters to look at; all of them if empty.
	WatchFilterValue string
	// Registerer is where the metrics are registered.
	Registerer prometheus.Registerer

	controller controller.Controller
	gauge      *gauge

	pace     pacing.Buckets
	mu       sync.Mutex
	memories map[client.ObjectKey]*memory
}

// memory is what is remembered of a Cluster. Only the reconcile of that Cluster, of which there is one at a time, uses it.
type memory struct {
	uid         types.UID
	silentSince time.Time
	lease       *sighting
	// written is what was written last over the version writtenOver of the Cluster, which the cache may still hold.
	written     *metav1.Condition
	writtenOver string
}

// SetupWithManager adds the reconciler to the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	r.memories, r.gauge = map[client.ObjectKey]*memory{}, newGauge()
	if err := mgr.Add(r.gauge.whileActive(r.Registerer)); err != nil {
		return fmt.Errorf("setting up the metrics of health: %w", err)
	}
	health, err := ctrl.NewControllerManagedBy(mgr).
		Named("health").
		For(&clusterv1.Cluster{}, builder.WithPredicates(predicate.Or[client.Object](
			predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{},
			relevantStatusChanged(), mapping.ProvisioningChanged(),
		))).
		Watches(&corev1.Secret{}, handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &clusterv1.Cluster{}),
			builder.WithPredicates(isPayload())).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(mapping.KubeconfigToCluster), builder.WithPredicates(mapping.KubeconfigChanged())).
		WatchesRawSource(r.ClusterCache.GetClusterSource("health", mapping.ClusterToRequest)).
		WithOptions(options).
		Build(r)
	if err != nil {
		return fmt.Errorf("setting up the health controller: %w", err)
	}
	r.controller = health
	return nil
}

// Reconcile brings the condition of the requested Cluster up to date.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster := &clusterv1.Cluster{}
	if err := r.Client.Get(ctx, request.NamespacedName, cluster); err != nil {
		if !apierrors.IsNotFound(err) {
			return reconcile.Result{}, err
		}
		r.forget(request.NamespacedName)
		r.Caches.Forget(request.NamespacedName)
		return reconcile.Result{}, nil
	}
	filtered := r.WatchFilterValue != "" && !labels.HasWatchLabel(cluster, r.WatchFilterValue)
	if filtered || !cluster.DeletionTimestamp.IsZero() {
		r.forget(request.NamespacedName)
		return reconcile.Result{}, nil
	}
	if annotations.IsPaused(cluster, cluster) {
		r.gauge.set(request.NamespacedName, conditions.Get(cluster, xccv1.DNSReadyCondition))
		return reconcile.Result{}, nil
	}
	memory := r.remember(cluster)
	observation, err := r.observe(ctx, cluster, memory)
	if err != nil {
		return reconcile.Result{}, err
	}
	verdict := judge(observation)
	current, delay, err := r.write(ctx, cluster, memory, verdict)
	switch {
	case apierrors.IsNotFound(err):
		return reconcile.Result{}, nil
	case apierrors.IsConflict(err):
		// The cache is behind, and the change that it has not seen may be one that does not wake us.
		return reconcile.Result{RequeueAfter: time.Second}, nil
	case err != nil:
		return reconcile.Result{}, err
	}
	r.gauge.set(request.NamespacedName, current)
	if verdict.reason == "" {
		r.forget(request.NamespacedName)
	}
	if !verdict.again.IsZero() {
		again := max(verdict.again.Sub(observation.now), time.Millisecond)
		if delay == 0 || again < delay {
			delay = again
		}
	}
	return reconcile.Result{RequeueAfter: delay}, nil
}

// remember returns the memory of a Cluster, and a new one if the Cluster was created anew under the same name.
func (r *Reconciler) remember(cluster *clusterv1.Cluster) *memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := client.ObjectKeyFromObject(cluster)
	if former, ok := r.memories[key]; ok && former.uid == cluster.UID {
		return former
	}
	r.memories[key] = &memory{uid: cluster.UID}
	return r.memories[key]
}

func (r *Reconciler) forget(cluster client.ObjectKey) {
	r.gauge.set(cluster, nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.memories, cluster)
}

// relevantStatusChanged passes the updates of a Cluster whose condition somebody changed, or whose control plane came up.
func relevantStatusChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*clusterv1.Cluster), e.ObjectNew.(*clusterv1.Cluster)
		return isInitialized(before) != isInitialized(after) ||
			!hasSameState(conditions.Get(before, xccv1.DNSReadyCondition), conditions.Get(after, xccv1.DNSReadyCondition))
	}}
}

func isPayload() predicate.Predicate {
	return predicate.NewPredicateFuncs(func(object client.Object) bool {
		secret, ok := object.(*corev1.Secret)
		return ok && secret.Type == addonsv1.ClusterResourceSetSecretType
	})
}

func isInitialized(cluster *clusterv1.Cluster) bool {
	initialized := cluster.Status.Initialization.ControlPlaneInitialized
	return initialized != nil && *initialized
}
