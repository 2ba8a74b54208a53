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
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// ErrNotSynced says that the cluster is connected and has not yet listed every kind that was asked for. The controller
// is woken when it has.
var ErrNotSynced = errors.New("workload cluster has not listed its objects yet")

// ErrFormerCluster says that a connection is that of a former Cluster of the same name, which is about to be closed.
// It is a clustercache.ErrClusterNotConnected.
var ErrFormerCluster = fmt.Errorf("%w: the connection is that of a former Cluster of this name", clustercache.ErrClusterNotConnected)

// Watch is one kind that one controller reads in every workload cluster.
type Watch struct {
	// Name tells this watch from the other watches of the same cluster.
	Name string
	// Object is an empty object of the kind.
	Object client.Object
	// Predicates decide which events wake the controller; all of them when there are none.
	Predicates []predicate.Predicate
}

// Caches gives readers of workload clusters. It is safe for concurrent use.
type Caches struct {
	connections *Connections

	mu       sync.Mutex
	clusters map[client.ObjectKey]*cached
	queues   map[Controller]workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// Controller is a controller that reads workload clusters. It runs when it does.
type Controller = clustercache.SourceWatcher[reconcile.Request]

// cached is the cache of one connection to a cluster.
type cached struct {
	connection *connection
	cache      ctrlcache.Cache
	watched    map[string]*watched
}

// watched is a watch of a controller.
type watched struct {
	synced bool
}

// NewCaches returns Caches that cache nothing.
func NewCaches(connections *Connections) *Caches {
	return &Caches{
		connections: connections, clusters: map[client.ObjectKey]*cached{},
		queues: map[Controller]workqueue.TypedRateLimitingInterface[reconcile.Request]{},
	}
}

// Reader returns a reader of the watched kinds of a cluster, adding the watches first when this connection does not
// have them. It never waits. The error is clustercache.ErrClusterNotConnected when there is no connection, upon which
// clustercache's source wakes the controller later, and ErrNotSynced when a kind has not been listed yet. It is
// ErrBeyondBudget, too, while the cluster is left alone because it sent too much; the controller is woken when that
// begins and when it ends.
func (c *Caches) Reader(
	ctx context.Context, object *clusterv1.Cluster, controller Controller, watches ...Watch,
) (client.Reader, error) {
	cluster := client.ObjectKeyFromObject(object)
	c.mu.Lock()
	defer c.mu.Unlock()
	queue, err := c.queueOf(controller)
	if err != nil {
		return nil, err
	}
	request := reconcile.Request{NamespacedName: cluster}
	connection, err := c.connections.get(ctx, object, controller, func() { queue.Add(request) })
	if err != nil {
		delete(c.clusters, cluster)
		return nil, fmt.Errorf("reading the workload cluster: %w", err)
	}
	current := c.clusters[cluster]
	if current == nil || current.connection != connection {
		if current, err = newCached(connection); err != nil {
			return nil, err
		}
		c.clusters[cluster] = current
	}
	synced := true
	for _, watch := range watches {
		entry := current.watched[watch.Name]
		if entry == nil {
			entry = &watched{}
			current.watched[watch.Name] = entry
			if err := c.watch(current, entry, request, watch, queue); err != nil { //nolint:contextcheck // It outlives this reconcile.
				delete(current.watched, watch.Name)
				return nil, fmt.Errorf("watching %T: %w", watch.Object, err)
			}
		}
		synced = synced && entry.synced
	}
	if !synced {
		return nil, ErrNotSynced
	}
	return current.cache, nil
}

// Forget drops the cache of a cluster whose Cluster is gone.
func (c *Caches) Forget(cluster client.ObjectKey) {
	c.connections.Forget(cluster)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.clusters, cluster)
}

// newCached returns an empty cache that ends with the connection.
func newCached(connection *connection) (*cached, error) {
	options := CacheOptions()
	options.HTTPClient = connection.watching
	options.Mapper = mapper()
	options.ReaderFailOnMissingInformer = true
	options.NewInformer = connection.newInformer
	cache, err := ctrlcache.New(connection.config, options)
	if err != nil {
		return nil, fmt.Errorf("setting up a cache of the workload cluster: %w", err)
	}
	go func() { _ = cache.Start(connection.done) }() // It fails only if it is started twice.
	return &cached{connection: connection, cache: cache, watched: map[string]*watched{}}, nil
}

// newInformer returns an informer that is held to the budget of the connection. It ends with the connection.
func (c *connection) newInformer(
	lister toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	account := &account{budget: c.budget}
	bounded := &boundedListerWatcher{next: lister, account: account, lane: c.lane, trim: func(in any) (any, error) { return in, nil }}
	informer := toolscache.NewSharedIndexInformer(bounded, object, resync, indexers)
	_, _ = informer.AddEventHandler(account.handler()) // It fails only if the informer has ended.
	return informer
}

// watch adds a Watch to the cache of a cluster. The controller is woken once the kind is listed.
func (c *Caches) watch(
	current *cached, entry *watched, request reconcile.Request, watch Watch, queue workqueue.TypedRateLimitingInterface[reconcile.Request],
) error {
	ctx := current.connection.done
	wake := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{request}
	})
	kind := source.Kind(current.cache, watch.Object, wake, watch.Predicates...)
	if err := kind.Start(ctx, queue); err != nil {
		return err
	}
	go func() {
		if err := kind.WaitForSync(ctx); err != nil || ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		entry.synced = true
		c.mu.Unlock()
		queue.Add(request)
	}()
	return nil
}

// queueOf returns the queue of a controller. c.mu is held.
func (c *Caches) queueOf(controller Controller) (workqueue.TypedRateLimitingInterface[reconcile.Request], error) {
	if queue, ok := c.queues[controller]; ok {
		return queue, nil
	}
	err := controller.Watch(source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		c.queues[controller] = queue
		context.AfterFunc(ctx, c.connections.end)
		return nil
	}))
	if err != nil {
		return nil, fmt.Errorf("finding the queue of the controller: %w", err)
	}
	queue, ok := c.queues[controller]
	if !ok {
		return nil, errors.New("the controller does not run")
	}
	return queue, nil
}
