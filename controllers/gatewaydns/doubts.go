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
	"maps"
	"time"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// withdrawalDelay is how long a gateway may have no address before its former addresses are withdrawn. Controllers remove all
// addresses for a moment when they restart, or when they read their own Service from an outdated cache. It is half of the 10
// seconds in which a change is to reach the other clusters.
const withdrawalDelay = 5 * time.Second

// doubts are the gateways of one cluster for which the former result still stands, and since when: those of which the cluster
// does not tell, and those that have lost their last address.
type doubts struct {
	since map[resolve.Target]time.Time
}

// settle returns the Observation that follows the previous one: results that are in doubt keep their former value for a while. It
// returns false if the previous one stands, and when to observe again if time alone can change the result, 0 if it cannot.
func (d *doubts) settle(previous, next Observation, now time.Time) (settled Observation, changed bool, requeueAfter time.Duration) {
	if next.Unknown != "" {
		d.since = nil
		requeueAfter = max(0, next.SilentSince.Add(workload.Patience).Sub(now))
		return next, requeueAfter == 0, requeueAfter
	}
	since := map[resolve.Target]time.Time{}
	results := maps.Clone(next.Results)
	for target, result := range next.Results {
		delay := delayOf(previous.Results[target], result)
		if delay == 0 {
			continue
		}
		begun, isKnown := d.since[target]
		if !isKnown {
			begun = now
		}
		since[target] = begun
		left := begun.Add(delay).Sub(now)
		if left <= 0 {
			continue
		}
		if requeueAfter == 0 || left < requeueAfter {
			requeueAfter = left
		}
		if former, ok := previous.Results[target]; ok {
			results[target] = former
		} else {
			delete(results, target)
		}
	}
	d.since, next.Results = since, results
	return next, true, requeueAfter
}

// delayOf returns how long the former result of a gateway stands after the next one, 0 if it does not.
func delayOf(former, next resolve.Result) time.Duration {
	switch {
	case next.State == xccv1.GatewayUnknown:
		return workload.Patience
	case next.State == xccv1.GatewayNoAddress && former.State == xccv1.GatewayResolved:
		return withdrawalDelay
	}
	return 0
}
