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
	"slices"
	"time"
)

// take returns the next entry to probe. If there is none, it returns nil and the time to wait, or a
// negative one if only another event can change that. The caller passes the result to finish or
// retry.
func (r *roster) take(now time.Time) (*entry, time.Duration) {
	for e := r.waiting.takeDue(now); e != nil; e = r.waiting.takeDue(now) {
		e.lane.add(e)
		if !e.lane.isListed {
			e.lane.isListed = true
			r.lanes = append(r.lanes, e.lane)
		}
	}
	if len(r.lanes) > 0 && r.probing < maxProbing {
		if wait := r.limit.wait(now); wait > 0 {
			return nil, wait
		}
		if e := r.turn(); e != nil {
			r.limit.spend()
			r.probing++
			e.lane.probing++
			e.state, e.startedAt = probing, now
			return e, 0
		}
	}
	if len(r.waiting) == 0 {
		return nil, -1
	}
	return nil, r.waiting[0].due.Sub(now)
}

// turn takes an entry from the next lane. A lane may use as many probes as the others leave free, so
// a namespace whose gateways hang never uses up all of them.
func (r *roster) turn() *entry {
	for range len(r.lanes) {
		l := r.lanes[0]
		r.lanes = r.lanes[1:]
		if l.probing >= maxProbing-r.probing {
			r.lanes = append(r.lanes, l)
			continue
		}
		if e := l.take(); e != nil {
			r.lanes = append(r.lanes, l)
			return e
		}
		l.isListed = false
	}
	return nil
}

// finish adds the result of a probe, and reports whether the status of the entry has changed.
func (r *roster) finish(e *entry, isAlive bool, reason string, now time.Time) bool {
	if !r.release(e) {
		return false
	}
	isFirst := e.health.status == Unknown
	if isFirst {
		r.unknown--
	}
	res := result{isAlive: isAlive, started: e.startedAt, ended: now}
	isChanged := e.health.observe(res, e.cluster, r.damping)
	if isChanged {
		r.publish(e)
	}
	if !isAlive {
		e.reason = reason
	}
	jitter := r.random.Float64()
	if isFirst {
		// The second probe is anywhere in the first interval, so that targets that were added
		// together, here and in other processes, are not probed together.
		jitter *= maxJitter
	}
	isResting := r.isResting(e, now)
	e.urgency = e.health.urgency(e.isAsked())
	r.waiting.add(e, e.health.next(res, isResting, jitter))
	return isChanged
}

// retry plans another probe after one that says nothing about the target.
func (r *roster) retry(e *entry, now time.Time) {
	if r.release(e) {
		r.waiting.add(e, now.Add(e.target.Check.Interval/confirming))
	}
}

// release ends a probe. It returns false if the entry was removed meanwhile.
func (r *roster) release(e *entry) bool {
	r.probing--
	e.lane.probing--
	return len(e.users) > 0
}

// isResting reports whether no name with the target was asked for lately.
func (r *roster) isResting(e *entry, now time.Time) bool {
	return !slices.ContainsFunc(e.users, func(u *Usage) bool { return !u.isResting(now) })
}

// use resumes the full rate and the urgency of a name that is asked for.
func (r *roster) use(usage *Usage, now time.Time) {
	usage.askedAt = now
	for _, e := range usage.entries {
		if e.urgency != rested {
			continue
		}
		switch e.state {
		case waiting:
			e.urgency = routine
			if due := e.startedAt.Add(e.target.Check.Interval); due.Before(e.due) {
				r.waiting.move(e, due)
			}
		case ready:
			e.lane.remove(e)
			e.urgency = routine
			e.lane.add(e)
		}
	}
}
