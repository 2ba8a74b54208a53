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

package reach

import (
	"sync/atomic"
	"time"
)

// Usage tells whether a name is asked for. Each name with targets has one.
type Usage struct {
	state atomic.Int32
	// wake tells the Monitor that a name at rest is asked for. It must not block.
	wake func(*Usage)

	// The roster's. askedAt is the time of the last look that found queries. It begins as the time
	// of the first target.
	entries []*entry
	askedAt time.Time
}

// The states of a Usage.
const (
	// quiet means that no query came since the last look.
	quiet int32 = iota
	asked
	// atRest means that no query came for restAfter, or ever.
	atRest
)

// Mark notes a query. It is safe for concurrent use and costs one atomic read unless it is the
// first after a while. A nil Usage has no targets.
func (u *Usage) Mark() {
	if u == nil {
		return
	}
	switch u.state.Load() {
	case quiet:
		if u.state.CompareAndSwap(quiet, asked) {
			return
		}
		// The name has begun to rest, or another query was faster.
		u.Mark()
	case atRest:
		if u.state.CompareAndSwap(atRest, asked) {
			u.wake(u)
		}
	}
}

func newUsage(wake func(*Usage), now time.Time) *Usage {
	u := &Usage{wake: wake, askedAt: now}
	u.state.Store(atRest)
	return u
}

// isAsked reports whether queries came lately.
func (u *Usage) isAsked() bool {
	return u.state.Load() != atRest
}

// isResting looks for queries since the last look. The name rests if none came for restAfter.
func (u *Usage) isResting(now time.Time) bool {
	if u.state.CompareAndSwap(asked, quiet) {
		u.askedAt = now
	}
	if now.Sub(u.askedAt) <= restAfter {
		return false
	}
	return u.state.CompareAndSwap(quiet, atRest) || u.state.Load() == atRest
}
