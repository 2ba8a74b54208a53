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

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/cluster-api/util/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=addons.cluster.x-k8s.io,resources=clusterresourcesets,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=core,resources=secrets,verbs=get;list;watch;create;patch

const (
	// suffix is what the names of a Cluster's payload and ClusterResourceSet end with.
	suffix = "-xcc-dns"
	// payloadKey is the only key of a payload: a ClusterResourceSet keeps the order of objects within one key only.
	payloadKey = "xcc-dns.yaml"
)

// Reconciler keeps the payload and the ClusterResourceSet of each labelled Cluster.
type Reconciler struct {
	// Client reads Clusters, ClusterResourceSets and Secrets that carry the cluster name label from the cache.
	Client client.Client
	// Uncached reads from the API server.
	Uncached client.Client
	// WatchFilterValue is the value of Cluster API's watch label on the Clusters to look at; all of them if empty.
	WatchFilterValue string
	// Payload is the manifests to install, as a YAML stream.
	Payload []byte
}

// SetupWithManager adds the reconciler to the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	ownedByCluster := handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &clusterv1.Cluster{})
	err := ctrl.NewControllerManagedBy(mgr).
		Named("addon").
		For(&clusterv1.Cluster{}).
		Watches(&addonsv1.ClusterResourceSet{}, ownedByCluster).
		Watches(&corev1.Secret{}, ownedByCluster).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the add-on controller: %w", err)
	}
	return nil
}

// Reconcile installs the add-on in the requested Cluster if it is labelled.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster := &clusterv1.Cluster{}
	if err := r.Client.Get(ctx, request.NamespacedName, cluster); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if r.WatchFilterValue != "" && !labels.HasWatchLabel(cluster, r.WatchFilterValue) {
		return reconcile.Result{}, nil
	}
	if cluster.Labels[xccv1.DNSLabel] != xccv1.DNSEnabled || !cluster.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	if annotations.IsPaused(cluster, cluster) {
		return reconcile.Result{}, r.pauseSet(ctx, cluster)
	}
	if err := r.reconcileLabel(ctx, cluster); err != nil {
		return reconcile.Result{}, err
	}
	if err := r.reconcilePayload(ctx, cluster); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{}, r.reconcileSet(ctx, cluster)
}

// reconcileLabel sets the label by which the ClusterResourceSet selects this Cluster alone.
func (r *Reconciler) reconcileLabel(ctx context.Context, cluster *clusterv1.Cluster) error {
	if cluster.Labels[xccv1.DNSClusterLabel] == cluster.Name {
		return nil
	}
	original := cluster.DeepCopy()
	cluster.Labels[xccv1.DNSClusterLabel] = cluster.Name
	if err := r.Client.Patch(ctx, cluster, client.MergeFrom(original)); err != nil {
		return fmt.Errorf("labelling the Cluster: %w", err)
	}
	return nil
}

func (r *Reconciler) reconcilePayload(ctx context.Context, cluster *clusterv1.Cluster) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: cluster.Name + suffix}}
	return r.createOrPatch(ctx, secret, func() error {
		secret.Type = addonsv1.ClusterResourceSetSecretType
		secret.Data = map[string][]byte{payloadKey: r.Payload}
		return r.setOwner(cluster, secret)
	})
}

func (r *Reconciler) reconcileSet(ctx context.Context, cluster *clusterv1.Cluster) error {
	set := &addonsv1.ClusterResourceSet{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: cluster.Name + suffix}}
	return r.createOrPatch(ctx, set, func() error {
		delete(set.Annotations, clusterv1.PausedAnnotation)
		set.Spec = addonsv1.ClusterResourceSetSpec{
			ClusterSelector: metav1.LabelSelector{MatchLabels: map[string]string{
				xccv1.DNSLabel:        xccv1.DNSEnabled,
				xccv1.DNSClusterLabel: cluster.Name,
			}},
			Resources: []addonsv1.ResourceRef{{Name: cluster.Name + suffix, Kind: string(addonsv1.SecretClusterResourceSetResourceKind)}},
			Strategy:  string(addonsv1.ClusterResourceSetStrategyReconcile),
		}
		return r.setOwner(cluster, set)
	})
}

// setOwner makes the object go with the Cluster, move with it, and belong to the instance that the Cluster belongs to. The
// cluster name label lets the manager's cache of Secrets hold the payload.
func (r *Reconciler) setOwner(cluster *clusterv1.Cluster, object client.Object) error {
	objectLabels := object.GetLabels()
	if objectLabels == nil {
		objectLabels = map[string]string{}
	}
	objectLabels[clusterv1.ClusterNameLabel] = cluster.Name
	if r.WatchFilterValue != "" {
		objectLabels[clusterv1.WatchLabel] = r.WatchFilterValue
	}
	object.SetLabels(objectLabels)
	return controllerutil.SetOwnerReference(cluster, object, r.Client.Scheme())
}

func (r *Reconciler) createOrPatch(ctx context.Context, object client.Object, mutate controllerutil.MutateFn) error {
	result, err := controllerutil.CreateOrPatch(ctx, r.Client, object, mutate)
	if apierrors.IsAlreadyExists(err) {
		// It lost the label by which the cache selects Secrets, or the cache has not seen it yet.
		object.SetResourceVersion("")
		result, err = controllerutil.CreateOrPatch(ctx, r.Uncached, object, mutate)
	}
	if err != nil {
		return fmt.Errorf("writing %T %s: %w", object, klog.KObj(object), err)
	}
	if result != controllerutil.OperationResultNone {
		ctrl.LoggerFrom(ctx).Info("Wrote "+fmt.Sprintf("%T", object), "result", result, "name", klog.KObj(object))
	}
	return nil
}

// pauseSet pauses the ClusterResourceSet of a paused Cluster, because the ClusterResourceSet controller does not look at
// whether a Cluster is paused. The payload stays as it is.
func (r *Reconciler) pauseSet(ctx context.Context, cluster *clusterv1.Cluster) error {
	set := &addonsv1.ClusterResourceSet{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: cluster.Name + suffix}, set)
	if apierrors.IsNotFound(err) || err == nil && annotations.HasPaused(set) {
		return nil
	} else if err != nil {
		return err
	}
	original := set.DeepCopy()
	annotations.AddAnnotations(set, map[string]string{clusterv1.PausedAnnotation: ""})
	if err := r.Client.Patch(ctx, set, client.MergeFrom(original)); err != nil {
		return fmt.Errorf("pausing ClusterResourceSet %s: %w", klog.KObj(set), err)
	}
	return nil
}
