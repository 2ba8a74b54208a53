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
	"reflect"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Observation is what was seen of the gateways of one workload cluster.
type Observation struct {
	// Unknown says why the cluster cannot be asked, as a sentence without a period; empty when it could be.
	Unknown string
	// Services are the Services that GatewayDNS name, nil where the cluster has none of that name.
	Services map[types.NamespacedName]*corev1.Service
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

// Set stores what was observed, and wakes the reconciler for the given GatewayDNS if it is something else than before.
func (o *Observations) Set(cluster client.ObjectKey, observation Observation, affected []reconcile.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	previous, ok := o.byCluster[cluster]
	if ok && reflect.DeepEqual(previous, observation) {
		return
	}
	o.byCluster[cluster] = observation
	if o.queue == nil {
		return
	}
	for _, request := range affected {
		o.queue.Add(request)
	}
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
