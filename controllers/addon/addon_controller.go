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
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/annotations"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
)

// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=addons.cluster.x-k8s.io,resources=clusterresourcesets,verbs=list;watch;create;patch;delete
// +kubebuilder:rbac:groups=addons.cluster.x-k8s.io,resources=clusterresourcesetbindings,verbs=list;watch;patch;delete
// +kubebuilder:rbac:groups=core,resources=secrets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

const (
	// suffix is that of a Cluster's payload and ClusterResourceSet.
	suffix = xccv1.PayloadSuffix
	// retry is how soon a write is tried again for which the cache was outdated.
	retry = time.Second
)

// Reconciler keeps the payload and the ClusterResourceSet of each labelled Cluster, and what they installed.
type Reconciler struct {
	// Client reads Clusters, ClusterResourceSets, their bindings and Secrets that carry the cluster name label from the cache.
	Client client.Client
	// Uncached reads from the API server.
	Uncached client.Client
	Recorder events.EventRecorder
	Workload *workload.View
	// Values are what is installed in every workload cluster whose Cluster has no options of its own.
	Values templates.Values
	// Bounds are the most that the options of a Cluster can ask for.
	Bounds install.Bounds
	// Rollout says how many workload clusters, of those whose DNS was ready, are given another release at the same time.
	Rollout install.RolloutOptions
	// DrainTime is how long the DNS servers of a cluster go on after CoreDNS's configuration has no server block of ours.
	DrainTime time.Duration

	memory  memory
	pace    pacing.Buckets
	rollout *rollout
	// release is the payload of every Cluster that has no options of its own.
	release payload
}

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
	r.Workload.OnEvict(func(cluster client.ObjectKey) {
		r.memory.forget(cluster)
		r.pace.Evict(cluster, time.Now())
	})
	// By name, because an object that is not ours may have the name of one of ours.
	byName := handler.EnqueueRequestsFromMapFunc(objectToCluster)
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

// Reconcile keeps the add-on installed in the workload cluster of the requested Cluster if that is labelled, and takes it
// out otherwise.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster, phase, err := r.Workload.Get(ctx, request)
	if err != nil || phase == workload.None {
		return reconcile.Result{}, err
	}
	s, err := r.newScope(ctx, cluster)
	if err != nil {
		return reconcile.Result{}, err
	}
	result, err := afterDelay(r.reconcile(ctx, s, phase))
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return reconcile.Result{RequeueAfter: retry}, nil
	}
	return result, err
}

// objectToCluster returns the Cluster to which a Secret or ClusterResourceSet belongs by its name, if any.
func objectToCluster(_ context.Context, object client.Object) []reconcile.Request {
	name, ok := strings.CutSuffix(object.GetName(), suffix)
	if !ok || name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: object.GetNamespace(), Name: name}}}
}

func (r *Reconciler) reconcile(ctx context.Context, s *scope, phase workload.Phase) (reconcile.Result, error) {
	if phase == workload.Paused {
		r.Workload.StopWatching(s.cluster)
		return reconcile.Result{}, r.pauseSet(ctx, s)
	}
	if blocked, err := r.reconcileConflict(ctx, s); err != nil {
		return reconcile.Result{}, err
	} else if blocked {
		return lookAgain(), nil
	}
	if s.cluster.Labels[xccv1.DNSLabel] != xccv1.DNSEnabled {
		return r.reconcileRemoval(ctx, s)
	}
	if len(validation.IsValidLabelValue(s.cluster.Name)) > 0 {
		// No ClusterResourceSet can select it, and Cluster API cannot label anything for it either. The condition says so.
		return reconcile.Result{}, nil
	}
	for _, phase := range []func(context.Context, *scope) error{
		r.reconcileLabel, r.reconcilePayload, r.reconcileSet, r.reconcileBinding, r.reconcileTakeover,
	} {
		if err := phase(ctx, s); err != nil {
			return reconcile.Result{}, err
		}
	}
	result, err := r.reconcileWorkload(ctx, s)
	if err == nil && s.wait > 0 {
		result = within(result, s.wait)
	}
	if err == nil && s.leaving {
		result = within(result, glance)
	}
	return result, err
}

