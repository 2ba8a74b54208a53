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

package alias

import (
	"net/netip"
	"sync"
	"time"
)

// refusalRest is the shortest time between two reports of refused addresses: whoever answers for a target decides how many
// there are, and how often it is looked up.
const refusalRest = 10 * time.Second

// refusals report addresses that are not served.
type refusals struct {
	log func(target string, address netip.Addr, reason string, others int)

	mu   sync.Mutex
	last time.Time
	// others is how many were not reported.
	others int
}

// add takes the refused addresses of one answer.
func (r *refusals) add(target string, found refused, now time.Time) {
	if r.log == nil || found.count == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.last.IsZero() && now.Sub(r.last) < refusalRest {
		r.others += found.count
		return
	}
	r.log(target, found.address, found.reason, r.others+found.count-1)
	r.last, r.others = now, 0
}
