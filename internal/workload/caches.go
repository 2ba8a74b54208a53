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

// ErrFormerCluster says that a connection is that of a former Cluster of the same name, which is about to be closed. It is a
// clustercache.ErrClusterNotConnected.
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
	clusterCache clustercache.ClusterCache
	incarnations *Incarnations

	mu      sync.Mutex
	watched map[watchKey]*watched
}

type watchKey struct {
	cluster client.ObjectKey
	name    string
}

// watched is a watch on a connection of a cluster.
type watched struct {
	cache  ctrlcache.Cache
	synced bool
	// cancel ends the handling of events and the wait for the cache to sync, which would outlive the connection.
	cancel context.CancelFunc
}

// NewCaches returns Caches on top of a clustercache whose filter the Incarnations are.
func NewCaches(clusterCache clustercache.ClusterCache, incarnations *Incarnations) *Caches {
	return &Caches{clusterCache: clusterCache, incarnations: incarnations, watched: map[watchKey]*watched{}}
}

// Reader returns a reader of the watched kinds of a cluster, adding the watches first when this connection does not have
// them. It never waits. The error is clustercache.ErrClusterNotConnected when there is no connection, upon which
// clustercache's source wakes the controller later, and ErrNotSynced when a kind has not been listed yet.
func (c *Caches) Reader(
	ctx context.Context, object *clusterv1.Cluster, controller clustercache.SourceWatcher[reconcile.Request], watches ...Watch,
) (client.Reader, error) {
	if !c.incarnations.mayBeConnected(object) {
		return nil, ErrFormerCluster
	}
	cluster := client.ObjectKeyFromObject(object)
	var reader client.Reader
	synced := true
	for _, watch := range watches {
		key := watchKey{cluster: cluster, name: watch.Name}
		err := c.clusterCache.Watch(ctx, cluster, &watcher{watch: watch, key: key, caches: c, controller: controller})
		if err != nil {
			c.drop(func(other watchKey) bool { return other == key })
			return nil, fmt.Errorf("watching %T: %w", watch.Object, err)
		}
		cache, kindSynced := c.state(key)
		synced = synced && kindSynced
		reader = cache
	}
	if !synced {
		return nil, ErrNotSynced
	}
	return reader, nil
}

// Forget drops what is held for a cluster whose Cluster is gone, and returns whether that could be done: while clustercache
// has not yet closed the connection it cannot, because a watch is added only once to a connection.
func (c *Caches) Forget(ctx context.Context, cluster client.ObjectKey) bool {
	if _, err := c.clusterCache.GetReader(ctx, cluster); err == nil {
		return false
	}
	c.drop(func(key watchKey) bool { return key.cluster == cluster })
	return true
}

func (c *Caches) drop(match func(watchKey) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, entry := range c.watched {
		if match(key) {
			entry.cancel()
			delete(c.watched, key)
		}
	}
}

// hold replaces what is held of the cluster's former connection.
func (c *Caches) hold(key watchKey, entry *watched) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if former, ok := c.watched[key]; ok {
		former.cancel()
	}
	c.watched[key] = entry
}

func (c *Caches) setSynced(entry *watched) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry.synced = true
}

func (c *Caches) state(key watchKey) (ctrlcache.Cache, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	watched, ok := c.watched[key]
	if !ok {
		return nil, false
	}
	return watched.cache, watched.synced
}

// watcher adds a Watch to a connection, as clustercache wants it: its method Watch is called once per connection.
type watcher struct {
	watch      Watch
	key        watchKey
	caches     *Caches
	controller clustercache.SourceWatcher[reconcile.Request]
}

func (w *watcher) Name() string          { return w.watch.Name }
func (w *watcher) Object() client.Object { return w.watch.Object }

func (w *watcher) Watch(cache ctrlcache.Cache) error {
	request := reconcile.Request{NamespacedName: w.key.cluster}
	wake := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{request}
	})
	kind := source.Kind(cache, w.watch.Object, wake, w.watch.Predicates...)
	return w.controller.Watch(source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		ctx, cancel := context.WithCancel(ctx)
		entry := &watched{cache: cache, cancel: cancel}
		w.caches.hold(w.key, entry)
		if err := kind.Start(ctx, queue); err != nil {
			return err
		}
		go func() {
			if err := kind.WaitForSync(ctx); err != nil {
				return
			}
			w.caches.setSynced(entry)
			queue.Add(request)
		}()
		return nil
	}))
}
