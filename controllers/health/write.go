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
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// fieldOwner owns our condition, and nothing else, in the status of Clusters.
const fieldOwner = client.FieldOwner("xcc-dns-ready")

// write brings the condition on the Cluster in line with the verdict, and returns the one that is there then. If the workload
// cluster changes too often nothing is written, and the verdict must be tried again after the delay.
func (r *Reconciler) write(
	ctx context.Context, cluster *clusterv1.Cluster, memory *memory, verdict verdict,
) (written *metav1.Condition, delay time.Duration, err error) {
	existing := conditions.Get(cluster, xccv1.DNSReadyCondition)
	if memory.written != nil && memory.writtenOver == cluster.ResourceVersion {
		existing = memory.written
	}
	if verdict.keep {
		return existing, 0, nil
	}
	if verdict.reason == "" {
		return nil, 0, r.remove(ctx, cluster, existing)
	}
	wanted := newCondition(cluster, verdict, existing)
	if hasSameState(existing, wanted) {
		return existing, 0, nil
	}
	if delay := r.pace.Take(client.ObjectKeyFromObject(cluster), time.Now()); delay.For > 0 {
		if delay.Begins {
			ctrl.LoggerFrom(ctx).Info("Delaying the condition, because the workload cluster changes too often", "condition", wanted.Type, "delay", delay.For)
		}
		return existing, delay.For, nil
	}
	if err := r.apply(ctx, cluster, wanted); err != nil {
		return nil, 0, err
	}
	memory.written, memory.writtenOver = wanted, cluster.ResourceVersion
	r.recordTransition(cluster, existing, wanted)
	return wanted, 0, nil
}

func newCondition(cluster *clusterv1.Cluster, verdict verdict, existing *metav1.Condition) *metav1.Condition {
	condition := &metav1.Condition{
		Type:               xccv1.DNSReadyCondition,
		Status:             Status(verdict.reason),
		Reason:             verdict.reason,
		Message:            verdict.message,
		ObservedGeneration: cluster.Generation,
		LastTransitionTime: metav1.NewTime(time.Now().Truncate(time.Second)),
	}
	if existing != nil && existing.Status == condition.Status {
		condition.LastTransitionTime = existing.LastTransitionTime
	}
	return condition
}

// hasSameState returns whether two conditions, of which each may be missing, say the same.
func hasSameState(a, b *metav1.Condition) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Status == b.Status && a.Reason == b.Reason && a.Message == b.Message && a.ObservedGeneration == b.ObservedGeneration
}

// apply sets the condition. The UID keeps it off a Cluster that was created anew under the same name.
func (r *Reconciler) apply(ctx context.Context, cluster *clusterv1.Cluster, condition *metav1.Condition) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(condition)
	if err != nil {
		return fmt.Errorf("encoding condition %s: %w", condition.Type, err)
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"namespace": cluster.Namespace, "name": cluster.Name, "uid": string(cluster.UID)},
		"status":   map[string]any{"conditions": []any{fields}},
	}}
	object.SetGroupVersionKind(clusterv1.GroupVersion.WithKind(clusterv1.ClusterKind))
	err = r.Client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(object), fieldOwner, client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("setting condition %s: %w", condition.Type, err)
	}
	return nil
}

// remove takes the condition away if there is one.
func (r *Reconciler) remove(ctx context.Context, cluster *clusterv1.Cluster, existing *metav1.Condition) error {
	if existing == nil {
		return nil
	}
	original := cluster.DeepCopy()
	cluster.Status.Conditions = slices.DeleteFunc(cluster.Status.Conditions, func(condition metav1.Condition) bool {
		return condition.Type == xccv1.DNSReadyCondition
	})
	patch := client.MergeFromWithOptions(original, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, cluster, patch); err != nil {
		return fmt.Errorf("removing condition %s: %w", xccv1.DNSReadyCondition, err)
	}
	return nil
}

// recordTransition emits an event when status or reason changed. A Cluster of which nothing was known yet has no event for
// still being unknown.
func (r *Reconciler) recordTransition(cluster *clusterv1.Cluster, before, after *metav1.Condition) {
	switch {
	case before == nil && after.Status == metav1.ConditionUnknown:
		return
	case before != nil && before.Status == after.Status && before.Reason == after.Reason:
		return
	}
	kind := corev1.EventTypeWarning
	if after.Status == metav1.ConditionTrue || isExpected(after.Reason) {
		kind = corev1.EventTypeNormal
	}
	// The API server refuses a note of more than 1024 characters.
	r.Recorder.Eventf(cluster, nil, kind, after.Reason, "CheckDNS", "DNSReady is %s: %s", after.Status, text.Line(after.Message, longestSentence))
}

// isExpected returns whether a reason belongs to the add-on's ordinary life.
func isExpected(reason string) bool {
	return slices.Contains([]string{
		xccv1.NotInstalledReason, xccv1.UpdatingReason, xccv1.RemovingReason,
		xccv1.WaitingForControlPlaneReason, xccv1.WaitingForProbeReason,
	}, reason)
}
