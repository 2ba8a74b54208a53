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
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// damping are the constants of the storm rule and the flap rule.
type damping struct {
	// stormIntervals is the number of intervals for which a storm holds verdicts.
	stormIntervals int
	// stormPause is the shortest time between the starts of two storms in a namespace.
	stormPause time.Duration
	// flapWindow is the time after a recovery in which a failure counts as flapping.
	flapWindow time.Duration
	// flapBase is the delay of the first recovery after flapping, as a part of the interval.
	flapBase float64
	// maxDelay is the longest delay of a recovery.
	maxDelay time.Duration
}

// standard returns the constants that the simulation has confirmed. ADR 15 has its table.
func standard() damping {
	return damping{
		stormIntervals: 3,
		stormPause:     5 * time.Minute,
		flapWindow:     5 * time.Minute,
		flapBase:       1,
		maxDelay:       5 * time.Minute,
	}
}

// result is a finished probe.
type result struct {
	isAlive        bool
	started, ended time.Time
}

// health is the state of one target.
type health struct {
	check  failover.HealthCheck
	status Status
	since  time.Time
	// run is the number of consecutive results that contradict the status. runSince is the end of
	// the first one.
	run      int
	runSince time.Time
	// heldUntil is the end of the storm that holds this run, or zero.
	heldUntil time.Time
	flap      flap
}

// observe adds a result, and reports whether the status has changed.
func (h *health) observe(r result, of *cluster, d damping) bool {
	if h.status == Unknown {
		// One probe decides, so that a new process does not answer with dead gateways for long.
		h.become(r.isAlive, r.ended, of)
		return true
	}
	if r.isAlive == (h.status == Up) {
		h.endRun(of)
		return false
	}
	h.run++
	if h.run == 1 {
		h.runSince = r.ended
		if h.status == Up {
			of.suspect(h.runSince)
		}
	}
	if r.isAlive {
		return h.recover(r, of)
	}
	return h.fail(r, of, d)
}

// fail decides whether an up target that fails is down.
func (h *health) fail(r result, of *cluster, d damping) bool {
	if h.run < h.check.FailureThreshold {
		return false
	}
	if h.run == h.check.FailureThreshold {
		// A storm can hold a run only once, so a long interval cannot hold it forever.
		h.heldUntil = of.storm.hold(h, r.ended, d)
	}
	if r.ended.Before(h.heldUntil) {
		return false
	}
	of.lose(h.runSince)
	h.flap.fail(r.ended, h.check.Interval, d)
	h.become(false, r.ended, of)
	return true
}

// recover decides whether a down target that works is up.
func (h *health) recover(r result, of *cluster) bool {
	if h.run < h.check.SuccessThreshold || r.ended.Before(h.runSince.Add(h.flap.delay)) {
		return false
	}
	h.flap.upAt = r.ended
	h.become(true, r.ended, of)
	return true
}

// become sets the status, which must differ.
func (h *health) become(isUp bool, at time.Time, of *cluster) {
	h.leave(of)
	h.status, h.since = Down, at
	if isUp {
		h.status = Up
		of.join()
	}
}

// leave withdraws the target from the counts of its cluster.
func (h *health) leave(of *cluster) {
	h.endRun(of)
	if h.status == Up {
		of.leave()
	}
}

func (h *health) endRun(of *cluster) {
	if h.run > 0 && h.status == Up {
		of.trust()
	}
	h.run, h.heldUntil = 0, time.Time{}
}

// inherit copies the status of a target with the same address and another check. So a changed check
// does not change answers before its first results.
func (h *health) inherit(from *health, of *cluster) {
	h.status, h.since, h.flap = from.status, from.since, from.flap
	if h.status == Up {
		of.join()
	}
}
