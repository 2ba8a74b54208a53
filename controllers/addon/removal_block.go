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
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

// removeBlock has dns-config-patcher take the zone's server block out of CoreDNS's configuration. Where it cannot run the
// manager does it, after having made sure that there is no patcher that would write it again.
func (r *Reconciler) removeBlock(ctx context.Context, s *scope, remote client.Client) (wait, error) {
	name := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}
	patcher, err := get(ctx, client.Reader(remote), name, &appsv1.Deployment{})
	if err != nil {
		return wait{}, err
	}
	if patcher == nil || !patcher.DeletionTimestamp.IsZero() {
		return r.removeBlockOurselves(ctx, s, remote)
	}
	asked, isAsked := patcher.Annotations[xccv1.RemoveAnnotation]
	if !isAsked {
		return askedPatcher, errors.Join(r.stopDraining(ctx, s), ask(ctx, remote, patcher))
	}
	said, err := get(ctx, client.Reader(remote), name, &corev1.ConfigMap{})
	if err != nil {
		return wait{}, err
	}
	if said != nil && report.State(said.Data[report.KeyState]) == report.Removed {
		return wait{}, r.startDraining(ctx, s, timeOrNothing(said.Data[report.KeySince]))
	}
	if err := r.stopDraining(ctx, s); err != nil {
		return wait{}, err
	}
	waiting := askedPatcher
	if said != nil && said.Data[report.KeyMessage] != "" {
		waiting.reason += "; it says " + said.Data[report.KeyState] + ": " + said.Data[report.KeyMessage]
	}
	since, err := time.Parse(time.RFC3339, asked)
	if err != nil {
		// Somebody else wrote the annotation.
		return waiting, ask(ctx, remote, patcher)
	}
	allowed := patience
	if patcher.Status.AvailableReplicas > 0 {
		// It runs and waits for somebody, or it may not write.
		allowed = longPatience
	}
	if left := allowed - time.Since(since); left > 0 {
		waiting.after = left
		return waiting, nil
	}
	ctrl.LoggerFrom(ctx).Info("Deleting dns-config-patcher, which did not do it, to take the server block out ourselves")
	err = remote.Delete(ctx, patcher, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: &patcher.UID})
	if client.IgnoreNotFound(err) != nil {
		return wait{}, fmt.Errorf("deleting Deployment %s: %w", name, err)
	}
	return wait{reason: "Waiting for the end of dns-config-patcher, which did not take the server block out", after: ending}, nil
}

var askedPatcher = wait{reason: "Waiting for dns-config-patcher to take the server block of the zone out of the Corefile"}

// ask annotates the patcher's Deployment with the time, so that it is known how long it has been asked.
func ask(ctx context.Context, remote client.Client, patcher *appsv1.Deployment) error {
	original := patcher.DeepCopy()
	setAnnotation(patcher, xccv1.RemoveAnnotation, time.Now().UTC().Format(time.RFC3339))
	if err := remote.Patch(ctx, patcher, client.MergeFrom(original)); err != nil {
		return fmt.Errorf("asking dns-config-patcher to remove the server block: %w", err)
	}
	return nil
}

// removeBlockOurselves does with the same code what the patcher would do.
func (r *Reconciler) removeBlockOurselves(ctx context.Context, s *scope, remote client.Client) (wait, error) {
	pods := &corev1.PodList{}
	err := remote.List(ctx, pods, client.InNamespace(xccv1.WorkloadNamespace), client.MatchingLabels{"app": xccv1.DNSConfigPatcherName})
	if err != nil {
		return wait{}, fmt.Errorf("listing the Pods of dns-config-patcher: %w", err)
	}
	for i := range pods.Items {
		if phase := pods.Items[i].Status.Phase; phase != corev1.PodSucceeded && phase != corev1.PodFailed {
			return wait{reason: "Waiting for the end of the Pod of dns-config-patcher", after: ending}, nil
		}
	}
	config, todo, err := r.blocksLeft(ctx, s, remote)
	if err != nil {
		return wait{}, err
	}
	if problem := todo.Err; problem != nil && s.secret.Annotations[drainingAnnotation] == "" {
		// Not an error of ours: an administrator has to act.
		waiting := wait{reason: fmt.Sprintf("Take the server block of the zone %s out by hand: %s", r.Values.Zone, problem), after: searching}
		return waiting, nil
	}
	if len(todo.Edits) > 0 {
		if err := r.stopDraining(ctx, s); err != nil {
			return wait{}, err
		}
	}
	for _, edit := range todo.Edits {
		if err := config.Apply(ctx, configMapWriter{remote}, edit); err != nil {
			return wait{}, err
		}
	}
	return wait{}, r.startDraining(ctx, s, "")
}

// timeOrNothing returns the text if it is a time, because a workload cluster can say anything.
func timeOrNothing(text string) string {
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return ""
	}
	return text
}
