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

// refusalRest is the shortest time between two reports of refused addresses. The server that
// answers for a target controls their number and, by the TTL, how often they are found.
const refusalRest = 10 * time.Second

// refusals reports addresses that are not served.
type refusals struct {
	log func(target string, address netip.Addr, reason string, others int)

	mu   sync.Mutex
	last time.Time
	// others is the number of unreported addresses.
	others int
}

// add reports the refused addresses of one answer, or counts them.
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
