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

package reachability

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// +kubebuilder:rbac:groups=cluster.x-k8s.io,resources=clusters,verbs=get;list;watch
// +kubebuilder:rbac:groups=core,resources=secrets,verbs=get;list;watch

// reportDemand is the report of a workload cluster.
var reportDemand = workload.Demand{Kind: workload.ConfigMaps, Namespace: xccv1.WorkloadNamespace, Name: xccv1.ReachabilityName}

// maxReason bounds a logged reason, in characters: it may quote the report.
const maxReason = 200

// Observer reads the report of one workload cluster per reconcile.
type Observer struct {
	Workload *workload.View
	Tally    *Tally

	// unsynced is the time since which a connected cluster does not list its report, or zero.
	unsynced workload.State[time.Time]
}

// SetupWithManager adds the observer to the manager.
func (r *Observer) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	r.Workload.OnEvict(r.Tally.Evict)
	err := ctrl.NewControllerManagedBy(mgr).
		Named("reachabilityobserver").
		For(&clusterv1.Cluster{}, builder.WithPredicates(
			predicate.Or[client.Object](
				predicate.LabelChangedPredicate{}, predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{},
				mapping.ProvisioningChanged(),
			),
		)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(mapping.KubeconfigToCluster), builder.WithPredicates(mapping.KubeconfigChanged())).
		WatchesRawSource(r.Workload.Source()).
		WatchesRawSource(r.Tally.clusters.Source()).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the reachability observer: %w", err)
	}
	return nil
}

// Reconcile reads the report of the requested Cluster.
func (r *Observer) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cluster, phase, err := r.Workload.Get(ctx, request)
	if err != nil || phase == workload.None {
		return reconcile.Result{}, err
	}
	if !r.Tally.IsWanted(cluster.Namespace) {
		r.Workload.StopWatching(cluster)
		r.Tally.Evict(request.NamespacedName)
		return reconcile.Result{}, nil
	}
	report, err := r.read(ctx, cluster)
	until, isUnread := r.patientUntil(ctx, cluster, err)
	switch {
	case !isUnread && err != nil:
		return reconcile.Result{}, err
	case time.Now().Before(until):
		// A report that was counted stays counted for a while: clusters reconnect.
		return reconcile.Result{RequeueAfter: time.Until(until)}, nil
	}
	r.Tally.Set(request.NamespacedName, report)
	return reconcile.Result{}, nil
}

// patientUntil returns until when a cluster that could not be read may still answer. isUnread is false if the error has another
// cause, or if there is none.
func (r *Observer) patientUntil(ctx context.Context, cluster *clusterv1.Cluster, err error) (until time.Time, isUnread bool) {
	since := r.unsynced.Of(ctx, r.Workload.Clusters, cluster)
	if silence, isSilent := errors.AsType[*workload.Silence](err); isSilent {
		*since = time.Time{}
		return silence.PatientUntil(), true
	}
	if !errors.Is(err, workload.ErrNotSynced) {
		*since = time.Time{}
		return time.Time{}, false
	}
	if since.IsZero() {
		*since = time.Now()
	}
	return since.Add(workload.Patience), true
}

// read returns the report of a workload cluster. It is empty if there is none, or if it is not a report.
func (r *Observer) read(ctx context.Context, cluster *clusterv1.Cluster) (reachability.Report, error) {
	reading, err := r.Workload.Begin(ctx, cluster)
	if err != nil {
		return reachability.Report{}, err
	}
	defer reading.End()
	configMap, err := workload.Get[*corev1.ConfigMap](reading, reportDemand,
		client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.ReachabilityName})
	if err != nil || configMap == nil {
		return reachability.Report{}, err
	}
	report, err := reachability.Parse([]byte(configMap.Data[reachability.DataKey]))
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("Ignoring the report of a workload cluster", "reason", text.Line(err.Error(), maxReason))
		return reachability.Report{}, nil
	}
	return report, nil
}
