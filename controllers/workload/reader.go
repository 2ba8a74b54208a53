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
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
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
	// Notice, if set, is called with the object of each such event, before the controller is woken. For
	// an update it is called with the former object, too.
	Notice func(cluster client.ObjectKey, object client.Object)
}

// handler returns a handler that notices the events of a cluster and wakes the controller for it.
func (w Watch) handler(cluster client.ObjectKey) handler.EventHandler {
	wake := func(queue workqueue.TypedRateLimitingInterface[reconcile.Request], objects ...client.Object) {
		for _, object := range objects {
			if w.Notice != nil {
				w.Notice(cluster, object)
			}
		}
		queue.Add(reconcile.Request{NamespacedName: cluster})
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			wake(queue, e.Object)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			wake(queue, e.ObjectOld, e.ObjectNew)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			wake(queue, e.Object)
		},
	}
}

// cached reads the kinds that are watched over a connection. Each kind has a cache of its own, which
// is set up once a controller watches it: an idle one takes goroutines and memory in every cluster. It
// is safe for concurrent use.
type cached struct {
	connection *connection
	options    ctrlcache.Options
	// synced tells by the name of a Watch whether its kind is listed. The lock of the Cluster's entry
	// guards it.
	synced map[string]*atomic.Bool

	mu    sync.RWMutex
	kinds map[schema.GroupVersionKind]ctrlcache.Cache
}

// Get implements client.Reader.
func (c *cached) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	kind, err := c.kindOf(object)
	if err != nil {
		return err
	}
	return kind.Get(ctx, key, object, options...)
}

// List implements client.Reader.
func (c *cached) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	kind, err := c.kindOf(list)
	if err != nil {
		return err
	}
	return kind.List(ctx, list, options...)
}

// kindOf returns the cache for an object or a list. The error says that the kind is not watched.
func (c *cached) kindOf(object runtime.Object) (ctrlcache.Cache, error) {
	gvk, err := apiutil.GVKForObject(object, clientgoscheme.Scheme)
	if err != nil {
		return nil, fmt.Errorf("reading %T: %w", object, err)
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	c.mu.RLock()
	defer c.mu.RUnlock()
	kind, ok := c.kinds[gvk]
	if !ok {
		return nil, fmt.Errorf("%s is not watched", gvk.Kind)
	}
	return kind, nil
}

// cacheOf returns the cache for a kind, and sets it up if need be. It ends with the connection.
func (c *cached) cacheOf(object client.Object) (ctrlcache.Cache, error) {
	if kind, err := c.kindOf(object); err == nil {
		return kind, nil
	}
	gvk, err := apiutil.GVKForObject(object, clientgoscheme.Scheme)
	if err != nil {
		return nil, fmt.Errorf("watching %T: %w", object, err)
	}
	kind, err := ctrlcache.New(c.connection.config, c.optionsOf(object))
	if err != nil {
		return nil, fmt.Errorf("setting up a cache of the workload cluster: %w", err)
	}
	go func() { _ = kind.Start(c.connection.done) }() // It fails only if it is started twice.
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds[gvk] = kind
	return kind, nil
}

// optionsOf returns the options of the cache for one kind.
func (c *cached) optionsOf(object client.Object) ctrlcache.Options {
	options := c.options
	for of, by := range c.options.ByObject {
		if reflect.TypeOf(of) == reflect.TypeOf(object) {
			options.DefaultFieldSelector, options.DefaultLabelSelector, options.DefaultNamespaces = by.Field, by.Label, by.Namespaces
			if by.Transform != nil {
				options.DefaultTransform = by.Transform
			}
		}
	}
	options.ByObject = nil
	return options
}

// Reader returns a reader of the watched kinds of a cluster, adding the watches first if the connection does not have them. It
// never waits. The error is a Silence if there is no connection, if a kind has not been listed yet, or while the cluster is left
// alone because it sent too much.
func (v *View) Reader(ctx context.Context, cluster *clusterv1.Cluster, watches ...Watch) (reader client.Reader, err error) {
	err = v.use(ctx, cluster, func(e *entry, current *connection) error {
		if current.cached == nil {
			current.cached = v.newCached(current)
		}
		isSynced := true
		for _, watch := range watches {
			synced, isWatched := current.cached.synced[watch.Name]
			if !isWatched {
				if synced, err = v.watch(current, e.key, watch); err != nil {
					return fmt.Errorf("watching %T: %w", watch.Object, err)
				}
				current.cached.synced[watch.Name] = synced
			}
			isSynced = isSynced && synced.Load()
		}
		if !isSynced {
			return ErrNotSynced
		}
		delete(e.silences, v)
		reader = current.cached
		return nil
	})
	return reader, err
}

// newCached returns caches of no kind.
func (c *Clusters) newCached(connection *connection) *cached {
	options := CacheOptions(c.shareSlice)
	options.HTTPClient = connection.watching
	options.Mapper = mapper()
	options.ReaderFailOnMissingInformer = true
	options.NewInformer = connection.newInformer
	return &cached{
		connection: connection, options: options, synced: map[string]*atomic.Bool{}, kinds: map[schema.GroupVersionKind]ctrlcache.Cache{},
	}
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

// watch adds a Watch to the cache of a cluster. The result becomes true once the kind is listed, and the
// controller is woken.
func (v *View) watch(current *connection, cluster client.ObjectKey, watch Watch) (*atomic.Bool, error) {
	cache, err := current.cached.cacheOf(watch.Object)
	if err != nil {
		return nil, err
	}
	kind := source.Kind(cache, watch.Object, watch.handler(cluster), watch.Predicates...)
	if err := v.waker.Start(current.done, kind); err != nil {
		return nil, err
	}
	synced := &atomic.Bool{}
	go func() {
		if err := kind.WaitForSync(current.done); err != nil || current.done.Err() != nil {
			return
		}
		synced.Store(true)
		v.waker.Wake(cluster)
	}()
	return synced, nil
}
