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
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

// lookAtRemoved observes a workload cluster that loses the add-on. It reads without a cache,
// because each step depends on the one before.
func (w *workloadCluster) lookAtRemoved(ctx context.Context) (*install.Removed, error) {
	removed := &install.Removed{}
	namespace, err := w.namespace(ctx)
	if err != nil {
		return nil, err
	}
	if namespace != nil {
		_, delivered := namespace.Annotations[xccv1.PayloadAnnotation]
		removed.Namespace = &install.Namespace{
			Ours: namespace.Labels[xccv1.PartOfLabel] == xccv1.PartOf, Delivered: delivered,
			Drained: namespace.Annotations[xccv1.DrainedAnnotation] != "", Ending: !namespace.DeletionTimestamp.IsZero(),
		}
	}
	reported, err := w.report(ctx, w.live)
	if err != nil {
		return nil, err
	}
	if reported != nil {
		removed.Report = install.Report{
			State: report.State(reported.Data[report.KeyState]), Message: reported.Data[report.KeyMessage], Since: reported.Data[report.KeySince],
		}
	}
	patcher, err := w.patcher(ctx)
	if err != nil {
		return nil, err
	}
	if patcher == nil || !patcher.DeletionTimestamp.IsZero() {
		removed.PatcherPod, err = w.patcherPodRuns(ctx)
		return removed, err
	}
	askedAt, asked := patcher.Annotations[xccv1.RemoveAnnotation]
	removed.Patcher = &install.Patcher{Asked: asked, Available: patcher.Status.AvailableReplicas > 0}
	if at, err := time.Parse(time.RFC3339, askedAt); err == nil {
		removed.Patcher.AskedAt = at
	}
	return removed, nil
}

func (w *workloadCluster) namespace(ctx context.Context) (*corev1.Namespace, error) {
	return get(ctx, client.Reader(w.live), client.ObjectKey{Name: xccv1.WorkloadNamespace}, &corev1.Namespace{})
}

func (w *workloadCluster) patcherPodRuns(ctx context.Context) (bool, error) {
	pods := &corev1.PodList{}
	err := w.live.List(ctx, pods, client.InNamespace(xccv1.WorkloadNamespace), client.MatchingLabels{appLabel: xccv1.DNSConfigPatcherName})
	if err != nil {
		return false, fmt.Errorf("listing the Pods of dns-config-patcher: %w", err)
	}
	for i := range pods.Items {
		if phase := pods.Items[i].Status.Phase; phase != corev1.PodSucceeded && phase != corev1.PodFailed {
			return true, nil
		}
	}
	return false, nil
}

// markDrained has the records controller write no more here, before its records are deleted.
func (w *workloadCluster) markDrained(ctx context.Context) error {
	namespace, err := w.namespace(ctx)
	if err != nil || namespace == nil {
		return err
	}
	original := namespace.DeepCopy()
	setAnnotation(namespace, xccv1.DrainedAnnotation, "true")
	if err := w.live.Patch(ctx, namespace, client.MergeFrom(original)); err != nil {
		return fmt.Errorf("marking the namespace as drained: %w", err)
	}
	return nil
}

// deleteNamespace deletes the namespace unless its deletion has begun.
func (w *workloadCluster) deleteNamespace(ctx context.Context) error {
	namespace, err := w.namespace(ctx)
	if err != nil || namespace == nil || !namespace.DeletionTimestamp.IsZero() {
		return err
	}
	if err := w.live.Delete(ctx, namespace, client.Preconditions{UID: &namespace.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting the namespace: %w", err)
	}
	return nil
}
