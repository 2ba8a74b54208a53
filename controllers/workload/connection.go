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
	"net/http"
	"net/url"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
)

const (
	// watchTimeout is how long a watch may last, as in clustercache; the API server ends one after 10 minutes at most.
	watchTimeout = 11 * time.Minute
	// responseTimeout is how long any other response may take, however slowly it drips: a page of a list has 200
	// objects.
	responseTimeout = time.Minute
	// callTimeout is how long one call of a Client may take, as in clustercache.
	callTimeout = 10 * time.Second

	// streamBuffer and connectionBuffer are how many bytes an API server may send before they are read: of one response, and
	// of all that share a connection. A page of a list takes a few round trips.
	streamBuffer, connectionBuffer = 512 << 10, 8 << 20
)

// RESTConfigs tells how to reach workload clusters: clustercache does. A cluster that was connected anew has another
// configuration than before. The error is clustercache.ErrClusterNotConnected when there is no connection.
type RESTConfigs interface {
	GetRESTConfig(ctx context.Context, cluster client.ObjectKey) (*rest.Config, error)
}

// Proxy is the Proxy of a rest.Config.
type Proxy func(*http.Request) (*url.URL, error)

// Connections are the connections to workload clusters through which everything is read and written, each held to a
// budget. clustercache's own connections are left to probe and to discover. It is safe for concurrent use.
type Connections struct {
	configs      RESTConfigs
	proxyOf      func(cluster client.ObjectKey) Proxy
	incarnations *Incarnations
	limits       Limits
	fleet        *fleet
	reads        pacing.Reads
	now          func() time.Time

	mu        sync.Mutex
	clusters  map[client.ObjectKey]*connection
	penalties map[client.ObjectKey]penalty
	// wakers are called when the cluster exceeds its budget and when it is tried again.
	wakers map[client.ObjectKey]map[any]func()
}

// NewConnections returns Connections on top of a clustercache whose filter the Incarnations are. They hold every
// cluster to the limits, and lead through its own proxy instead of the gate that clustercache is led through.
func NewConnections(configs RESTConfigs, proxyOf func(client.ObjectKey) Proxy, incarnations *Incarnations, limits Limits) *Connections {
	return &Connections{
		configs: configs, proxyOf: proxyOf, incarnations: incarnations, limits: limits, fleet: newFleet(limits.Together), now: time.Now,
		reads:    pacing.Reads{Burst: limits.Burst, Lane: limits.Lane},
		clusters: map[client.ObjectKey]*connection{}, penalties: map[client.ObjectKey]penalty{},
		wakers: map[client.ObjectKey]map[any]func(){},
	}
}

// connection is used for as long as a cluster stays connected and within its budget.
type connection struct {
	// from is clustercache's configuration. Another one means another connection.
	from *rest.Config
	// config has the budget's transport in it, and no timeout.
	config *rest.Config
	budget *budget
	lane   *lane
	// done ends with the connection, and so do all its requests.
	done context.Context //nolint:containedctx // It is the connection's life.
	end  func()
	// watching is for lists and watches, calls for everything else.
	watching, calls *http.Client
	// version is guarded by the mutex of the Connections.
	version reportedVersion
}

// get returns the connection to a cluster. It never waits. The error is clustercache.ErrClusterNotConnected when
// there is none or it is that of a former Cluster, and ErrBeyondBudget while the cluster is left alone. The waker is
// called when that begins and when it ends; owner tells it from the wakers of others.
func (c *Connections) get(ctx context.Context, object *clusterv1.Cluster, owner any, waker func()) (*connection, error) {
	if !c.incarnations.mayBeConnected(object) {
		return nil, ErrFormerCluster
	}
	cluster := client.ObjectKeyFromObject(object)
	config, err := c.configs.GetRESTConfig(ctx, cluster)
	c.mu.Lock()
	defer c.mu.Unlock()
	if waker != nil {
		if c.wakers[cluster] == nil {
			c.wakers[cluster] = map[any]func(){}
		}
		c.wakers[cluster][owner] = waker
	}
	if err != nil {
		c.drop(cluster)
		return nil, err
	}
	if penalty := c.penalties[cluster]; penalty.holds(c.now()) {
		return nil, &BudgetError{Reason: penalty.reason, Until: penalty.until}
	}
	if current := c.clusters[cluster]; current != nil && current.from == config {
		return current, nil
	}
	// The connection is another one. Objects from the former one may be those of another API server.
	c.drop(cluster)
	current, err := c.connect(cluster, config)
	if err != nil {
		return nil, err
	}
	c.clusters[cluster] = current
	return current, nil
}

