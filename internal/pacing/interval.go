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

package pacing

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Interval keeps the writes of each object apart. The first write is made at once, and the next ones wait for the end of the
// interval, so that a burst of changes is one write. It is safe for concurrent use.
type Interval struct {
	// Length is the shortest time between two writes of one object. It must not be changed once there are writes.
	Length time.Duration

	mu      sync.Mutex
	objects table[types.NamespacedName, *lastWrite]
}

type lastWrite struct{ at time.Time }

// Wait returns how long the write of an object must wait, 0 if it may be made now.
func (i *Interval) Wait(object types.NamespacedName, now time.Time) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	last, found := i.objects.entries[object]
	if !found {
		return 0
	}
	return max(0, i.Length-now.Sub(last.at))
}

// Wrote notes that the write of an object began at a time.
func (i *Interval) Wrote(object types.NamespacedName, at time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	last := i.objects.at(object, func() *lastWrite { return &lastWrite{} }, func(other *lastWrite) bool {
		return at.Sub(other.at) >= i.Length
	})
	last.at = at
}
