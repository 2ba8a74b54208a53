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
	"time"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
)

// Reconciler keeps the payload and the ClusterResourceSet of each labelled Cluster, and
// the objects that they installed.
type Reconciler struct {
	// Client reads Clusters, ClusterResourceSets, their bindings and Secrets that carry the cluster
	// name label from the cache.
	Client client.Client
	// Uncached reads from the API server.
	Uncached client.Client
	Recorder events.EventRecorder
	Workload *workload.View
	// Values are the manifests' values for every Cluster without options of its own.
	Values templates.Values
	// Bounds are the most that the options of a Cluster can ask for.
	Bounds install.Bounds
	// Rollout says how many workload clusters, of those whose DNS was ready, are given another
	// release at the same time.
	Rollout install.RolloutOptions
	// DrainTime is how long the DNS servers of a cluster go on after CoreDNS's configuration has no
	// server block of ours.
	DrainTime time.Duration

	histories workload.State[history]
	pace      pacing.Buckets
	rollout   *rollout
	// release is the payload of every Cluster that has no options of its own.
	release payload
}

// history returns the history of the workload cluster.
func (r *Reconciler) history(ctx context.Context, s *scope) *history {
	return r.histories.Of(ctx, r.Workload.Clusters, s.cluster).with(s.observed.State.Payload)
}
