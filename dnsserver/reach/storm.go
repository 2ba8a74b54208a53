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

// storm is the storm rule of one publishing namespace: at least half, and at least two, of its
// clusters that were up fail within one interval. The likely cause is the network of this pod, so
// verdicts wait for some intervals.
type storm struct {
	// up is the number of clusters with a target that is up.
	up int
	// failing are the clusters with a recent failure. It is pruned when it is read.
	failing map[*cluster]struct{}
	// began is the start of the last storm, or zero.
	began time.Time
}

// cluster counts the targets of one workload cluster.
type cluster struct {
	storm *storm
	// up is the number of targets with status Up.
	up int
	// suspects is the number of up targets whose last probe failed. suspectAt is the latest start
	// of such a failure.
	suspects  int
	suspectAt time.Time
	// lostAt is the latest start of a failure that ended with status Down.
	lostAt time.Time
}

// hold returns the time until which the failure of an up target must wait. It is zero if there is
// no storm.
func (s *storm) hold(h *health, now time.Time, d damping) time.Time {
	wait := time.Duration(d.stormIntervals) * h.check.Interval
	if !s.began.IsZero() && now.Before(s.began.Add(wait)) {
		return s.began.Add(wait)
	}
	isPaused := !s.began.IsZero() && now.Before(s.began.Add(d.stormPause))
	if isPaused || !s.isStorm(h.runSince, h.check.Interval) {
		return time.Time{}
	}
	s.began = now
	return now.Add(wait)
}

// isStorm reports whether at least half, and at least two, of the clusters that were up began to
// fail within an interval of at. It visits failing clusters only, and at most once until half of the
// clusters have failed: then a storm starts.
func (s *storm) isStorm(at time.Time, interval time.Duration) bool {
	failed, wereUp := 0, s.up
	for c := range s.failing {
		if !c.fails(at, interval) {
			if c.suspects == 0 && at.Sub(c.lostAt) > failover.MaxInterval {
				delete(s.failing, c)
			}
			continue
		}
		failed++
		if c.up == 0 {
			wereUp++
		}
		if failed >= 2 && 2*failed >= wereUp {
			return true
		}
	}
	return false
}

// fails reports whether the cluster began to fail within an interval of at.
func (c *cluster) fails(at time.Time, interval time.Duration) bool {
	return c.suspects > 0 && at.Sub(c.suspectAt).Abs() <= interval || at.Sub(c.lostAt).Abs() <= interval
}

// join notes that a target is up.
func (c *cluster) join() {
	if c.up == 0 {
		c.storm.up++
	}
	c.up++
}

// leave notes that an up target is down or removed.
func (c *cluster) leave() {
	c.up--
	if c.up == 0 {
		c.storm.up--
	}
}

// suspect notes that the probe of an up target failed after successful ones.
func (c *cluster) suspect(at time.Time) {
	c.suspects++
	c.suspectAt = at
	c.storm.failing[c] = struct{}{}
}

// trust notes that a suspect works again, is down or is removed.
func (c *cluster) trust() {
	c.suspects--
}

// lose notes that an up target is down. Its failure began at a time.
func (c *cluster) lose(at time.Time) {
	c.lostAt = at
}
