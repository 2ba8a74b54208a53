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

package addon

import (
	"sync"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/util/flowcontrol"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// An object is repaired this often in a row, so that several mistakes of an administrator are undone at once, and then
	// once per repairsRefill: somebody else writes it, too.
	repairsInARow = 5
	// repairsRefill is in repairs per second: one per minute.
	repairsRefill = 1.0 / 60

	// The DNS servers of Pods are looked for this often in a row, because each look may find the next object to watch, and then
	// looksPerSecond times. A workload cluster decides how often it reports that lookups fail.
	looksInARow    = 30
	looksPerSecond = 1
)

// memory holds what spares requests and writes. A restart forgets it, which costs a look at each object.
type memory struct {
	mu       sync.Mutex
	clusters map[client.ObjectKey]*knowledge
}

// knowledge is what is known of one workload cluster. Only that cluster's reconcile uses it, and there is one at a time.
type knowledge struct {
	// payload is the hash for which right holds.
	payload string
	// right are objects that were found to be what the payload says.
	right map[reference]client.Object
	// repairs bounds how often an object is repaired, and told how often an Event says that it is not.
	repairs map[reference]flowcontrol.PassiveRateLimiter
	told    flowcontrol.PassiveRateLimiter
	// looks bounds how often the DNS servers of Pods are looked for.
	looks flowcontrol.PassiveRateLimiter
}

func (m *memory) known(cluster client.ObjectKey, payload string) *knowledge {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.clusters == nil {
		m.clusters = map[client.ObjectKey]*knowledge{}
	}
	k := m.clusters[cluster]
	if k == nil {
		k = &knowledge{
			repairs: map[reference]flowcontrol.PassiveRateLimiter{}, told: flowcontrol.NewTokenBucketPassiveRateLimiter(repairsRefill, 1),
			looks: flowcontrol.NewTokenBucketPassiveRateLimiter(looksPerSecond, looksInARow),
		}
		m.clusters[cluster] = k
	}
	if k.right == nil || k.payload != payload {
		k.payload, k.right = payload, map[reference]client.Object{}
	}
	return k
}

func (m *memory) forget(cluster client.ObjectKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.clusters, cluster)
}

// is returns whether the object is one that was found to be right, but for what changes by itself.
func (k *knowledge) is(ref reference, object client.Object) bool {
	right, ok := k.right[ref]
	return ok && apiequality.Semantic.DeepEqual(right, withoutNoise(object))
}

func (k *knowledge) set(ref reference, object client.Object) {
	k.right[ref] = withoutNoise(object)
}

// mayRepair returns whether the object may be repaired now.
func (k *knowledge) mayRepair(ref reference) bool {
	limiter, ok := k.repairs[ref]
	if !ok {
		limiter = flowcontrol.NewTokenBucketPassiveRateLimiter(repairsRefill, repairsInARow)
		k.repairs[ref] = limiter
	}
	return limiter.TryAccept()
}

// mayTell returns whether an Event may say now that an object is not repaired: once per repairsRefill, like the repairs.
func (k *knowledge) mayTell() bool { return k.told.TryAccept() }
