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
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

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

// Proxy is the Proxy of a rest.Config.
type Proxy func(*http.Request) (*url.URL, error)

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
	// The rest is guarded by the lock of the Cluster's entry.
	version reportedVersion
	// cached is nil until a controller asks for a Reader, and watches are those of the controllers' Readings.
	cached *cached
	// live is the client without a cache; nil until a controller asks for it.
	live    client.Client
	watches map[*View]*watches
}

// connect returns the connection to a cluster, setting it up if need be. It sends no request. The error is
// clustercache.ErrClusterNotConnected if there is none or if it is that of a former Cluster, and ErrBeyondBudget while the
// cluster is left alone. config and err are clustercache's. The entry's lock is held.
func (c *Clusters) connect(e *entry, config *rest.Config, err error) (*connection, error) {
	switch {
	case err != nil:
		e.disconnect()
		return nil, err
	case !e.isAdmitted || e.isGone:
		return nil, ErrFormerCluster
	}
	if e.connection != nil {
		if reason := e.connection.budget.failed(); reason != nil {
			e.disconnect()
			c.leaveAlone(e, reason)
		}
	}
	if e.penalty.holds(c.now()) {
		return nil, &BudgetError{Reason: e.penalty.reason, Until: e.penalty.until}
	}
	if e.connection != nil && e.connection.from == config {
		return e.connection, nil
	}
	// The connection is another one. Objects from the former one may be those of another API server.
	e.disconnect()
	e.connection, err = c.newConnection(e.key, config)
	return e.connection, err
}

// leaveAlone begins the penalty of a cluster that exceeded its budget. The entry's lock is held.
func (c *Clusters) leaveAlone(e *entry, reason error) {
	e.penalty = e.penalty.next(c.now(), reason)
	e.retry = time.AfterFunc(e.penalty.wait, func() { c.wake(e.key) })
}

// newConnection sets up a connection without a request to the cluster.
func (c *Clusters) newConnection(cluster client.ObjectKey, from *rest.Config) (*connection, error) {
	current := &connection{from: from, config: rest.CopyConfig(from), watches: map[*View]*watches{}}
	// Not the context of the reconcile that needs the connection first: it outlives that.
	done, cancel := context.WithCancel(context.Background())
	current.done = done
	current.budget = newBudget(c.limits, c.now, func(error) {
		// Locks of caches are held here, so it is left to the next reconcile to drop them.
		current.end()
		c.wake(cluster)
	})
	current.budget.share = c.fleet.join(cluster.Namespace, current.budget.end)
	current.end = func() {
		cancel()
		current.budget.share.leave()
	}
	current.config.DisableCompression = true
	// Warnings are texts of the API server's, as many and as long as it likes.
	current.config.WarningHandlerWithContext = rest.NoWarnings{}
	current.config.Timeout = 0
	current.config.Dial = dialEnding(done)
	current.config.Proxy = c.kubeconfigs.proxyOf(cluster)
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
	transport.Proxy, transport.DialContext = config.Proxy, config.Dial
	transport.DisableCompression = config.DisableCompression
	transport.ForceAttemptHTTP2 = true
	// The timeouts are those of client-go.
	transport.HTTP2 = &http.HTTP2Config{
		MaxReceiveBufferPerStream: streamBuffer, MaxReceiveBufferPerConnection: connectionBuffer,
		SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second,
	}
	return rest.HTTPWrappersForConfig(config, transport)
}

// close ends the connection and drops its caches. The lock of the Cluster's entry is held.
func (c *connection) close() {
	for _, watches := range c.watches {
		watches.keep(nil)
	}
	c.end()
}

// client returns a client without a cache. The lock of the Cluster's entry is held.
func (c *connection) client() (client.Client, error) {
	if c.live != nil {
		return c.live, nil
	}
	discovering, err := apiutil.NewDynamicRESTMapper(c.config, c.calls)
	if err != nil {
		return nil, fmt.Errorf("connecting to the workload cluster: %w", err)
	}
	// Discovery is for kinds that are not ours, such as those that a removal leaves in place.
	mapper := meta.FirstHitRESTMapper{MultiRESTMapper: meta.MultiRESTMapper{mapper(), discovering}}
	live, err := client.New(c.config, client.Options{HTTPClient: c.calls, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("connecting to the workload cluster: %w", err)
	}
	c.live = &safeClient{Client: live}
	return c.live, nil
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
