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

package health

import (
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"
)

const (
	// defaultDuration is how long a renewal of the probe's Lease counts: three intervals of the probe.
	defaultDuration = 90 * time.Second
	// longestDuration bounds what a workload cluster can ask for.
	longestDuration = 10 * time.Minute
	// slack is what a renewal may take beyond its interval.
	slack = 10 * time.Second
)

// sighting is what this manager has seen of a probe's Lease. As in leader election, a Lease is as old as it has been seen
// unchanged, whatever the clock of its cluster says. Only at first sight, when nothing else is known, its own time is
// believed if it is recent. If it is not, either the probe has ended or the clocks differ, and one interval of watching
// tells.
type sighting struct {
	renewTime time.Time
	duration  time.Duration
	// renewed is when the Lease was renewed, by this manager's clock.
	renewed time.Time
	// undecidedUntil is how long a Lease that looked old at first sight may turn out to be fresh.
	undecidedUntil time.Time
}

// next returns the sighting after the Lease was looked at once more. It is called on nil at first sight.
func (s *sighting) next(lease *coordinationv1.Lease, now time.Time) *sighting {
	current := &sighting{duration: durationOf(lease)}
	if lease.Spec.RenewTime != nil {
		current.renewTime = lease.Spec.RenewTime.Time
	}
	switch {
	case s != nil && s.renewTime.Equal(current.renewTime):
		current.renewed, current.undecidedUntil = s.renewed, s.undecidedUntil
	case s != nil || current.renewTime.After(now):
		current.renewed = now
	default:
		current.renewed = current.renewTime
		if current.age(now) >= current.duration {
			current.undecidedUntil = now.Add(current.duration/3 + slack)
		}
	}
	return current
}

func (s *sighting) age(now time.Time) time.Duration { return now.Sub(s.renewed) }

// fresh returns whether the Lease was renewed within three intervals.
func (s *sighting) fresh(now time.Time) bool { return s != nil && s.age(now) < s.duration }

// undecided returns whether it is too early to call the Lease old.
func (s *sighting) undecided(now time.Time) bool {
	return s != nil && !s.fresh(now) && now.Before(s.undecidedUntil)
}

// recent returns whether the Lease was renewed so lately that a lookup that failed since may have been a single one: a probe
// that fails is repeated long before half of the duration is over.
func (s *sighting) recent(now time.Time) bool { return s != nil && s.age(now) < s.duration/2 }

// nextChange returns when one of the above changes by the passing of time alone, and zero if none does.
func (s *sighting) nextChange(now time.Time) time.Time {
	if s == nil {
		return time.Time{}
	}
	for _, at := range []time.Time{s.renewed.Add(s.duration / 2), s.renewed.Add(s.duration), s.undecidedUntil} {
		if at.After(now) {
			return at
		}
	}
	return time.Time{}
}

func durationOf(lease *coordinationv1.Lease) time.Duration {
	duration := time.Duration(ptr.Deref(lease.Spec.LeaseDurationSeconds, 0)) * time.Second
	if duration <= 0 {
		return defaultDuration
	}
	return min(duration, longestDuration)
}
