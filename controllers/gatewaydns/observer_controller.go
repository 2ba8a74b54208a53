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
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/util/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/workload"
)

// patience is how long a cluster may take to connect and to list its Services before its gateways are called Unknown, so
// that neither a restart of the manager nor a rotated kubeconfig makes them Unknown for a moment.
const patience = 10 * time.Second

// Observer observes the gateways of one workload cluster per reconcile.
type Observer struct {
	Client           client.Client
	ClusterCache     clustercache.ClusterCache
	Caches           *workload.Caches
	Observations     *Observations
	WatchFilterValue string

	controller controller.Controller

	mu sync.Mutex
	// silentSince is when each cluster was first found not to answer.
	silentSince map[client.ObjectKey]time.Time
}

// SetupWithManager adds the observer to the manager.
func (r *Observer) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	r.silentSince = map[client.ObjectKey]time.Time{}
	observer, err := ctrl.NewControllerManagedBy(mgr).
		Named("gatewayobserver").
		For(&clusterv1.Cluster{}, builder.WithPredicates(
			predicate.Or[client.Object](predicate.LabelChangedPredicate{}, predicate.GenerationChangedPredicate{}),
		)).
		Watches(&xccv1.GatewayDNS{}, handler.EnqueueRequestsFromMapFunc(mapping.GatewayDNSToClusters(r.Client)),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(r.ClusterCache.GetClusterSource("gatewayobserver", mapping.ClusterToRequest)).
		WithOptions(options).
		Build(r)
	if err != nil {
		return fmt.Errorf("setting up the gateway observer: %w", err)
	}
	r.controller = observer
	return nil
}

// Reconcile observes the gateways of the requested Cluster.
func (r *Observer) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster := &clusterv1.Cluster{}
	if err := r.Client.Get(ctx, request.NamespacedName, cluster); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(request.NamespacedName)
			if !r.Caches.Forget(ctx, request.NamespacedName) {
				// clustercache is woken by the same event and has not closed the connection yet.
				return reconcile.Result{RequeueAfter: time.Second}, nil
			}
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, err
	}
	interested, err := r.interestedIn(ctx, cluster)
	if err != nil {
		return reconcile.Result{}, err
	}
	if len(interested) == 0 || !cluster.DeletionTimestamp.IsZero() {
		r.forget(request.NamespacedName)
		return reconcile.Result{}, nil
	}
	if r.WatchFilterValue != "" && !labels.HasWatchLabel(cluster, r.WatchFilterValue) {
		r.Observations.Set(request.NamespacedName, Observation{Unknown: "Cluster belongs to another instance of the manager: its label " +
			clusterv1.WatchLabel + " is not " + r.WatchFilterValue}, requestsFor(interested))
		return reconcile.Result{}, nil
	}
	observation, err := r.observe(ctx, request.NamespacedName, interested)
	if err != nil {
		return reconcile.Result{}, err
	}
	if remaining := patience - r.silentFor(request.NamespacedName, observation.Unknown != ""); observation.Unknown != "" && remaining > 0 {
		return reconcile.Result{RequeueAfter: remaining}, nil
	}
	r.Observations.Set(request.NamespacedName, observation, requestsFor(interested))
	return reconcile.Result{}, nil
}

// silentFor returns for how long a cluster has been found silent, time after time.
func (r *Observer) silentFor(cluster client.ObjectKey, silent bool) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !silent {
		delete(r.silentSince, cluster)
		return 0
	}
	since, ok := r.silentSince[cluster]
	if !ok {
		since = time.Now()
		r.silentSince[cluster] = since
	}
	return time.Since(since)
}

// forget drops what was observed of a cluster that nothing asks about any more.
func (r *Observer) forget(cluster client.ObjectKey) {
	r.silentFor(cluster, false)
	r.Observations.Forget(cluster)
}

// interestedIn returns the GatewayDNS that select the Cluster. One with a selector that cannot be evaluated selects none.
func (r *Observer) interestedIn(ctx context.Context, cluster *clusterv1.Cluster) ([]xccv1.GatewayDNS, error) {
	list := &xccv1.GatewayDNSList{}
	if err := r.Client.List(ctx, list, client.InNamespace(cluster.Namespace)); err != nil {
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

// observe reads the Services that the GatewayDNS name. It never waits for the cluster.
func (r *Observer) observe(ctx context.Context, cluster client.ObjectKey, interested []xccv1.GatewayDNS) (Observation, error) {
	reader, err := r.Caches.Reader(ctx, cluster, r.controller, workload.Watch{Name: "gatewayobserver-services", Object: &corev1.Service{}})
	switch {
	case errors.Is(err, clustercache.ErrClusterNotConnected):
		return Observation{Unknown: "Cluster is not connected: check its kubeconfig Secret and that its API server answers"}, nil
	case errors.Is(err, workload.ErrNotSynced):
		return Observation{Unknown: "Cluster is connected but has not listed its Services yet: check that its API server answers"}, nil
	case err != nil:
		return Observation{}, err
	}
	observation := Observation{Services: map[types.NamespacedName]*corev1.Service{}}
	for i := range interested {
		key := serviceKey(&interested[i])
		service := &corev1.Service{}
		err := reader.Get(ctx, key, service)
		if apierrors.IsNotFound(err) {
			service = nil
		} else if err != nil {
			return Observation{}, fmt.Errorf("reading Service %s: %w", key, err)
		}
		observation.Services[key] = onlyWhatCounts(service)
	}
	return observation, nil
}

// onlyWhatCounts drops what changes without any effect on the gateway, so that it wakes nobody.
func onlyWhatCounts(service *corev1.Service) *corev1.Service {
	if service == nil {
		return nil
	}
	return &corev1.Service{
		Spec:   corev1.ServiceSpec{Type: service.Spec.Type},
		Status: corev1.ServiceStatus{LoadBalancer: service.Status.LoadBalancer},
	}
}

// serviceKey returns the Service of a gateway. The schema has seen to its form.
func serviceKey(gatewayDNS *xccv1.GatewayDNS) types.NamespacedName {
	namespace, name, _ := strings.Cut(gatewayDNS.Spec.Service, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

func requestsFor(gatewayDNS []xccv1.GatewayDNS) []reconcile.Request {
	requests := make([]reconcile.Request, 0, len(gatewayDNS))
	for i := range gatewayDNS {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&gatewayDNS[i])})
	}
	return requests
}
