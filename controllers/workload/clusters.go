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
	"sync"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/util/annotations"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
)

// ClusterCache is the part of Cluster API's clustercache that decides whether a workload cluster is connected.
type ClusterCache interface {
	// GetRESTConfig returns how to reach a workload cluster. A cluster that was connected anew has another configuration
	// than before. The error is clustercache.ErrClusterNotConnected if there is no connection.
	GetRESTConfig(ctx context.Context, cluster client.ObjectKey) (*rest.Config, error)
	GetHealthCheckingState(ctx context.Context, cluster client.ObjectKey) clustercache.HealthCheckingState
	GetClusterSource(controller string, toRequests func(context.Context, client.Object) []reconcile.Request, options ...clustercache.GetClusterSourceOption) source.Source
}

// Clusters are all workload clusters, as one view for all controllers. It is safe for concurrent use.
//
// The entry of a Cluster holds everything about it: the connection with its caches and watches, the
// penalty, the silences, and the State of the controllers. An entry exists only if the manager's cache
// has the Cluster with the same UID. The first controller that finds the Cluster gone evicts it.
type Clusters struct {
	// reader reads Clusters from the manager's cache.
	reader      client.Reader
	cache       ClusterCache
	kubeconfigs *Kubeconfigs
	filter      WatchFilter
	limits      Limits
	fleet       *fleet
	reads       pacing.Reads
	now         func() time.Time

	mu      sync.Mutex
	entries map[client.ObjectKey]*entry
	// shareSlice transforms EndpointSlices before they are cached; it may be nil.
	shareSlice toolscache.TransformFunc
	// evicted are called with each evicted Cluster.
	evicted []func(client.ObjectKey)

	viewsMu sync.Mutex
	views   []*View
}

// entry holds everything about one Cluster.
type entry struct {
	key client.ObjectKey
	uid types.UID

	mu sync.Mutex
	// isGone is true if the entry is evicted. A reconcile in progress may still hold it.
	isGone bool
	// isAdmitted is true once a connection cannot be that of a former Cluster of the same name. See Clusters.Admit.
	isAdmitted, wasRefused bool
	connection             *connection
	// penalty is how long the cluster is left alone, and retry wakes the controllers when that ends.
	penalty penalty
	retry   *time.Timer
	// silences are set if controllers cannot read the cluster.
	silences map[*View]beginning
	// states are the values of each State.
	states map[any]any
}

// New returns the workload clusters of the Clusters that the reader has, which should be the manager's cache. Every cluster is
// held to the limits. Secrets of kubeconfigs are read through the Kubeconfigs alone.
func New(reader client.Reader, kubeconfigs *Kubeconfigs, filter WatchFilter, limits Limits) *Clusters {
	c := &Clusters{
		reader: reader, kubeconfigs: kubeconfigs, filter: filter, limits: limits, fleet: newFleet(limits.Together), now: time.Now,
		reads:   pacing.Reads{Burst: limits.Burst, Lane: limits.Lane},
		entries: map[client.ObjectKey]*entry{},
	}
	kubeconfigs.clusters = c
	return c
}

// SetClusterCache sets the clustercache that connects the clusters, whose filter must be Admit, before the manager starts.
func (c *Clusters) SetClusterCache(cache ClusterCache) { c.cache = cache }

// Admits returns whether a Cluster belongs to this instance of the manager.
func (c *Clusters) Admits(cluster *clusterv1.Cluster) bool { return c.filter.Admits(cluster) }

// ShareSlices calls a function with each EndpointSlice before it is cached, to let it share memory with
// equal ones. It must be set before the manager starts.
func (c *Clusters) ShareSlices(share func(*discoveryv1.EndpointSlice)) {
	stripManagedFields := ctrlcache.TransformStripManagedFields()
	c.shareSlice = func(object any) (any, error) {
		if slice, ok := object.(*discoveryv1.EndpointSlice); ok {
			share(slice)
		}
		return stripManagedFields(object)
	}
}

// OnEvict calls a function with each evicted Cluster, once or several times. The function must not call Clusters.
func (c *Clusters) OnEvict(evicted func(client.ObjectKey)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.evicted = append(c.evicted, evicted)
}

