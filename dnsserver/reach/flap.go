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

import "time"

// flap is the flap rule: each failure soon after a recovery doubles the time to the next recovery.
type flap struct {
	// upAt is the time of the last recovery, or zero.
	upAt time.Time
	// delay is the time for which the target must work before it is up.
	delay time.Duration
}

// fail notes that the target is down. If it worked for long, the delay is halved for each
// flapWindow: a delay that ended at once would let a gateway pause and flap again, more than 100
// times in an hour.
func (f *flap) fail(at time.Time, interval time.Duration, d damping) {
	if f.upAt.IsZero() {
		return
	}
	first := time.Duration(d.flapBase * float64(interval))
	worked := at.Sub(f.upAt)
	if worked <= d.flapWindow {
		f.delay = min(max(2*f.delay, first), d.maxDelay)
		return
	}
	f.delay >>= min(worked/d.flapWindow, 62)
	if f.delay < first {
		f.delay = 0
	}
}
