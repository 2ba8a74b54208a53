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
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// failing returns the targets 0 to n-1, and a network in which those from a cluster on refuse
// connections after a fault.
func failing(n, from int, fault time.Time, check failover.HealthCheck) ([]Target, network) {
	targets := make([]Target, n)
	fails := map[Target]bool{}
	for i := range targets {
		targets[i] = gateway(i, check)
		fails[targets[i]] = i >= from
	}
	return targets, func(t Target, at time.Time) (time.Duration, bool) {
		if fails[t] && !at.Before(fault) {
			return refuses()
		}
		return works()
	}
}

// firstDown returns the time from a fault to the first verdict and to the last one.
func firstDown(p *pod, fault time.Time, count int) (first, last time.Duration) {
	turned := 0
	p.turned = func(e *entry) {
		if e.health.status != Down {
			return
		}
		if turned == 0 {
			first = p.now.Sub(fault)
		}
		turned++
		last = p.now.Sub(fault)
	}
	p.runUntil(fault.Add(10*time.Minute), func() bool { return turned == count })
	return first, last
}

func TestAStormHoldsVerdicts(t *testing.T) {
	t.Parallel()
	const held = 3 * 10 * time.Second
	fault := epoch.Add(time.Minute)
	for name, test := range map[string]struct {
		clusters, working int
		isHeld            bool
	}{
		"one of one":    {1, 0, false},
		"one of two":    {2, 1, false},
		"both":          {2, 0, true},
		"one of three":  {3, 2, false},
		"two of three":  {3, 1, true},
		"two of four":   {4, 2, true},
		"two of five":   {5, 3, false},
		"nine of 20":    {20, 11, false},
		"all of twenty": {20, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			targets, answers := failing(test.clusters, test.working, fault, byDefault)
			p := newPod(1, answers)
			p.replace("a", targets, p.now)
			p.runUntil(fault, func() bool { return false })
			_, last := firstDown(p, fault, test.clusters-test.working)
			if test.isHeld {
				// The storm begins with the verdict that it holds first, and ends within a probe.
				g.Expect(last).To(BeNumerically(">=", held))
				g.Expect(last).To(BeNumerically("<=", held+14*time.Second+2*time.Second+10*time.Millisecond))
			} else {
				g.Expect(last).To(BeNumerically("<=", 14*time.Second+10*time.Millisecond))
			}
		})
	}
}

func TestATransientStormChangesFewVerdicts(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	begin, end := epoch.Add(time.Minute), epoch.Add(time.Minute+30*time.Second)
	var targets []Target
	for i := range 20 {
		targets = append(targets, gateway(i, byDefault))
	}
	p := newPod(1, func(_ Target, at time.Time) (time.Duration, bool) {
		if at.Before(begin) || !at.Before(end) {
			return works()
		}
		return drops()
	})
	p.replace("a", targets, p.now)
	p.run(time.Minute)
	turned := map[Target]bool{}
	p.turned = func(e *entry) { turned[e.target] = true }
	p.run(5 * time.Minute)
	g.Expect(len(turned)).To(BeNumerically("<=", 3), "only verdicts from before half had failed")
}

func TestAStormCountsClustersOfOneNamespace(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	fault := epoch.Add(time.Minute)
	targets, answers := failing(8, 4, fault, byDefault)
	for i := range targets {
		// Four gateways in one cluster fail, and four others work: one of two clusters.
		targets[i].Cluster = fmt.Sprintf("c%d", i/4)
	}
	for _, other := range []int{100, 101} {
		target := gateway(other, byDefault)
		target.Namespace = "other"
		targets = append(targets, target)
	}
	p := newPod(1, func(t Target, at time.Time) (time.Duration, bool) {
		if t.Namespace == "other" && !at.Before(fault) {
			return refuses()
		}
		t.Cluster = fmt.Sprintf("c%d", t.Address.As4()[3])
		return answers(t, at)
	})
	p.replace("a", targets, p.now)
	p.runUntil(fault, func() bool { return false })
	down := map[string]time.Duration{}
	p.turned = func(e *entry) { down[e.target.Namespace] = p.now.Sub(fault) }
	p.run(5 * time.Minute)
	g.Expect(down["dev"]).To(BeNumerically("<=", 14*time.Second+10*time.Millisecond))
	g.Expect(down["other"]).To(BeNumerically(">", 30*time.Second))
}

func TestAStormBeginsOnceInFiveMinutes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pause  time.Duration
		isHeld bool
	}{
		"three minutes later": {3 * time.Minute, false},
		"ten minutes later":   {10 * time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			first := epoch.Add(time.Minute)
			second := first.Add(test.pause)
			targets, _ := failing(8, 0, first, byDefault)
			p := newPod(1, func(t Target, at time.Time) (time.Duration, bool) {
				i := t.Address.As4()[3]
				// Four fail for good. Of the four others, two fail later.
				if i < 4 && !at.Before(first) || i < 6 && !at.Before(second) {
					return refuses()
				}
				return works()
			})
			p.replace("a", targets, p.now)
			p.runUntil(second, func() bool { return false })
			_, last := firstDown(p, second, 2)
			if test.isHeld {
				g.Expect(last).To(BeNumerically(">", 30*time.Second))
			} else {
				g.Expect(last).To(BeNumerically("<", 15*time.Second))
			}
		})
	}
}

// With an interval of 5 minutes, the wait of a storm is longer than the pause between two storms.
func TestAStormHoldsAFailureOnce(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	slow := byDefault
	slow.Interval = failover.MaxInterval
	fault := epoch.Add(time.Hour)
	targets, answers := failing(4, 0, fault, slow)
	p := newPod(1, answers)
	p.replace("a", targets, p.now)
	p.runUntil(fault, func() bool { return false })
	down := 0
	p.turned = func(*entry) { down++ }
	p.run(4*slow.Interval + 3*slow.Interval/confirming)
	g.Expect(down).To(Equal(4))
}

func TestTheFirstVerdictIsNotHeld(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	targets, answers := failing(8, 2, epoch, byDefault)
	p := newPod(1, answers)
	p.replace("a", targets, p.now)
	p.run(time.Second)
	for i, target := range targets {
		wanted := Up
		if i >= 2 {
			wanted = Down
		}
		g.Expect(p.status(target)).To(Equal(wanted))
	}
}
