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

package gatewaydns

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/source"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// Observation is what was seen of the gateways of one workload cluster.
type Observation struct {
	// Unknown says why the cluster cannot be asked, as a sentence without a period; empty when it could be. SilentSince is since
	// when it cannot.
	Unknown     string
	SilentSince time.Time
	// UnreachableSince is since when the cluster does not answer; zero when it does. Answered is whether it ever answered
	// this process.
	UnreachableSince time.Time
	Answered         bool
	// Results are what is known of each gateway that GatewayDNS ask for. One that is missing has not been looked at yet.
	Results map[resolve.Target]resolve.Result
}

// of returns what is known of a gateway.
func (o Observation) of(target resolve.Target) resolve.Result {
	if o.Unknown != "" {
		return resolve.Result{State: xccv1.GatewayUnknown, Message: o.Unknown}
	}
	if result, ok := o.Results[target]; ok {
		return result
	}
	return resolve.Result{State: xccv1.GatewayUnknown, Message: fmt.Sprintf("Cluster has not been asked for %s yet", target)}
}

// tells returns whether it says anything of a gateway: one that was asked for only just now is not listed yet.
func (o Observation) tells(target resolve.Target) bool {
	_, ok := o.Results[target]
	return ok || o.Unknown != ""
}

// Observations hold the latest Observation of each workload cluster, and wake the reconciler when one changes. They are safe
// for concurrent use.
type Observations struct {
	clusters *workload.Clusters
	latest   workload.State[atomic.Pointer[Observation]]
	waker    mapping.Waker
}

// NewObservations returns empty Observations of the clusters.
func NewObservations(clusters *workload.Clusters) *Observations {
	return &Observations{clusters: clusters}
}

// Get returns the latest Observation of a cluster, or false when it has not been observed yet.
func (o *Observations) Get(cluster *clusterv1.Cluster) (Observation, bool) {
	latest := o.latest.Peek(o.clusters, cluster)
	if latest == nil || latest.Load() == nil {
		return Observation{}, false
	}
	return *latest.Load(), true
}

// Set stores what was observed, and wakes the reconciler for those of the given GatewayDNS of which something else is known
// than before. Only the reconcile of the cluster, of which there is one at a time, calls it.
func (o *Observations) Set(ctx context.Context, cluster *clusterv1.Cluster, observation Observation, affected []xccv1.GatewayDNS) {
	previous, ok := o.Get(cluster)
	if ok && reflect.DeepEqual(previous, observation) {
		return
	}
	o.latest.Of(ctx, o.clusters, cluster).Store(&observation)
	for i := range affected {
		target := resolve.TargetOf(&affected[i].Spec)
		connection := previous.UnreachableSince.Equal(observation.UnreachableSince) && previous.Answered == observation.Answered
		if !ok || !connection || !reflect.DeepEqual(previous.of(target), observation.of(target)) {
			o.waker.Wake(client.ObjectKeyFromObject(&affected[i]))
		}
	}
}

// Drop forgets the Observation of a cluster.
func (o *Observations) Drop(cluster *clusterv1.Cluster) { o.latest.Drop(o.clusters, cluster) }

// Source wakes the reconciler when an Observation changes.
func (o *Observations) Source() source.Source { return o.waker.Source() }
