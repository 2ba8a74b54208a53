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
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/util/flowcontrol"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

const (
	// repairsInARow is how often an object is repaired in a row, so that several mistakes of an
	// administrator are undone at once. Then another writer changes it too, and it is repaired at
	// the rate repairsRefill.
	repairsInARow = 5
	// repairsRefill is in repairs per second: one per minute.
	repairsRefill = 1.0 / 60

	// looksInARow is how often the DNS servers of Pods are looked for in a row, because each look
	// may find the next object to watch. Then it happens looksPerSecond times. A workload cluster
	// decides how often it reports that lookups fail.
	looksInARow    = 30
	looksPerSecond = 1
)

// history is the recent past of one workload cluster. It spares requests and writes, and is lost
// with a restart, which costs a look at each object. The zero value is an empty one. Only the
// reconcile of that cluster uses it, and there is one at a time.
type history struct {
	// payload is the hash of the payload that the objects in driftFree equal.
	payload   string
	driftFree map[install.Reference]client.Object
	// repairs bounds how often an object is repaired, and told how often an Event says that it is
	// not.
	repairs map[install.Reference]flowcontrol.PassiveRateLimiter
	told    flowcontrol.PassiveRateLimiter
	// looks bounds how often the DNS servers of Pods are looked for.
	looks flowcontrol.PassiveRateLimiter
}

// with returns the history for a payload. Another payload makes every object unknown.
func (h *history) with(payload string) *history {
	if h.repairs == nil {
		h.repairs = map[install.Reference]flowcontrol.PassiveRateLimiter{}
		h.told = flowcontrol.NewTokenBucketPassiveRateLimiter(repairsRefill, 1)
		h.looks = flowcontrol.NewTokenBucketPassiveRateLimiter(looksPerSecond, looksInARow)
	}
	if h.driftFree == nil || h.payload != payload {
		h.payload, h.driftFree = payload, map[install.Reference]client.Object{}
	}
	return h
}

// isDriftFree returns whether the object equals one that was found to be as the payload has it,
// apart from fields that change by themselves.
func (h *history) isDriftFree(ref install.Reference, object client.Object) bool {
	former, ok := h.driftFree[ref]
	return ok && apiequality.Semantic.DeepEqual(former, withoutNoise(object))
}

func (h *history) setDriftFree(ref install.Reference, object client.Object) {
	h.driftFree[ref] = withoutNoise(object)
}

// mayRepair returns whether the object may be repaired now.
func (h *history) mayRepair(ref install.Reference) bool {
	limiter, ok := h.repairs[ref]
	if !ok {
		limiter = flowcontrol.NewTokenBucketPassiveRateLimiter(repairsRefill, repairsInARow)
		h.repairs[ref] = limiter
	}
	return limiter.TryAccept()
}

// mayTell returns whether an Event may say now that an object is not repaired: once a minute, like
// the repairs.
func (h *history) mayTell() bool { return h.told.TryAccept() }

// mayLook returns whether the DNS servers of Pods may be looked for now.
func (h *history) mayLook() bool { return h.looks.TryAccept() }
