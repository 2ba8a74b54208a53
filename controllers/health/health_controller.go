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
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
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

// Reconciler keeps the condition DNSReady of the Clusters.
type Reconciler struct {
	Client   client.Client
	Recorder events.EventRecorder
	Workload *workload.View
	// Registerer is where the metrics are registered.
	Registerer prometheus.Registerer

	memories workload.State[memory]
	pace     pacing.Buckets
}

// memory is the controller's memory of a Cluster. Only the reconcile of that Cluster, of which there is one at a time, uses it, but for
// the reason.
type memory struct {
	lease *sighting
	// written is what was written last over the version writtenOver of the Cluster, which the cache may still hold.
	written     *metav1.Condition
	writtenOver string
	// reason is that of the condition, for the metrics; nil if there is none.
	reason atomic.Pointer[string]
}

// SetupWithManager adds the reconciler to the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	r.Workload.OnEvict(func(cluster client.ObjectKey) { r.pace.Evict(cluster, time.Now()) })
	if err := mgr.Add(newGauge(r.reasons).whileActive(r.Registerer)); err != nil {
		return fmt.Errorf("setting up the metrics of health: %w", err)
	}
	err := ctrl.NewControllerManagedBy(mgr).
		Named("health").
		For(&clusterv1.Cluster{}, builder.WithPredicates(predicate.Or[client.Object](
			predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{},
			relevantStatusChanged(), mapping.ProvisioningChanged(),
		))).
		Watches(&corev1.Secret{}, handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &clusterv1.Cluster{}),
			builder.WithPredicates(isPayload())).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(mapping.KubeconfigToCluster), builder.WithPredicates(mapping.KubeconfigChanged())).
		WatchesRawSource(r.Workload.Source()).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the health controller: %w", err)
	}
	return nil
}

// Reconcile brings the condition of the requested Cluster up to date.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster, phase, err := r.Workload.Get(ctx, request)
	if err != nil || phase == workload.None {
		return reconcile.Result{}, err
	}
	memory := r.memories.Of(ctx, r.Workload.Clusters, cluster)
	if phase == workload.Paused {
		memory.setReason(conditions.Get(cluster, xccv1.DNSReadyCondition))
		return reconcile.Result{}, nil
	}
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
	memory.setReason(current)
	if verdict.reason == "" {
		r.memories.Drop(r.Workload.Clusters, cluster)
	}
	if !verdict.again.IsZero() {
		again := max(verdict.again.Sub(observation.now), time.Millisecond)
		if delay == 0 || again < delay {
			delay = again
		}
	}
	return reconcile.Result{RequeueAfter: delay}, nil
}

// setReason notes the condition of a Cluster, which is nil if it has none.
func (m *memory) setReason(condition *metav1.Condition) {
	if condition == nil {
		m.reason.Store(nil)
		return
	}
	reason := condition.Reason
	m.reason.Store(&reason)
}

// reasons returns the reason of each Cluster's condition.
func (r *Reconciler) reasons() []string {
	var reasons []string
	for _, memory := range r.memories.All(r.Workload.Clusters) {
		if reason := memory.reason.Load(); reason != nil {
			reasons = append(reasons, *reason)
		}
	}
	return reasons
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
