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
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// The tables of ADR 15 compare constants of the damping rules. "make simulate" prints them with more
// trials.

func trials() uint64 {
	if *isLarge {
		return 400
	}
	return 20
}

// outage cuts a pod off from ten clusters for a time, and returns the number of gateways that it
// held to be down.
func outage(seed uint64, check failover.HealthCheck, d damping, lasting time.Duration) int {
	var targets []Target
	for i := range 10 {
		targets = append(targets, gateway(i, check))
	}
	from := epoch.Add(time.Minute + time.Duration(seed)*time.Millisecond)
	p := newPod(seed, func(_ Target, at time.Time) (time.Duration, bool) {
		if at.Before(from) || !at.Before(from.Add(lasting)) {
			return works()
		}
		return drops()
	})
	p.damping = d
	p.replace("a", targets, p.now)
	p.runUntil(from, func() bool { return false })
	down := 0
	p.turned = func(e *entry) {
		if e.health.status == Down {
			down++
		}
	}
	p.run(lasting + time.Minute)
	return down
}

// disaster stops half of ten clusters, and returns the time until all of them are down.
func disaster(seed uint64, check failover.HealthCheck, d damping) time.Duration {
	fault := epoch.Add(time.Minute + time.Duration(seed)*time.Millisecond)
	targets, answers := failing(10, 5, fault, check)
	p := newPod(seed, func(target Target, at time.Time) (time.Duration, bool) {
		took, isAlive := answers(target, at)
		if !isAlive {
			return drops()
		}
		return took, isAlive
	})
	p.damping = d
	p.replace("a", targets, p.now)
	p.runUntil(fault, func() bool { return false })
	_, last := firstDown(p, fault, 5)
	return last
}

func TestTableOfStorms(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	lasting := []int{10, 15, 20, 30, 40, 60, 90}
	var table strings.Builder
	for _, intervals := range []int{0, 1, 2, 3, 4, 6} {
		d := standard()
		d.stormIntervals = intervals
		fmt.Fprintf(&table, "\n| %d |", intervals)
		for _, seconds := range lasting {
			down := 0
			for seed := range trials() {
				down += outage(seed, byDefault, d, time.Duration(seconds)*time.Second)
			}
			share := 10 * float64(down) / float64(trials())
			fmt.Fprintf(&table, " %.0f %% |", share)
			if intervals == standard().stormIntervals && seconds <= 30 {
				g.Expect(share).To(BeNumerically("<=", 15), "an outage of %d s", seconds)
			}
		}
		slowest := time.Duration(0)
		for seed := range trials() {
			slowest = max(slowest, disaster(seed, byDefault, d))
		}
		fmt.Fprintf(&table, " %.0f s |", slowest.Seconds())
	}
	t.Logf("gateways held to be down, by intervals that a storm waits and seconds of an outage %v; slowest true failover%s", lasting, &table)
}

func TestTableOfFlapping(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	for _, variant := range []struct {
		base float64
		most time.Duration
	}{{0, 0}, {0.2, 5 * time.Minute}, {1, time.Minute}, {1, 5 * time.Minute}, {1, 15 * time.Minute}, {2, 5 * time.Minute}} {
		d := standard()
		d.flapBase, d.maxDelay = variant.base, variant.most
		fmt.Fprintf(&table, "\n| %g | %s |", variant.base, variant.most)
		for _, check := range []failover.HealthCheck{fast, byDefault} {
			for _, seconds := range []int{3, 30, 120} {
				fmt.Fprintf(&table, " %d |", flapping(check, d, time.Duration(seconds)*time.Second))
			}
			fmt.Fprintf(&table, " %d |", worstPerHour(check, d))
		}
		fmt.Fprintf(&table, " %.0f s | %.0f s |", returning(d, 2).Seconds(), returning(d, 3).Seconds())
	}
	t.Logf("base, maximum; changes in 10 minutes of a gateway that changes every 3, 30, 120 s, and in an hour of the worst, by the fast check and the default one; return after the second and the third failure%s", &table)
}

// flapping returns the most changes in 10 minutes of a gateway that changes in a period.
func flapping(check failover.HealthCheck, d damping, period time.Duration) int {
	most := 0
	for seed := range trials() / 2 {
		times := changes(check, seed, d, 10*time.Minute, func(_ *pod, at time.Time) (time.Duration, bool) {
			return time.Millisecond, at.Sub(epoch)/period%2 == 0
		})
		most = max(most, len(times))
	}
	return most
}

// returning returns the time from the end of the last of several failures, each of 30 seconds and a
// minute apart, to the verdict up.
func returning(d damping, failures int) time.Duration {
	longest := time.Duration(0)
	for seed := range trials() {
		target := gateway(1, byDefault)
		isAlive := true
		p := newPod(seed, func(Target, time.Time) (time.Duration, bool) { return time.Millisecond, isAlive })
		p.damping = d
		p.replace("a", []Target{target}, p.now)
		for range failures {
			isAlive = true
			p.run(time.Minute)
			isAlive = false
			p.run(30 * time.Second)
		}
		isAlive = true
		back := p.now
		p.runUntil(p.now.Add(time.Hour), func() bool { return p.status(target) == Up })
		longest = max(longest, p.now.Sub(back))
	}
	return longest
}
