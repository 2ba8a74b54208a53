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
	"slices"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/legacy"
)

// appLabel is the only label by which the Service selects its Pods, those of the 2022 project
// included.
const appLabel = "app"

// lookAtOldPods looks for Pods of the 2022 project's DNS server.
func (w *workloadCluster) lookAtOldPods(ctx context.Context) (install.OldPods, error) {
	pods, err := w.serverPods(ctx)
	if err != nil {
		return install.OldPods{}, err
	}
	answered := slices.ContainsFunc(pods, func(pod corev1.Pod) bool { return !legacy.IsServerPod(pod.Labels) && isAnswering(&pod) })
	found := install.OldPods{}
	for i := range pods {
		switch {
		case !legacy.IsServerPod(pods[i].Labels):
		case answered && !pods[i].DeletionTimestamp.IsZero():
			found.Ending = true
		default:
			found.Exist = true
		}
	}
	return found, nil
}

// releaseOldPods takes the old Pods that are being deleted out of the Service.
func (w *workloadCluster) releaseOldPods(ctx context.Context) error {
	pods, err := w.serverPods(ctx)
	if err != nil {
		return err
	}
	for i := range pods {
		pod := &pods[i]
		if !legacy.IsServerPod(pod.Labels) || pod.DeletionTimestamp.IsZero() {
			continue
		}
		ctrl.LoggerFrom(ctx).Info("Taking a Pod of the former DNS server out of the Service", "Pod", pod.Name)
		original := pod.DeepCopy()
		delete(pod.Labels, appLabel)
		if err := w.live.Patch(ctx, pod, client.MergeFrom(original)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("taking Pod %s out of the Service: %w", pod.Name, err)
		}
	}
	return nil
}

// serverPods returns the Pods that the Service selects.
func (w *workloadCluster) serverPods(ctx context.Context) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	if err := w.live.List(ctx, pods, client.InNamespace(xccv1.WorkloadNamespace), client.MatchingLabels{appLabel: xccv1.DNSServerName}); err != nil {
		return nil, fmt.Errorf("listing the Pods of the DNS server: %w", err)
	}
	return pods.Items, nil
}

func isAnswering(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp.IsZero() && slices.ContainsFunc(pod.Status.Conditions, func(condition corev1.PodCondition) bool {
		return condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue
	})
}
