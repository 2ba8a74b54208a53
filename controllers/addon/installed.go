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
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

// lookAtInstalled observes a workload cluster that keeps the add-on.
func (r *Reconciler) lookAtInstalled(ctx context.Context, s *scope) error {
	installed := &install.Installed{Delivery: s.delivery()}
	s.observed.Installed = installed
	var err error
	if s.observed.State.AwaitsLegacy() {
		if installed.OldPods, err = s.workload.lookAtOldPods(ctx); err != nil {
			return err
		}
	}
	reported, err := s.workload.report(ctx, s.workload.cached)
	if err != nil || reported == nil {
		return err // When the patcher reports, that wakes us.
	}
	installed.Reported, installed.Written = true, strings.ToValidUTF8(reported.Data[report.KeyWritten], "")
	installed.CustomMissing = report.State(reported.Data[report.KeyState]) == report.WaitingForConfigMap
	return r.lookAtClusterDNS(ctx, s, reported.Data)
}

// lookAtDrift compares the workload cluster with the payload.
func (r *Reconciler) lookAtDrift(ctx context.Context, s *scope) error {
	history := r.history(ctx, s)
	found, err := s.workload.findDrift(ctx, s.held, history)
	s.incomplete = err
	d := &install.Drift{Unknown: err != nil}
	s.observed.Installed.Drift = d
	if len(found) == 0 {
		s.deployments, d.Arrived, err = s.workload.arrived(ctx, s.held, s.observed.State.Payload)
		return err
	}
	namespace, err := get(ctx, s.workload.cached, client.ObjectKey{Name: xccv1.WorkloadNamespace}, &corev1.Namespace{})
	if err != nil {
		return err
	}
	if namespace != nil && !namespace.DeletionTimestamp.IsZero() {
		d.NamespaceEnding = true
		return nil
	}
	var waiting []drift
	s.due = nil
	for _, difference := range found {
		if history.mayRepair(difference.Reference) {
			s.due = append(s.due, difference)
		} else {
			waiting = append(waiting, difference)
		}
	}
	d.Due, d.Contested = describe(s.due, nil), len(waiting) > 0
	if d.Contested && history.mayTell() {
		d.ContestedNote = describe(waiting, func(ref install.Reference) string { return s.workload.lastWriter(ctx, ref) })
	}
	if d.Due != "" {
		ctrl.LoggerFrom(ctx).Info("Repairing the add-on", "differences", d.Due)
	}
	d.Orphans, err = s.workload.orphansOf(ctx, s.due)
	return err
}

// arrived returns the Deployments of the payload as they are in the workload cluster, and whether
// all of them are of the payload and all of their Pods are available.
func (w *workloadCluster) arrived(ctx context.Context, held []unstructured.Unstructured, payload string) ([]*appsv1.Deployment, bool, error) {
	var all []*appsv1.Deployment
	for i := range held {
		if held[i].GetKind() != "Deployment" {
			continue
		}
		deployment, err := get(ctx, w.cached, client.ObjectKeyFromObject(&held[i]), &appsv1.Deployment{})
		if err != nil {
			return nil, false, err
		}
		if deployment == nil || deployment.Annotations[xccv1.PayloadAnnotation] != payload || !isRolledOut(deployment) {
			return nil, false, nil
		}
		all = append(all, deployment)
	}
	return all, true, nil
}

// probedWith returns whether a lookup in the workload cluster has succeeded since its Deployments
// are as they are. Both times are by clocks of that cluster. The condition DNSReady may still rest
// on an earlier lookup.
func (w *workloadCluster) probedWith(ctx context.Context, deployments []*appsv1.Deployment) (bool, error) {
	name := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.ProbeLeaseName}
	lease, err := get(ctx, client.Reader(w.live), name, &coordinationv1.Lease{})
	if err != nil || lease == nil || lease.Spec.RenewTime == nil {
		return false, err
	}
	for _, deployment := range deployments {
		for _, condition := range deployment.Status.Conditions {
			if condition.LastUpdateTime.After(lease.Spec.RenewTime.Time) {
				return false, nil
			}
		}
	}
	return true, nil
}
