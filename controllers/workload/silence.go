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
	"errors"
	"fmt"
	"time"

	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
)

// maxQueued is how long a cluster may wait for clustercache's first try to connect to it. After a start
// of the manager, a thousand clusters wait for each other. If a cluster waits longer, the cause is another.
const maxQueued = 5 * time.Minute

// Patience is how long a workload cluster may take to connect and to list its objects before it is called unreachable, so that
// neither a restart of the manager nor a rotated kubeconfig shows in a status.
const Patience = 10 * time.Second

// Silence is the error of a controller that cannot read a workload cluster at the moment. It is a
// clustercache.ErrClusterNotConnected or an ErrNotSynced. The controller is woken when the cluster can be read.
type Silence struct {
	// Since is when the silence began, as this controller sees it: each one reads other objects. While
	// clustercache has not tried to connect to the cluster, it is now.
	Since time.Time
	// Why says why the cluster is not connected or left alone, as a sentence without a period. It is empty if the cluster is
	// connected and does not list its objects.
	Why string
	// IsRefused is true if the manager does not use the cluster's kubeconfig, or leaves the cluster alone because it is beyond its
	// budget.
	IsRefused bool
	// IsQueued is true while clustercache has not tried to connect to the cluster.
	IsQueued bool

	reason error
}

func (s *Silence) Error() string { return fmt.Sprintf("reading the workload cluster: %v", s.reason) }

func (s *Silence) Unwrap() error { return s.reason }

// PatientUntil returns until when the cluster may still begin to answer.
func (s *Silence) PatientUntil() time.Time { return s.Since.Add(Patience) }

// beginning is when a silence began. It ends if the cluster can be read, or if it has another cause.
type beginning struct {
	// first is when the cluster could not be read for the first time. at is when clustercache first
	// tried to connect to it.
	first, at time.Time
	isTried   bool
	isRefused bool
}

// silence returns the Silence of a cluster that cannot be read for a reason.
func (v *View) silence(ctx context.Context, cluster *clusterv1.Cluster, current *entry, reason error) *Silence {
	s := &Silence{reason: reason}
	if beyondBudget, ok := errors.AsType[*BudgetError](reason); ok {
		s.Why, s.IsRefused = beyondBudget.Error(), true
	} else if errors.Is(reason, clustercache.ErrClusterNotConnected) {
		s.Why, s.IsRefused = v.kubeconfigs.whyDisconnected(ctx, cluster)
	}
	// clustercache tries no cluster that Cluster API has not provisioned.
	isTried := s.IsRefused || !ptr.Deref(cluster.Status.Initialization.InfrastructureProvisioned, false) ||
		!v.cache.GetHealthCheckingState(ctx, current.key).LastProbeTime.IsZero()
	current.mu.Lock()
	defer current.mu.Unlock()
	begun, isKnown := current.silences[v]
	if !isKnown || begun.isRefused != s.IsRefused {
		begun = beginning{first: v.now(), at: v.now(), isRefused: s.IsRefused}
	}
	if !begun.isTried {
		begun.at, begun.isTried = v.now(), isTried || v.now().Sub(begun.first) >= maxQueued
	}
	current.silences[v] = begun
	s.Since, s.IsQueued = begun.at, !begun.isTried
	return s
}
