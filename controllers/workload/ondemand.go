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
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// OnDemand watches kinds of workload clusters only while they are read. A Reading starts the watches of the objects
// that it is asked for, and its end stops all others. It is for one controller, and safe for concurrent use by its
// workers.
type OnDemand struct {
	connections *Connections

	mu       sync.Mutex
	clusters map[client.ObjectKey]*watches
	// queue is the controller's while it runs.
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// watches are the watches of one connection to a cluster.
type watches struct {
	connection *connection
	client     client.WithWatch
	byDemand   map[Demand]*watch
}

// NewOnDemand returns an OnDemand that watches nothing.
func NewOnDemand(connections *Connections) *OnDemand {
	return &OnDemand{connections: connections, clusters: map[client.ObjectKey]*watches{}}
}

// Source wakes the controller, with the Cluster as the request, when watched objects have changed, have been listed
// or cannot be listed. All watches end with the controller.
func (o *OnDemand) Source() source.Source {
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.queue = queue
		context.AfterFunc(ctx, o.end)
		return nil
	})
}

// Begin begins a Reading of a cluster. It never waits. The error is clustercache.ErrClusterNotConnected when there is
// no connection, and ErrBeyondBudget while the cluster is left alone because it sent too much; the controller is
// woken when that ends. All watches have ended then.
func (o *OnDemand) Begin(ctx context.Context, object *clusterv1.Cluster) (*Reading, error) {
	cluster := client.ObjectKeyFromObject(object)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.queue == nil {
		return nil, errors.New("watching on demand: the controller does not run")
	}
	queue := o.queue
	wake := func() { queue.Add(reconcile.Request{NamespacedName: cluster}) }
	connection, err := o.connections.get(ctx, object, o, wake)
	if err != nil {
		o.drop(cluster)
		return nil, fmt.Errorf("watching on demand: %w", err)
	}
	current := o.clusters[cluster]
	if current == nil || current.connection != connection {
		o.drop(cluster)
		remote, err := client.NewWithWatch(connection.config, client.Options{
			HTTPClient: connection.watching, Scheme: demandScheme, Mapper: mapper(),
		})
		if err != nil {
			return nil, fmt.Errorf("watching on demand: %w", err)
		}
		current = &watches{connection: connection, client: remote, byDemand: map[Demand]*watch{}}
		o.clusters[cluster] = current
	}
	return &Reading{onDemand: o, cluster: cluster, watches: current, wake: wake, asked: map[Demand]bool{}}, nil
}

// Forget ends all watches of a cluster.
func (o *OnDemand) Forget(cluster client.ObjectKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(cluster)
}

// Delete ends all watches of a cluster whose Cluster is gone, and its connection.
func (o *OnDemand) Delete(cluster client.ObjectKey) {
	o.Forget(cluster)
	o.connections.Forget(cluster)
}

func (o *OnDemand) drop(cluster client.ObjectKey) {
	if current, ok := o.clusters[cluster]; ok {
		current.keep(nil)
		delete(o.clusters, cluster)
	}
}

func (o *OnDemand) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = nil
	for cluster := range o.clusters {
		o.drop(cluster)
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
	onDemand *OnDemand
	cluster  client.ObjectKey
	watches  *watches
	wake     func()
	asked    map[Demand]bool
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
		if object, ok := item.(T); ok {
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
	r.onDemand.mu.Lock()
	defer r.onDemand.mu.Unlock()
	r.asked[demand] = true
	current, ok := r.watches.byDemand[demand]
	if !ok {
		var err error
		if current, err = startWatch(r.watches, demand, r.wake); err != nil {
			return nil, err
		}
		r.watches.byDemand[demand] = current
	}
	return current, nil
}

// End ends the watches that the Reading was not asked for.
func (r *Reading) End() {
	r.onDemand.mu.Lock()
	defer r.onDemand.mu.Unlock()
	r.watches.keep(r.asked)
}
