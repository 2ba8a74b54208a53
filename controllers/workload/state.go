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

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// State holds a controller's value for each Cluster. A value is evicted with the Cluster, and another Cluster of the same name
// begins with the zero value. A State is a field of its controller, and its zero value is ready for use.
type State[T any] struct {
	// _ gives each State an address of its own, by which entries tell States apart.
	_ byte
}

// Of returns the value of a Cluster. Only the reconcile of that Cluster, of which there is one at a time, may change it without
// a lock.
func (s *State[T]) Of(ctx context.Context, clusters *Clusters, cluster *clusterv1.Cluster) *T {
	current := clusters.entry(ctx, cluster)
	current.mu.Lock()
	defer current.mu.Unlock()
	if value, ok := current.states[s].(*T); ok {
		return value
	}
	value := new(T)
	if !current.isGone {
		current.states[s] = value
	}
	return value
}

// Peek returns the value of a Cluster, nil if there is none.
func (s *State[T]) Peek(clusters *Clusters, cluster *clusterv1.Cluster) *T {
	current := clusters.get(client.ObjectKeyFromObject(cluster))
	if current == nil || current.uid != cluster.UID {
		return nil
	}
	return s.in(current)
}

// All returns the values of all Clusters.
func (s *State[T]) All(clusters *Clusters) []*T {
	var all []*T
	for _, current := range clusters.all() {
		if value := s.in(current); value != nil {
			all = append(all, value)
		}
	}
	return all
}

// Drop drops the value of a Cluster.
func (s *State[T]) Drop(clusters *Clusters, cluster *clusterv1.Cluster) {
	if current := clusters.get(client.ObjectKeyFromObject(cluster)); current != nil {
		current.mu.Lock()
		defer current.mu.Unlock()
		delete(current.states, s)
	}
}

func (s *State[T]) in(current *entry) *T {
	current.mu.Lock()
	defer current.mu.Unlock()
	value, _ := current.states[s].(*T)
	return value
}

func (c *Clusters) all() []*entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*entry, 0, len(c.entries))
	for _, current := range c.entries {
		all = append(all, current)
	}
	return all
}
