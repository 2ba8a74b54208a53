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

package workload

import (
	"context"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

// SetClock makes Clusters go by another clock.
func SetClock(clusters *Clusters, now func() time.Time) { clusters.now = now }

// SameButVersion returns whether a change between two cached objects wakes nobody.
func SameButVersion(a, b any) bool { return sameButVersion(a, b, apiequality.Semantic.DeepEqual) }

// End ends all connections, as the end of a controller does.
func End(clusters *Clusters) { clusters.end() }

// Entries returns how many Clusters have an entry.
func Entries(clusters *Clusters) int { return len(clusters.all()) }

// Hold counts bytes of cached objects against the budget of a cluster.
func Hold(ctx context.Context, view *View, cluster *clusterv1.Cluster, bytes int64) error {
	var err error
	failed := view.use(ctx, cluster, func(_ *entry, current *connection) error {
		err = current.budget.addHeld(bytes, 1)
		return nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// Held returns how many bytes all clusters take.
func Held(clusters *Clusters) int64 {
	clusters.fleet.mu.Lock()
	defer clusters.fleet.mu.Unlock()
	return clusters.fleet.total
}