// within returns the result with the next reconcile no later than after a time.
func within(result reconcile.Result, latest time.Duration) reconcile.Result {
	if result.RequeueAfter == 0 || result.RequeueAfter > latest {
		result.RequeueAfter = latest
	}
	return result
}

// reconcileLabel sets the label by which the ClusterResourceSet selects this Cluster alone.
func (r *Reconciler) reconcileLabel(ctx context.Context, s *scope) error {
	if s.cluster.Labels[xccv1.DNSClusterLabel] == s.cluster.Name {
		return nil
	}
	original := s.cluster.DeepCopy()
	s.cluster.Labels[xccv1.DNSClusterLabel] = s.cluster.Name
	if err := r.Client.Patch(ctx, s.cluster, client.MergeFrom(original)); err != nil {
		return fmt.Errorf("labelling the Cluster: %w", err)
	}
	return nil
}

func (r *Reconciler) reconcileSet(ctx context.Context, s *scope) error {
	set := &addonsv1.ClusterResourceSet{ObjectMeta: metav1.ObjectMeta{Namespace: s.cluster.Namespace, Name: s.cluster.Name + suffix}}
	if s.set != nil {
		set = s.set.DeepCopy()
	}
	delete(set.Annotations, clusterv1.PausedAnnotation)
	set.Spec = addonsv1.ClusterResourceSetSpec{
		ClusterSelector: metav1.LabelSelector{MatchLabels: map[string]string{
			xccv1.DNSLabel:        xccv1.DNSEnabled,
			xccv1.DNSClusterLabel: s.cluster.Name,
		}},
		Resources: []addonsv1.ResourceRef{{Name: s.cluster.Name + suffix, Kind: string(addonsv1.SecretClusterResourceSetResourceKind)}},
		Strategy:  string(addonsv1.ClusterResourceSetStrategyReconcile),
	}
	if err := r.setOwner(s.cluster, set); err != nil {
		return err
	}
	if s.set != nil {
		if err := r.patch(ctx, s.set, set); err != nil {
			return err
		}
	} else if err := r.Client.Create(ctx, set); err != nil {
		return fmt.Errorf("creating ClusterResourceSet %s: %w", klog.KObj(set), err)
	}
	s.set = set
	return nil
}

// setOwner makes the object go with the Cluster, move with it, and belong to the instance that the Cluster belongs to. The
// cluster name label lets the manager's cache of Secrets hold the payload.
func (r *Reconciler) setOwner(cluster *clusterv1.Cluster, object client.Object) error {
	objectLabels := maps.Clone(object.GetLabels())
	if objectLabels == nil {
		objectLabels = map[string]string{}
	}
	objectLabels[clusterv1.ClusterNameLabel] = cluster.Name
	// Cluster API's own controller looks at the Cluster's label, whether our manager filters or not.
	if filter, ok := cluster.Labels[clusterv1.WatchLabel]; ok {
		objectLabels[clusterv1.WatchLabel] = filter
	} else {
		delete(objectLabels, clusterv1.WatchLabel)
	}
	object.SetLabels(objectLabels)
	return controllerutil.SetOwnerReference(cluster, object, r.Client.Scheme())
}

// pauseSet pauses the ClusterResourceSet of a paused Cluster, because the ClusterResourceSet controller does not look at
// whether a Cluster is paused. The payload stays as it is.
func (r *Reconciler) pauseSet(ctx context.Context, s *scope) error {
	if s.set == nil || annotations.HasPaused(s.set) {
		return nil
	}
	set := s.set.DeepCopy()
	setAnnotation(set, clusterv1.PausedAnnotation, "")
	return r.patch(ctx, s.set, set)
}
