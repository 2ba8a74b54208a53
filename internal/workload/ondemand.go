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
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// listTimeout is how long one list of a watch may take, as in clustercache; watches end sooner by themselves.
const listTimeout = 11 * time.Minute

// Connections tells how to reach workload clusters: clustercache does. A cluster that was connected anew has another
// configuration than before.
type Connections interface {
	GetRESTConfig(ctx context.Context, cluster client.ObjectKey) (*rest.Config, error)
}

// OnDemand watches kinds of workload clusters only while they are needed. Reading is what says that they are: a Reading
// starts the watches of whatever it is asked for, and when it ends so do those that it was not asked for. It is for one
// controller, and safe for concurrent use by its workers.
type OnDemand struct {
	connections Connections

	mu       sync.Mutex
	clusters map[client.ObjectKey]*connection
	// queue is the controller's while it runs.
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// connection is what is held of a cluster for as long as it stays connected.
type connection struct {
	config  *rest.Config
	client  client.WithWatch
	watches map[Demand]*watch
}

// NewOnDemand returns an OnDemand that watches nothing.
func NewOnDemand(connections Connections) *OnDemand {
	return &OnDemand{connections: connections, clusters: map[client.ObjectKey]*connection{}}
}

// Source wakes the controller, with the Cluster as the request, when what a Reading was asked for has changed, has been
// listed or cannot be listed. All watches end with the controller.
func (o *OnDemand) Source() source.Source {
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.queue = queue
		context.AfterFunc(ctx, o.end)
		return nil
	})
}

// Begin begins a Reading of a cluster. It never waits. The error is clustercache.ErrClusterNotConnected when there is no
// connection; what was watched through it has ended then.
func (o *OnDemand) Begin(ctx context.Context, cluster client.ObjectKey) (*Reading, error) {
	config, err := o.connections.GetRESTConfig(ctx, cluster)
	if err != nil {
		o.Forget(cluster)
		return nil, fmt.Errorf("watching on demand: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.queue == nil {
		return nil, errors.New("watching on demand: the controller does not run")
	}
	current := o.clusters[cluster]
	if current == nil || current.config != config {
		// The connection is another one: what the former one showed may be of another API server.
		o.drop(cluster)
		remote, err := newClient(config)
		if err != nil {
			return nil, err
		}
		current = &connection{config: config, client: remote, watches: map[Demand]*watch{}}
		o.clusters[cluster] = current
	}
	queue := o.queue
	wake := func() { queue.Add(reconcile.Request{NamespacedName: cluster}) }
	return &Reading{onDemand: o, connection: current, wake: wake, asked: map[Demand]bool{}}, nil
}

// Forget ends all watches of a cluster.
func (o *OnDemand) Forget(cluster client.ObjectKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(cluster)
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

// keep ends all watches but those that were asked for.
func (c *connection) keep(asked map[Demand]bool) {
	for demand, watch := range c.watches {
		if !asked[demand] {
			watch.cancel()
			delete(c.watches, demand)
		}
	}
}

// newClient returns a client that asks nobody which kinds there are, and whose lists may take long.
func newClient(config *rest.Config) (client.WithWatch, error) {
	config = rest.CopyConfig(config)
	config.Timeout = listTimeout
	remote, err := client.NewWithWatch(config, client.Options{Scheme: demandScheme, Mapper: mapper()})
	if err != nil {
		return nil, fmt.Errorf("setting up a client for watching on demand: %w", err)
	}
	return remote, nil
}

// Reading is one look at the objects of a cluster. It is not safe for concurrent use.
type Reading struct {
	onDemand   *OnDemand
	connection *connection
	wake       func()
	asked      map[Demand]bool
}

// List returns the objects of a Demand, in no order, or an error that is ErrNotSynced while they have not been listed yet.
// The objects are those of the cache: they must not be changed.
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

func (r *Reading) list(demand Demand) ([]any, error) {
	r.onDemand.mu.Lock()
	defer r.onDemand.mu.Unlock()
	r.asked[demand] = true
	current, ok := r.connection.watches[demand]
	if !ok {
		var err error
		if current, err = startWatch(r.connection.client, demand, r.wake); err != nil {
			return nil, err
		}
		r.connection.watches[demand] = current
	}
	return current.list()
}

// End ends the watches that the Reading was not asked for.
func (r *Reading) End() {
	r.onDemand.mu.Lock()
	defer r.onDemand.mu.Unlock()
	r.connection.keep(r.asked)
}
