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

package records

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// mostPods is how many Pods of dns-servers are read at once before a slice is deleted. A cluster that has more tells nothing.
const mostPods = 500

// serverLabels is what the Service dns-server selects, which was the same in the old project. Whatever else has the label serves, too.
var serverLabels = labels.Set{"app": xccv1.DNSServerName}

// readers returns the dns-servers of a consuming cluster, by the annotations that they read. It never
// waits: until the Pods are listed the readers are unknown, and we are woken once they are. If no
// slice depends on them, nothing is watched.
func (r *Reconciler) readers(ctx context.Context, cluster *clusterv1.Cluster, isNeeded bool) (plan.Readers, error) {
	if !isNeeded {
		r.Workload.StopWatching(cluster)
		return plan.ReadersUnknown, nil
	}
	reading, err := r.Workload.Begin(ctx, cluster)
	if _, isSilent := errors.AsType[*workload.Silence](err); isSilent {
		return plan.ReadersUnknown, nil
	} else if err != nil {
		return plan.ReadersUnknown, err
	}
	defer reading.End()
	pods, err := workload.List[*corev1.Pod](reading, workload.Demand{
		Kind: workload.DNSServers, Namespace: xccv1.WorkloadNamespace, Labels: serverLabels.String(),
	})
	if errors.Is(err, workload.ErrNotSynced) {
		return plan.ReadersUnknown, nil
	} else if err != nil {
		return plan.ReadersUnknown, fmt.Errorf("listing the Pods of dns-servers: %w", err)
	}
	return plan.ReadersOf(pods), nil
}

// liveReaders returns the same as the workload cluster's API server says now.
func liveReaders(ctx context.Context, remote client.Reader) (plan.Readers, error) {
	list := &corev1.PodList{}
	err := remote.List(ctx, list, client.InNamespace(xccv1.WorkloadNamespace), client.MatchingLabels(serverLabels), client.Limit(mostPods))
	if err != nil {
		return plan.ReadersUnknown, fmt.Errorf("listing the Pods of dns-servers: %w", err)
	}
	if list.Continue != "" {
		return plan.ReadersUnknown, nil
	}
	pods := make([]*corev1.Pod, 0, len(list.Items))
	for i := range list.Items {
		pods = append(pods, &list.Items[i])
	}
	return plan.ReadersOf(pods), nil
}
