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

package addon

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=addons.cluster.x-k8s.io,resources=clusterresourcesets,verbs=list;watch;create;patch;delete
// +kubebuilder:rbac:groups=addons.cluster.x-k8s.io,resources=clusterresourcesetbindings,verbs=list;watch;patch;delete
// +kubebuilder:rbac:groups=core,resources=secrets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

const (
	// retry is how soon a write is tried again after a conflict, which means that the cache was
	// outdated.
	retry = time.Second
	// maxSteps bounds the steps of one reconcile, in case a workload cluster accepts writes without
	// effect. The longest way through an installation or a removal has 10. busyRetry is how soon a
	// reconcile that exceeds it goes on.
	maxSteps  = 16
	busyRetry = 5 * time.Second
)

// SetupWithManager adds the reconciler to the manager.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager, options controller.Options) error {
	var err error
	if r.release, err = newPayload(r.Values); err != nil {
		return err
	}
	r.rollout = newRollout(r.release.hash, r.Rollout, r.Workload.Admits)
	if err := r.rollout.watch(ctx, mgr.GetCache()); err != nil {
		return err
	}
	r.Workload.OnEvict(func(cluster client.ObjectKey) { r.pace.Evict(cluster, time.Now()) })
	// By name, because an object that is not ours may have the name of one of ours.
	byName := handler.EnqueueRequestsFromMapFunc(payloadToCluster)
	err = ctrl.NewControllerManagedBy(mgr).
		Named("addon").
		For(&clusterv1.Cluster{}).
		Watches(&addonsv1.ClusterResourceSet{}, byName).
		Watches(&corev1.Secret{}, byName).
		// A binding has the name of its Cluster.
		Watches(&addonsv1.ClusterResourceSetBinding{}, handler.EnqueueRequestsFromMapFunc(mapping.ClusterToRequest)).
		WatchesRawSource(r.Workload.Source()).
		WatchesRawSource(source.Channel(r.rollout.wake, &handler.EnqueueRequestForObject{})).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the add-on controller: %w", err)
	}
	return nil
}

// Reconcile keeps the add-on installed in the workload cluster of the requested Cluster if that is
// labelled, and removes it otherwise.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster, phase, err := r.Workload.Get(ctx, request)
	if err != nil || phase == workload.None {
		return reconcile.Result{}, err
	}
	s, err := r.observe(ctx, cluster, phase == workload.Paused)
	if err != nil {
		return reconcile.Result{}, err
	}
	result, err := r.reconcile(ctx, s)
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return reconcile.Result{RequeueAfter: retry}, nil
	}
	return result, err
}

// reconcile takes one step after the other until the next one has to wait. The State of a step is
// stored before its action is taken, so that a manager that restarts goes on where this one was.
func (r *Reconciler) reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	if s.observed.Paused || !s.observed.Labelled {
		r.Workload.StopWatching(s.cluster)
	}
	for range maxSteps {
		step := install.Next(s.observed, time.Now())
		if delay, err := r.store(ctx, s, step); err != nil || delay > 0 {
			return reconcile.Result{RequeueAfter: delay}, err
		}
		if err := r.act(ctx, s, step.Action); err != nil {
			return reconcile.Result{}, err
		}
		for _, event := range step.Events {
			r.Recorder.Eventf(s.cluster, nil, event.Type, event.Reason, event.Action, "%s", event.Note)
		}
		if step.Action == install.None || step.Last {
			if s.incomplete != nil {
				return reconcile.Result{}, s.incomplete
			}
			return reconcile.Result{RequeueAfter: step.After}, nil
		}
	}
	return reconcile.Result{RequeueAfter: busyRetry}, nil
}
