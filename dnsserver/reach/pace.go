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

const (
	// confirming is the part of an interval between probes while a verdict is undecided. With the
	// default settings, a failure is certain 4 seconds after its first probe instead of 20.
	confirming = 5
	// resting is the number of intervals between probes of a name without queries.
	resting = 6
	// restAfter is the time since the last query after which a name counts as one without queries.
	restAfter = 5 * time.Minute
	// maxJitter is the part of a wait by which jitter shortens it at most: a tenth. The first wait
	// spreads processes that started together, and jitter keeps them spread.
	maxJitter = 10
)

// urgency is the class of a probe. Lower ones go first if there are more probes than the limit.
type urgency int8

const (
	// undecided probes follow a result that contradicts the status, or are the first.
	undecided urgency = iota
	// routine probes confirm the status.
	routine
	// rested probes are routine probes of names without queries. A new name is one of these until
	// its first query, although it has the full rate: after a start, all names are new.
	rested
	urgencies
)

// urgency returns the class of the next probe.
func (h *health) urgency(isAsked bool) urgency {
	switch {
	case h.status == Unknown || h.isUndecided():
		return undecided
	case isAsked:
		return routine
	}
	return rested
}

// isUndecided reports whether more probes can change the status soon.
func (h *health) isUndecided() bool {
	return h.run > 0 && !h.isDelayed()
}

// isDelayed reports whether a target would be up without the flap rule.
func (h *health) isDelayed() bool {
	return h.status == Down && h.run >= h.check.SuccessThreshold
}

// next returns the due time of the probe after r. jitter is 0 to 1.
func (h *health) next(r result, isResting bool, jitter float64) time.Time {
	wait := h.check.Interval
	switch {
	case h.isUndecided():
		wait /= confirming
	case h.isDelayed():
		wait = min(wait, max(0, h.runSince.Add(h.flap.delay).Sub(r.started)))
		jitter = 0
	case isResting:
		wait *= resting
	}
	due := r.started.Add(shorten(wait, jitter/maxJitter))
	if due.Before(r.ended) {
		return r.ended
	}
	return due
}

// shorten returns a duration without a part of it.
func shorten(d time.Duration, part float64) time.Duration {
	return d - time.Duration(part*float64(d))
}
