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
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

func TestFlappingDelaysTheNextRecovery(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	target := gateway(1, byDefault)
	isAlive := true
	p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return time.Millisecond, isAlive })
	p.replace("a", []Target{target}, p.now)
	p.run(time.Minute)
	var delays []time.Duration
	for range 9 {
		isAlive = false
		p.runUntil(p.now.Add(time.Hour), func() bool { return p.status(target) == Down })
		isAlive = true
		var first time.Time
		p.runUntil(p.now.Add(time.Hour), func() bool {
			if first.IsZero() && p.entries[target].health.run > 0 {
				first = p.now
			}
			return p.status(target) == Up
		})
		delays = append(delays, p.now.Sub(first).Round(time.Second))
	}
	second := time.Second
	// The first failure is no flapping: its recovery takes the second probe only.
	g.Expect(delays).To(Equal([]time.Duration{2 * second, 10 * second, 20 * second, 40 * second, 80 * second, 160 * second, 300 * second, 300 * second, 300 * second}))

	for _, after := range []struct{ worked, delay time.Duration }{
		{5*time.Minute + second, 150 * second}, // An up of five minutes halves it.
		{time.Minute, 300 * second},
		{12 * time.Minute, 75 * second},
		{20 * time.Minute, 0},
	} {
		p.run(after.worked)
		g.Expect(p.status(target)).To(Equal(Up))
		isAlive = false
		p.runUntil(p.now.Add(time.Hour), func() bool { return p.status(target) == Down })
		g.Expect(p.entries[target].health.flap.delay).To(Equal(after.delay))
		isAlive = true
		p.runUntil(p.now.Add(time.Hour), func() bool { return p.status(target) == Up })
	}
}

func TestAFailureDuringTheDelayRestartsIt(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	of := &cluster{storm: &storm{failing: map[*cluster]struct{}{}}}
	h := health{check: byDefault, status: Down, flap: flap{delay: time.Minute}}
	at := func(seconds int, isAlive bool) bool {
		now := epoch.Add(time.Duration(seconds) * time.Second)
		return h.observe(result{isAlive: isAlive, started: now, ended: now}, of, standard())
	}
	for _, seconds := range []int{0, 10, 20, 30, 40, 50} {
		g.Expect(at(seconds, true)).To(BeFalse())
	}
	g.Expect(at(55, false)).To(BeFalse())
	g.Expect(at(60, true)).To(BeFalse())
	g.Expect(at(119, true)).To(BeFalse())
	g.Expect(at(120, true)).To(BeTrue())
}

// changes returns the times of the verdicts after the first one.
func changes(check failover.HealthCheck, seed uint64, d damping, lasting time.Duration, answers func(p *pod, at time.Time) (time.Duration, bool)) []time.Time {
	var times []time.Time
	var p *pod
	p = newPod(seed, func(_ Target, at time.Time) (time.Duration, bool) { return answers(p, at) })
	p.damping = d
	p.replace("a", []Target{gateway(1, check)}, p.now)
	p.run(time.Second)
	p.turned = func(*entry) { times = append(times, p.now) }
	p.run(lasting)
	return times
}

func TestAGatewayThatChangesEveryThreeSeconds(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	quick := fast
	quick.Interval, quick.Timeout = time.Second, 500*time.Millisecond
	for _, check := range []failover.HealthCheck{byDefault, fast, quick} {
		most := 0
		for seed := range uint64(100) {
			for _, dead := range []func() (time.Duration, bool){refuses, drops} {
				count := changes(check, seed, standard(), 10*time.Minute, func(_ *pod, at time.Time) (time.Duration, bool) {
					if at.Sub(epoch)/(3*time.Second)%2 == 1 {
						return dead()
					}
					return works()
				})
				most = max(most, len(count))
			}
		}
		t.Logf("interval %s: at most %d changes in 10 minutes", check.Interval, most)
		g.Expect(most).To(BeNumerically("<=", 8))
	}
}

// maxChangesPerHour is the highest number of verdicts of a target in an hour, whatever the gateway
// does. ADR 15 quotes it.
const maxChangesPerHour = 60

func TestChangesPerHourAreBounded(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, interval := range []time.Duration{time.Second, 2 * time.Second, 10 * time.Second, time.Minute} {
		for _, threshold := range []int{1, 2} {
			check := fast
			check.Interval, check.Timeout = interval, interval/2
			check.FailureThreshold, check.SuccessThreshold = threshold, threshold
			most := worstPerHour(check, standard())
			t.Logf("interval %s, thresholds %d: at most %d changes in an hour", interval, threshold, most)
			g.Expect(most).To(BeNumerically("<=", maxChangesPerHour))
		}
	}
}

// worstPerHour returns the highest number of changes in an hour for gateways that know the verdict.
// They work while they are down. Once they are up, they fail at once, or after the flap window if
// the delay has reached a limit. Some ignore the limit after 50 minutes.
func worstPerHour(check failover.HealthCheck, d damping) int {
	most := 0
	for level := range 10 {
		limit := check.Interval << level >> 1
		for _, patience := range []time.Duration{50 * time.Minute, 24 * time.Hour} {
			target := gateway(1, check)
			times := changes(check, 1, d, 2*time.Hour, func(p *pod, at time.Time) (time.Duration, bool) {
				h := &p.entries[target].health
				isPatient := h.flap.delay >= max(limit, 1) && at.Sub(epoch) < patience
				return time.Millisecond, h.status != Up || isPatient && at.Sub(h.since) <= d.flapWindow
			})
			first := 0
			for last, at := range times {
				for at.Sub(times[first]) > time.Hour {
					first++
				}
				most = max(most, last-first+1)
			}
		}
	}
	return most
}
