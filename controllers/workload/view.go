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

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/util/workqueue"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
)

// View is how one controller sees the workload clusters. Its embedded Clusters are those of all controllers. It is safe for
// concurrent use.
type View struct {
	*Clusters
	name  string
	waker mapping.Waker
}

// View returns the view of a controller, whose name no other controller has.
func (c *Clusters) View(name string) *View {
	view := &View{Clusters: c, name: name}
	c.viewsMu.Lock()
	defer c.viewsMu.Unlock()
	c.views = append(c.views, view)
	return view
}

// Source wakes the controller, with the Cluster as the request, when a workload cluster is connected or disconnected, when
// objects that it reads have changed, have been listed or cannot be listed, and when the cluster exceeds its budget or is tried
// again. All connections end with the controller. Source is called once.
func (v *View) Source() source.Source {
	connected := v.cache.GetClusterSource(v.name, mapping.ClusterToRequest)
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		context.AfterFunc(ctx, v.end)
		return errors.Join(v.waker.Source().Start(ctx, queue), connected.Start(ctx, queue))
	})
}

// use calls a function with the entry of a cluster and the connection to it, under the lock of the entry. If there is no
// connection, or if the function says so, the error is a Silence.
func (v *View) use(ctx context.Context, cluster *clusterv1.Cluster, do func(*entry, *connection) error) error {
	current := v.entry(ctx, cluster)
	err := v.useEntry(ctx, current, do)
	if errors.Is(err, clustercache.ErrClusterNotConnected) || errors.Is(err, ErrNotSynced) {
		return v.silence(ctx, cluster, current, err)
	}
	return err
}

func (v *View) useEntry(ctx context.Context, current *entry, do func(*entry, *connection) error) error {
	// Without the lock, because clustercache may be waiting for a kubeconfig, and that for an eviction.
	config, err := v.cache.GetRESTConfig(ctx, current.key)
	current.mu.Lock()
	defer current.mu.Unlock()
	connection, err := v.connect(current, config, err) //nolint:contextcheck // A connection outlives this reconcile.
	if err != nil {
		return err
	}
	return do(current, connection)
}

// LastAnswer returns when a workload cluster last answered the health probe of this process; zero if it never did.
func (v *View) LastAnswer(ctx context.Context, cluster *clusterv1.Cluster) time.Time {
	return v.cache.GetHealthCheckingState(ctx, client.ObjectKeyFromObject(cluster)).LastProbeSuccessTime
}

// Client returns a client without a cache. Each call may take 10 seconds. The errors are those of Reader.
func (v *View) Client(ctx context.Context, cluster *clusterv1.Cluster) (remote client.Client, err error) {
	err = v.use(ctx, cluster, func(_ *entry, current *connection) error {
		remote, err = current.client()
		return err
	})
	return remote, err
}

// Discovery returns a client that lists the kinds that the API server has. The errors are those of Reader.
func (v *View) Discovery(ctx context.Context, cluster *clusterv1.Cluster) (discoverer discovery.DiscoveryInterface, err error) {
	err = v.use(ctx, cluster, func(_ *entry, current *connection) error {
		discoverer, err = discovery.NewDiscoveryClientForConfigAndClient(current.config, current.calls)
		if err != nil {
			return fmt.Errorf("connecting to the workload cluster: %w", err)
		}
		return nil
	})
	return discoverer, err
}
