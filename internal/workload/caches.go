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
	"maps"
	"sync"

	"k8s.io/client-go/util/workqueue"
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

	mu      sync.Mutex
	watched map[watchKey]*watched
}

type watchKey struct {
	cluster client.ObjectKey
	name    string
}

// watched is a watch on the present connection of a cluster.
type watched struct {
	cache  ctrlcache.Cache
	synced bool
}

// NewCaches returns Caches on top of a clustercache.
func NewCaches(clusterCache clustercache.ClusterCache) *Caches {
	return &Caches{clusterCache: clusterCache, watched: map[watchKey]*watched{}}
}

// Reader returns a reader of the watched kinds of a cluster, adding the watches first when this connection does not have
// them. It never waits. The error is clustercache.ErrClusterNotConnected when there is no connection, upon which
// clustercache's source wakes the controller later, and ErrNotSynced when a kind has not been listed yet.
func (c *Caches) Reader(
	ctx context.Context, cluster client.ObjectKey, controller clustercache.SourceWatcher[reconcile.Request], watches ...Watch,
) (client.Reader, error) {
	var reader client.Reader
	synced := true
	for _, watch := range watches {
		key := watchKey{cluster: cluster, name: watch.Name}
		err := c.clusterCache.Watch(ctx, cluster, &watcher{watch: watch, key: key, caches: c, controller: controller})
		if err != nil {
			c.drop(key)
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

// Sweep drops what is held for clusters that are no longer connected. Controllers call it when a Cluster is gone.
func (c *Caches) Sweep(ctx context.Context) {
	c.mu.Lock()
	held := maps.Clone(c.watched)
	c.mu.Unlock()
	// The connection is looked up without the lock: clustercache adds watches with a lock of its own held.
	maps.DeleteFunc(held, func(key watchKey, _ *watched) bool {
		_, err := c.clusterCache.GetReader(ctx, key.cluster)
		return err == nil
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.watched, func(key watchKey, entry *watched) bool {
		return held[key] == entry
	})
}

func (c *Caches) drop(key watchKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.watched, key)
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
	entry := &watched{cache: cache}
	w.caches.mu.Lock()
	w.caches.watched[w.key] = entry
	w.caches.mu.Unlock()

	request := reconcile.Request{NamespacedName: w.key.cluster}
	wake := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{request}
	})
	kind := source.Kind(cache, w.watch.Object, wake, w.watch.Predicates...)
	return w.controller.Watch(source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		if err := kind.Start(ctx, queue); err != nil {
			return err
		}
		go func() {
			if err := kind.WaitForSync(ctx); err != nil {
				return
			}
			w.caches.mu.Lock()
			entry.synced = true
			w.caches.mu.Unlock()
			queue.Add(request)
		}()
		return nil
	}))
}