// connect sets up a connection without a request to the cluster.
func (c *Connections) connect(cluster client.ObjectKey, from *rest.Config) (*connection, error) {
	current := &connection{from: from, config: rest.CopyConfig(from)}
	// Not the context of the reconcile that needs the connection first: it outlives that.
	done, cancel := context.WithCancel(context.Background())
	current.done = done
	current.budget = newBudget(c.limits, c.now, func(reason error) { c.exceeded(cluster, current, reason) })
	current.budget.share = c.fleet.join(cluster.Namespace, current.budget.end)
	current.end = func() {
		cancel()
		current.budget.share.leave()
	}
	current.config.DisableCompression = true
	// Warnings are texts of the API server's, as many and as long as it likes.
	current.config.WarningHandlerWithContext = rest.NoWarnings{}
	current.config.Timeout = 0
	current.config.Proxy = c.proxyOf(cluster)
	current.config.Wrap(remote.RefuseRedirects)
	current.lane = &lane{reads: &c.reads, cluster: cluster, now: c.now}
	current.config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &endingTransport{next: &meteredTransport{next: next, budget: current.budget, lane: current.lane}, done: current.done}
	})
	transport, err := newTransport(current.config)
	if err != nil {
		current.end()
		return nil, fmt.Errorf("setting up a connection to the workload cluster: %w", err)
	}
	current.watching = &http.Client{Transport: transport, Timeout: watchTimeout}
	current.calls = &http.Client{Transport: transport, Timeout: callTimeout}
	return current, nil
}

// newTransport returns the transport of a configuration, like rest.TransportFor, but with buffers that a paced response does
// not fill with megabytes: client-go gives each of some thirty streams of a cluster 4 MiB.
func newTransport(config *rest.Config) (http.RoundTripper, error) {
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, fmt.Errorf("reading the certificates: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = tlsConfig
	transport.Proxy = config.Proxy
	transport.DisableCompression = config.DisableCompression
	transport.ForceAttemptHTTP2 = true
	// The timeouts are those of client-go.
	transport.HTTP2 = &http.HTTP2Config{
		MaxReceiveBufferPerStream: streamBuffer, MaxReceiveBufferPerConnection: connectionBuffer,
		SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second,
	}
	return rest.HTTPWrappersForConfig(config, transport)
}

// exceeded ends a connection whose budget is exceeded and leaves the cluster alone for a while.
func (c *Connections) exceeded(cluster client.ObjectKey, current *connection, reason error) {
	current.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clusters[cluster] != current {
		return
	}
	delete(c.clusters, cluster)
	next := c.penalties[cluster].next(c.now(), reason)
	c.penalties[cluster] = next
	c.wake(cluster)
	time.AfterFunc(next.wait, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.penalties[cluster] == next {
			c.wake(cluster)
		}
	})
}

// wake calls the wakers of a cluster. They only add to a queue.
func (c *Connections) wake(cluster client.ObjectKey) {
	for _, waker := range c.wakers[cluster] {
		waker()
	}
}

// Forget ends the connection to a cluster whose Cluster is gone, and forgets whether it was beyond its budget.
func (c *Connections) Forget(cluster client.ObjectKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(cluster)
	delete(c.penalties, cluster)
	delete(c.wakers, cluster)
}

// end ends all connections.
func (c *Connections) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for cluster := range c.clusters {
		c.drop(cluster)
	}
	clear(c.wakers)
}

func (c *Connections) drop(cluster client.ObjectKey) {
	if current := c.clusters[cluster]; current != nil {
		current.end()
		delete(c.clusters, cluster)
	}
}

// Client returns a client without a cache. Each call may take 10 seconds. The errors are those of Caches.Reader.
func (c *Connections) Client(ctx context.Context, cluster *clusterv1.Cluster) (client.Client, error) {
	current, err := c.get(ctx, cluster, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("connecting to the workload cluster: %w", err)
	}
	discovering, err := apiutil.NewDynamicRESTMapper(current.config, current.calls)
	if err != nil {
		return nil, fmt.Errorf("connecting to the workload cluster: %w", err)
	}
	// Discovery is for kinds that are not ours, such as those that a removal leaves in place.
	mapper := meta.FirstHitRESTMapper{MultiRESTMapper: meta.MultiRESTMapper{mapper(), discovering}}
	live, err := client.New(current.config, client.Options{HTTPClient: current.calls, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("connecting to the workload cluster: %w", err)
	}
	return &safeClient{Client: live}, nil
}

// Discovery returns a client that lists the kinds that the API server has. The errors are those of Caches.Reader.
func (c *Connections) Discovery(ctx context.Context, cluster *clusterv1.Cluster) (discovery.DiscoveryInterface, error) {
	current, err := c.get(ctx, cluster, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("connecting to the workload cluster: %w", err)
	}
	discoverer, err := discovery.NewDiscoveryClientForConfigAndClient(current.config, current.calls)
	if err != nil {
		return nil, fmt.Errorf("connecting to the workload cluster: %w", err)
	}
	return discoverer, nil
}

// endingTransport ends requests with their connection, and all but watches after responseTimeout.
type endingTransport struct {
	next http.RoundTripper
	done context.Context //nolint:containedctx // It is the connection's life.
}

func (t *endingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := t.done.Err(); err != nil {
		return nil, fmt.Errorf("the connection to the workload cluster has ended: %w", err)
	}
	timeout := responseTimeout
	if isWatch(request) {
		timeout = watchTimeout
	}
	ctx, cancel := context.WithTimeout(request.Context(), timeout)
	stop := context.AfterFunc(t.done, cancel) //nolint:contextcheck // The request ends with either of them.
	release := func() {
		stop()
		cancel()
	}
	response, err := t.next.RoundTrip(request.WithContext(ctx))
	if err != nil {
		release()
		return nil, err
	}
	response.Body = &releasedBody{ReadCloser: response.Body, release: release}
	return response, nil
}
