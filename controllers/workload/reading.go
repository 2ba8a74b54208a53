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
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// watches are the watches that one controller needs for some objects only, on one connection to a cluster.
type watches struct {
	client   client.WithWatch
	byDemand map[Demand]*watch
}

// Begin begins a Reading of a cluster. It never waits. The error is a Silence if there is no connection, or while the cluster is
// left alone because it sent too much. All watches have ended then.
func (v *View) Begin(ctx context.Context, cluster *clusterv1.Cluster) (reading *Reading, err error) {
	err = v.use(ctx, cluster, func(e *entry, current *connection) error {
		if current.watches[v] == nil {
			remote, err := client.NewWithWatch(current.config, client.Options{
				HTTPClient: current.watching, Scheme: demandScheme, Mapper: mapper(),
			})
			if err != nil {
				return fmt.Errorf("watching on demand: %w", err)
			}
			current.watches[v] = &watches{client: remote, byDemand: map[Demand]*watch{}}
		}
		delete(e.silences, v)
		reading = &Reading{view: v, entry: e, connection: current, watches: current.watches[v], asked: map[Demand]bool{}}
		return nil
	})
	return reading, err
}

// StopWatching ends the watches of the controller's Readings of a cluster.
func (v *View) StopWatching(cluster *clusterv1.Cluster) {
	current := v.get(client.ObjectKeyFromObject(cluster))
	if current == nil {
		return
	}
	current.mu.Lock()
	defer current.mu.Unlock()
	if current.connection != nil && current.connection.watches[v] != nil {
		current.connection.watches[v].keep(nil)
	}
}

// keep ends all watches that were not asked for.
func (w *watches) keep(asked map[Demand]bool) {
	for demand, watch := range w.byDemand {
		if !asked[demand] {
			watch.end()
			delete(w.byDemand, demand)
		}
	}
}

// Reading is one look at the objects of a cluster. It is not safe for concurrent use.
type Reading struct {
	view       *View
	entry      *entry
	connection *connection
	watches    *watches
	asked      map[Demand]bool
}

// List returns the objects of a Demand, in no order, or an error that is ErrNotSynced while they have not been listed
// yet. The objects are those of the cache: they must not be changed.
func List[T runtime.Object](reading *Reading, demand Demand) ([]T, error) {
	found, err := reading.list(demand)
	if err != nil {
		return nil, err
	}
	objects := make([]T, 0, len(found))
	for _, item := range found {
		if object, ok := item.(T); ok && demand.admits(item) {
			objects = append(objects, object)
		}
	}
	return objects, nil
}

// Get returns one object of a Demand, nil if there is none. It is otherwise like List.
func Get[T runtime.Object](reading *Reading, demand Demand, key client.ObjectKey) (T, error) {
	var none T
	current, err := reading.watch(demand)
	if err != nil {
		return none, err
	}
	found, err := current.get(key.String())
	if err != nil {
		return none, err
	}
	object, _ := found.(T)
	return object, nil
}

func (r *Reading) list(demand Demand) ([]any, error) {
	current, err := r.watch(demand)
	if err != nil {
		return nil, err
	}
	return current.list()
}

func (r *Reading) watch(demand Demand) (*watch, error) {
	r.entry.mu.Lock()
	defer r.entry.mu.Unlock()
	r.asked[demand] = true
	current, ok := r.watches.byDemand[demand]
	if !ok {
		var err error
		if current, err = startWatch(r.connection, r.watches.client, demand, r.wake); err != nil {
			return nil, err
		}
		r.watches.byDemand[demand] = current
	}
	return current, nil
}

// End ends the watches that the Reading was not asked for.
func (r *Reading) End() {
	r.entry.mu.Lock()
	defer r.entry.mu.Unlock()
	r.watches.keep(r.asked)
}

func (r *Reading) wake() { r.view.waker.Wake(r.entry.key) }
