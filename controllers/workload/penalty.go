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

package workload

import "time"

const (
	// firstRetry is short, because an API server that was beyond its budget for once, as at an upgrade, should not be
	// left for long.
	firstRetry = time.Minute
	// lastRetry makes a cluster that is always beyond its budget cheap: it costs one budget in half an hour.
	lastRetry = 30 * time.Minute
	// forgiveAfter is how long a cluster stays within its budget before its next wait is the first one again.
	forgiveAfter = 2 * lastRetry
)

// penalty is how long a cluster that was beyond its budget is left alone.
type penalty struct {
	// until is when it is tried again.
	until time.Time
	// wait is how long that is from when it was beyond its budget.
	wait time.Duration
	// reason is the limit that was exceeded.
	reason error
}

// next returns the penalty for a cluster that is beyond its budget now.
func (p penalty) next(now time.Time, reason error) penalty {
	wait := min(2*p.wait, lastRetry)
	if p.wait == 0 || now.Sub(p.until) >= forgiveAfter {
		wait = firstRetry
	}
	return penalty{until: now.Add(wait), wait: wait, reason: reason}
}

// holds returns whether the cluster is to be left alone.
func (p penalty) holds(now time.Time) bool {
	return now.Before(p.until)
}
