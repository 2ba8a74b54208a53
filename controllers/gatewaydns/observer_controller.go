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

package gatewaydns

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
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
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// Observer observes the gateways of one workload cluster per reconcile.
type Observer struct {
	Client       client.Client
	Workload     *workload.View
	Observations *Observations
	// Zone is the zone that is served: no host name in it is an address.
	Zone string

	doubts workload.State[doubts]
	pace   pacing.Buckets
}

// SetupWithManager adds the observer to the manager.
func (r *Observer) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	r.pace.Window = interval
	r.Workload.OnEvict(func(cluster client.ObjectKey) { r.pace.Evict(cluster, time.Now()) })
	several := mapping.SeveralClusters(r.Client)
	err := ctrl.NewControllerManagedBy(mgr).
		Named("gatewayobserver").
		For(&clusterv1.Cluster{}, builder.WithPredicates(
			predicate.Or[client.Object](
				predicate.LabelChangedPredicate{}, predicate.GenerationChangedPredicate{}, mapping.ProvisioningChanged(), rangesChanged(),
			),
		)).
		Watches(&xccv1.GatewayDNS{}, handler.EnqueueRequestsFromMapFunc(mapping.ToNamespace),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(mapping.KubeconfigToCluster), builder.WithPredicates(mapping.KubeconfigChanged())).
		WatchesRawSource(r.Workload.Source()).
		WatchesRawSource(several.Source()).
		WithOptions(options).
		Complete(several.Reconciler(r))
	if err != nil {
		return fmt.Errorf("setting up the gateway observer: %w", err)
	}
	return nil
}

// rangesChanged passes the events after which a Cluster prefers or excludes other addresses.
func rangesChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, had := e.ObjectOld.GetAnnotations()[xccv1.GatewayAddressRangesAnnotation]
		after, has := e.ObjectNew.GetAnnotations()[xccv1.GatewayAddressRangesAnnotation]
		return had != has || before != after
	}}
}

// Reconcile observes the gateways of the requested Cluster.
func (r *Observer) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster, phase, err := r.Workload.Get(ctx, request)
	if err != nil || phase == workload.None {
		return reconcile.Result{}, err
	}
	interested, err := r.interestedIn(ctx, cluster)
	if err != nil {
		return reconcile.Result{}, err
	}
	if len(interested) == 0 {
		r.Workload.StopWatching(cluster)
		r.Observations.Drop(cluster)
		r.doubts.Drop(r.Workload.Clusters, cluster)
		return reconcile.Result{}, nil
	}
	observation, err := r.observe(ctx, cluster, interested)
	if err != nil {
		return reconcile.Result{}, err
	}
	previous, _ := r.Observations.Get(cluster)
	settled, changed, requeueAfter := r.doubts.Of(ctx, r.Workload.Clusters, cluster).settle(previous, observation, time.Now())
	if !changed {
		return reconcile.Result{RequeueAfter: requeueAfter}, nil
	}
	if delay := r.admit(ctx, cluster, settled); delay > 0 {
		if requeueAfter == 0 || delay < requeueAfter {
			requeueAfter = delay
		}
		return reconcile.Result{RequeueAfter: requeueAfter}, nil
	}
	r.Observations.Set(ctx, cluster, settled, interested)
	return reconcile.Result{RequeueAfter: requeueAfter}, nil
}

// interestedIn returns the GatewayDNS that select the Cluster. One with a selector that cannot be evaluated selects none. They are
// those of the cache and must not be changed.
func (r *Observer) interestedIn(ctx context.Context, cluster *clusterv1.Cluster) ([]xccv1.GatewayDNS, error) {
	list := &xccv1.GatewayDNSList{}
	if err := r.Client.List(ctx, list, client.InNamespace(cluster.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing GatewayDNS in %s: %w", cluster.Namespace, err)
	}
	var interested []xccv1.GatewayDNS
	for i := range list.Items {
		if selected, err := plan.Selects(&list.Items[i], cluster); err == nil && selected {
			interested = append(interested, list.Items[i])
		}
	}
	return interested, nil
}
