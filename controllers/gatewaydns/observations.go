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
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// Observation is what was seen of the gateways of one workload cluster.
type Observation struct {
	// Cluster is the UID of the Cluster: another one of the same name is another cluster.
	Cluster types.UID
	// Unknown says why the cluster cannot be asked, as a sentence without a period; empty when it could be.
	Unknown string
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

// Observations hold the latest Observation of each workload cluster, and wake the reconciler when one changes. It is safe
// for concurrent use.
type Observations struct {
	mu        sync.Mutex
	byCluster map[client.ObjectKey]Observation
	queue     workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// NewObservations returns empty Observations.
func NewObservations() *Observations {
	return &Observations{byCluster: map[client.ObjectKey]Observation{}}
}

// Get returns the latest Observation of a cluster, or false when it has not been observed yet.
func (o *Observations) Get(cluster client.ObjectKey) (Observation, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	observation, ok := o.byCluster[cluster]
	return observation, ok
}

// Set stores what was observed, and wakes the reconciler for those of the given GatewayDNS of which something else is known
// than before. Only the reconcile of the cluster, of which there is one at a time, calls it; Observations are compared outside
// of the lock, because their size is up to the cluster.
func (o *Observations) Set(cluster client.ObjectKey, observation Observation, affected []xccv1.GatewayDNS) {
	previous, ok := o.Get(cluster)
	if ok && reflect.DeepEqual(previous, observation) {
		return
	}
	queue := o.store(cluster, observation)
	if queue == nil {
		return
	}
	for i := range affected {
		target := resolve.TargetOf(&affected[i].Spec)
		connection := previous.UnreachableSince.Equal(observation.UnreachableSince) && previous.Answered == observation.Answered
		if !ok || !connection || !reflect.DeepEqual(previous.of(target), observation.of(target)) {
			queue.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&affected[i])})
		}
	}
}

// store returns the queue of the reconciler, nil if it does not run yet.
func (o *Observations) store(cluster client.ObjectKey, observation Observation) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.byCluster[cluster] = observation
	return o.queue
}

// Forget drops what was observed of a cluster.
func (o *Observations) Forget(cluster client.ObjectKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.byCluster, cluster)
}

// Source wakes the reconciler when an Observation changes.
func (o *Observations) Source() source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.queue = queue
		return nil
	})
}