// entry returns the entry of a Cluster. If the manager's cache no longer has the Cluster, the entry is
// gone and forgets everything.
func (c *Clusters) entry(ctx context.Context, cluster *clusterv1.Cluster) *entry {
	key := client.ObjectKeyFromObject(cluster)
	c.mu.Lock()
	defer c.mu.Unlock()
	if current := c.entries[key]; current != nil && current.uid == cluster.UID {
		return current
	}
	added := &entry{key: key, uid: cluster.UID, silences: map[*View]beginning{}, states: map[any]any{}}
	present := &clusterv1.Cluster{}
	if err := c.reader.Get(ctx, key, present); err != nil || present.UID != cluster.UID {
		added.isGone = true
		return added
	}
	if c.entries[key] != nil {
		c.evict(key)
	}
	c.entries[key] = added
	return added
}

// get returns the entry of the Cluster that has a name now, nil if there is none.
func (c *Clusters) get(key client.ObjectKey) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[key]
}

// evictIfGone evicts a Cluster if the manager's cache does not have it.
func (c *Clusters) evictIfGone(ctx context.Context, key client.ObjectKey) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.reader.Get(ctx, key, &clusterv1.Cluster{})
	if !apierrors.IsNotFound(err) {
		return err // It was created anew. Its own event wakes the controllers.
	}
	c.evict(key)
	return nil
}

// evict drops the entry of a Cluster. c.mu is held.
func (c *Clusters) evict(key client.ObjectKey) {
	if current := c.entries[key]; current != nil {
		delete(c.entries, key)
		current.evict()
	}
	c.kubeconfigs.evict(key)
	for _, evicted := range c.evicted {
		evicted(key)
	}
}

// suspend clears the entry of a Cluster in the phase None, except for its penalty.
func (c *Clusters) suspend(key client.ObjectKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if current := c.entries[key]; current != nil {
		current.clear()
	}
	for _, evicted := range c.evicted {
		evicted(key)
	}
}

func (e *entry) evict() {
	e.clear()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.isGone = true
	if e.retry != nil {
		e.retry.Stop()
	}
}

func (e *entry) clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.disconnect()
	clear(e.silences)
	clear(e.states)
}

// disconnect ends the connection, with its caches and watches. e.mu is held.
func (e *entry) disconnect() {
	if e.connection != nil {
		e.connection.close()
		e.connection = nil
	}
}

// whileExists calls a function if the manager's cache has a Cluster, which is not evicted before the function returns.
func (c *Clusters) whileExists(ctx context.Context, key client.ObjectKey, do func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reader.Get(ctx, key, &clusterv1.Cluster{}); err != nil {
		return fmt.Errorf("reading Cluster %s: %w", key, err)
	}
	return do()
}

// wake wakes all controllers for a Cluster.
func (c *Clusters) wake(key client.ObjectKey) {
	c.viewsMu.Lock()
	defer c.viewsMu.Unlock()
	for _, view := range c.views {
		view.waker.Wake(key)
	}
}

// end ends all connections.
func (c *Clusters) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, current := range c.entries {
		current.mu.Lock()
		current.disconnect()
		current.mu.Unlock()
	}
}

// Phase limits the work of controllers for a Cluster.
type Phase int

const (
	// None is the phase of a Cluster that does not exist, is being deleted, or belongs to another instance of the manager.
	// Controllers do nothing for it and remember nothing.
	None Phase = iota
	// Paused is the phase of a Cluster for which nothing is written.
	Paused
	// Active is the phase of every other Cluster.
	Active
)

// PhaseOf returns the Phase of a Cluster that exists.
func (c *Clusters) PhaseOf(cluster *clusterv1.Cluster) Phase {
	switch {
	case !c.filter.Admits(cluster) || !cluster.DeletionTimestamp.IsZero():
		return None
	case annotations.IsPaused(cluster, cluster):
		return Paused
	}
	return Active
}

// Get reads the Cluster of a request, and clears or evicts its entry if the phase is None.
func (c *Clusters) Get(ctx context.Context, request reconcile.Request) (*clusterv1.Cluster, Phase, error) {
	cluster := &clusterv1.Cluster{}
	err := c.reader.Get(ctx, request.NamespacedName, cluster)
	switch {
	case apierrors.IsNotFound(err):
		return nil, None, c.evictIfGone(ctx, request.NamespacedName)
	case err != nil:
		return nil, None, err
	}
	phase := c.PhaseOf(cluster)
	if phase == None {
		c.suspend(request.NamespacedName)
	}
	return cluster, phase, nil
}
