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
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/legacy"
)

// glance is how often to look whether a Pod of the old project's DNS server is being deleted. It goes on answering for five
// seconds, and in that time it has to be noticed.
const glance = time.Second

// appLabel is the one label by which the Service selects its Pods, those of the old project among them.
const appLabel = "app"

// reconcileTakeover takes the Pods of the old project's DNS server out of the Service when they are being deleted. They have no
// readiness probe, so that Kubernetes calls them ready until they have ended, and kube-proxy leaves the flows alone that it
// has led to them: what CoreDNS asks on a socket that it used before would be lost from then on until kube-proxy notices.
func (r *Reconciler) reconcileTakeover(ctx context.Context, s *scope) error {
	obsolete := obsoleteOf(s.secret)
	if !slices.ContainsFunc(legacyObjects(), func(ref reference) bool { return containsObject(obsolete, ref) }) {
		return nil
	}
	_, remote, err := r.remote(ctx, s.cluster)
	if isUnread(err) {
		return nil
	} else if err != nil {
		return err
	}
	pods := &corev1.PodList{}
	if err := remote.List(ctx, pods, client.InNamespace(xccv1.WorkloadNamespace), client.MatchingLabels{appLabel: xccv1.DNSServerName}); err != nil {
		return fmt.Errorf("listing the Pods of the DNS server: %w", err)
	}
	answered := slices.ContainsFunc(pods.Items, func(pod corev1.Pod) bool { return !legacy.IsServerPod(pod.Labels) && isAnswering(&pod) })
	for i := range pods.Items {
		pod := &pods.Items[i]
		if !legacy.IsServerPod(pod.Labels) {
			continue
		}
		if pod.DeletionTimestamp.IsZero() || !answered {
			s.leaving = true
			continue
		}
		if err := release(ctx, remote, pod); err != nil {
			return err
		}
	}
	return nil
}

func isAnswering(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp.IsZero() && slices.ContainsFunc(pod.Status.Conditions, func(condition corev1.PodCondition) bool {
		return condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue
	})
}

// release takes from a Pod the label by which the Service selects it.
func release(ctx context.Context, remote client.Client, pod *corev1.Pod) error {
	ctrl.LoggerFrom(ctx).Info("Taking a Pod of the former DNS server out of the Service", "Pod", pod.Name)
	original := pod.DeepCopy()
	delete(pod.Labels, appLabel)
	if err := remote.Patch(ctx, pod, client.MergeFrom(original)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("taking Pod %s out of the Service: %w", pod.Name, err)
	}
	return nil
}
