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
	"encoding/json"
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/support"
)

const (
	// versionInterval is how soon a cluster is asked again whose version is not known or too old. It may have been upgraded.
	versionInterval = 10 * time.Minute
	// versionTimeout is how long an answer may take. It is shorter than the 10 s after which a gateway that waits for it is called
	// Unknown.
	versionTimeout = 5 * time.Second
	// maxVersionBytes bounds the answer that is read. That of Kubernetes 1.37 has 500 bytes.
	maxVersionBytes = 16 << 10
)

// reportedVersion is what the API server of a connection says of its version.
type reportedVersion struct {
	// text is empty until the server has answered.
	text string
	// asked is when it was asked last, and isDone whether it has answered once, or failed to.
	asked  time.Time
	isDone bool
	// isAwaited is true if a controller waits for isDone.
	isAwaited bool
}

// isDue returns whether the API server is to be asked. Clusters are only ever upgraded, so a version that is new enough stays so.
func (v reportedVersion) isDue(now time.Time) bool {
	isSettled := v.text != "" && !support.Workload.IsOlder(v.text)
	return v.asked.IsZero() || !isSettled && now.Sub(v.asked) >= versionInterval
}

// KubernetesVersion returns the version of a cluster's API server, such as "v1.37.2", or an empty string if it is not known yet. It
// never waits: the API server is asked once per connection, in the background. If it turns out to be too old, or no longer is, the
// controllers are woken.
func (v *View) KubernetesVersion(ctx context.Context, cluster *clusterv1.Cluster) (version string) {
	_ = v.use(ctx, cluster, func(e *entry, current *connection) error { //nolint:contextcheck // Asking outlives this reconcile.
		v.askIfDue(e, current)
		version = current.version.text
		return nil
	})
	return version
}

// KubernetesVersion is that of View. The error is ErrNotSynced until the API server has answered or failed to, upon which the
// controller is woken.
func (r *Reading) KubernetesVersion() (string, error) {
	r.entry.mu.Lock()
	defer r.entry.mu.Unlock()
	r.view.askIfDue(r.entry, r.connection)
	if !r.connection.version.isDone {
		r.connection.version.isAwaited = true
		return "", ErrNotSynced
	}
	return r.connection.version.text, nil
}

// askIfDue asks the API server for its version in the background. The entry's lock is held.
func (c *Clusters) askIfDue(of *entry, current *connection) {
	if now := c.now(); current.version.isDue(now) {
		current.version.asked = now
		go c.askVersion(of, current)
	}
}

// askVersion asks the API server for its version. If it does not tell, nothing is known.
func (c *Clusters) askVersion(of *entry, current *connection) {
	reported, err := readVersion(current)
	of.mu.Lock()
	defer of.mu.Unlock()
	wasOlder := support.Workload.IsOlder(current.version.text)
	if err == nil {
		current.version.text = reported
	}
	hasFlipped := wasOlder != support.Workload.IsOlder(current.version.text)
	if current.version.isAwaited || hasFlipped && of.connection == current {
		c.wake(of.key)
	}
	current.version.isDone, current.version.isAwaited = true, false
}

func readVersion(current *connection) (string, error) {
	ctx, cancel := context.WithTimeout(current.done, versionTimeout)
	defer cancel()
	discoverer, err := discovery.NewDiscoveryClientForConfigAndClient(current.config, current.calls)
	if err != nil {
		return "", fmt.Errorf("connecting to the workload cluster: %w", err)
	}
	body, err := discoverer.RESTClient().Get().AbsPath("/version").Stream(ctx)
	if err != nil {
		return "", fmt.Errorf("asking the workload cluster for its version: %w", err)
	}
	defer body.Close()
	var info version.Info
	if err := json.NewDecoder(io.LimitReader(body, maxVersionBytes)).Decode(&info); err != nil {
		return "", fmt.Errorf("reading the version of the workload cluster: %w", err)
	}
	return info.GitVersion, nil
}
