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
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// starts records the times at which probes of a target start.
func starts(p *pod, target Target) *[]time.Time {
	var times []time.Time
	p.probed = func(e *entry) {
		if e.target == target {
			times = append(times, p.now)
		}
	}
	return &times
}

func gaps(times []time.Time) []time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(times); i++ {
		gaps = append(gaps, times[i].Sub(times[i-1]))
	}
	return gaps
}

func TestJitterOnlyShortens(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	target := gateway(1, byDefault)
	p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return works() })
	times := starts(p, target)
	p.replace("a", []Target{target}, p.now)
	p.run(2 * time.Hour)
	distinct := map[time.Duration]bool{}
	for i, gap := range gaps(*times) {
		distinct[gap] = true
		g.Expect(gap).To(BeNumerically("<=", byDefault.Interval))
		if i > 0 {
			g.Expect(gap).To(BeNumerically(">=", byDefault.Interval*9/10))
		}
	}
	g.Expect(len(distinct)).To(BeNumerically(">", 700))
}

// A thousand dns-servers that start together probe evenly after the first probe.
func TestProcessesDoNotBeatInStep(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	perSecond := map[int]int{}
	for seed := range uint64(1000) {
		target := gateway(1, byDefault)
		p := newPod(seed, func(Target, time.Time) (time.Duration, bool) { return works() })
		p.probed = func(*entry) { perSecond[int(p.now.Sub(epoch)/time.Second)]++ }
		p.replace("a", []Target{target}, p.now)
		p.run(30 * time.Second)
	}
	for second := 1; second < 30; second++ {
		g.Expect(perSecond[second]).To(BeNumerically("<", 170), "second %d; 100 to 111 are even", second)
	}
}

func TestProbesConfirmAFailureAtAFifthOfTheInterval(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func() (time.Duration, bool)
		from   time.Duration
		to     time.Duration
	}{
		"refused": {refuses, 360 * time.Millisecond, 400 * time.Millisecond},
		// A probe does not begin before the last one has ended.
		"dropped": {drops, time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			target, fault := gateway(1, fast), epoch.Add(time.Minute)
			p := newPod(1, func(_ Target, at time.Time) (time.Duration, bool) {
				if at.Before(fault) {
					return works()
				}
				return test.answer()
			})
			p.replace("a", []Target{target}, p.now)
			p.runUntil(fault, func() bool { return false })
			times := starts(p, target)
			p.run(20 * time.Second)
			found := gaps(*times)
			for _, gap := range found[:2] {
				g.Expect(gap).To(And(BeNumerically(">=", test.from), BeNumerically("<=", test.to)))
			}
			for _, gap := range found[2:] {
				g.Expect(gap).To(BeNumerically(">=", fast.Interval*9/10), "once it is decided")
			}
		})
	}
}

func TestNamesWithoutQueriesAreProbedAtASixth(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	target := gateway(1, byDefault)
	p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return works() })
	p.isAsked = false
	times := starts(p, target)
	p.replace("a", []Target{target}, p.now)
	p.run(5 * time.Minute)
	g.Expect(len(*times)).To(BeNumerically(">=", 30), "a new name counts as asked for")
	p.run(time.Minute)
	*times = nil
	p.run(time.Hour)
	g.Expect(len(*times)).To(BeNumerically("~", 63, 5))

	g.Expect(p.entries[target].due.Sub(p.now)).To(BeNumerically("<=", time.Minute))
	p.usages["a"].Mark()
	p.run(byDefault.Interval)
	g.Expect(p.now.Sub((*times)[len(*times)-1])).To(BeNumerically("<=", byDefault.Interval))
	*times = nil
	p.run(4 * time.Minute)
	g.Expect(len(*times)).To(BeNumerically("~", 25, 2), "the full rate, at once")
	p.run(3 * time.Minute)
	*times = nil
	p.run(time.Hour)
	g.Expect(len(*times)).To(BeNumerically("~", 63, 5))
}

func TestATargetOfSeveralNamesRestsIfAllDo(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	target := gateway(1, byDefault)
	p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return works() })
	p.isAsked = false
	p.replace("a", []Target{target}, p.now)
	p.replace("b", []Target{target}, p.now)
	for range 20 {
		p.run(time.Minute)
		p.usages["b"].Mark()
	}
	g.Expect(p.entries[target].urgency).To(Equal(routine))
	p.replace("b", nil, p.now)
	p.run(time.Minute)
	g.Expect(p.entries[target].urgency).To(Equal(rested))
	var none *Usage
	none.Mark()
}

func TestAtMostAHundredProbesStartPerSecond(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return works() })
	var times []time.Time
	probed := map[Target]int{}
	p.probed = func(e *entry) {
		times = append(times, p.now)
		probed[e.target]++
	}
	for i := range 2000 {
		p.replace(fmt.Sprint(i), []Target{gateway(i, fast)}, p.now)
	}
	p.run(2 * time.Minute)
	for i := 200; i < len(times); i++ {
		g.Expect(times[i].Sub(times[i-200])).To(BeNumerically(">=", time.Second*99/100), "a burst included")
	}
	g.Expect(len(times)).To(BeNumerically("~", 120*maxRate+maxBurst, 2))
	g.Expect(probed).To(HaveLen(2000))
	for _, count := range probed {
		g.Expect(count).To(BeNumerically("~", 6, 1), "intervals stretch alike")
	}
}

// The burst carries the probes that confirm the failures.
func TestAHundredGatewaysThatFailTogether(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		check  failover.HealthCheck
		answer func() (time.Duration, bool)
		limit  time.Duration
	}{
		"default, refused": {byDefault, refuses, 14 * time.Second},
		"default, dropped": {byDefault, drops, 20 * time.Second},
		"fast, refused":    {fast, refuses, 3 * time.Second},
		"fast, dropped":    {fast, drops, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			fault := epoch.Add(time.Minute)
			var took []time.Duration
			for seed := range uint64(10) {
				p := newPod(seed, func(_ Target, at time.Time) (time.Duration, bool) {
					if at.Before(fault) {
						return works()
					}
					return test.answer()
				})
				for i := range 100 {
					target := gateway(i, test.check)
					target.Cluster = "one"
					p.replace(fmt.Sprint(i), []Target{target}, p.now)
				}
				p.runUntil(fault, func() bool { return false })
				p.turned = func(*entry) { took = append(took, p.now.Sub(fault)) }
				p.run(time.Minute)
			}
			g.Expect(took).To(HaveLen(1000))
			slices.Sort(took)
			t.Logf("p50 %s, p99 %s, longest %s", took[500], took[990], took[999])
			g.Expect(took[990]).To(BeNumerically("<=", test.limit))
		})
	}
}

// The probes that confirm a failure go first, so that only the first one is late.
func TestAFailureIsConfirmedFirst(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	target := gateway(0, fast)
	fault := epoch.Add(5 * time.Minute)
	p := newPod(1, func(probed Target, at time.Time) (time.Duration, bool) {
		if probed == target && !at.Before(fault) {
			return refuses()
		}
		return works()
	})
	for i := range 1000 {
		p.replace(fmt.Sprint(i), []Target{gateway(i, fast)}, p.now)
	}
	p.runUntil(fault, func() bool { return false })
	p.runUntil(fault.Add(time.Hour), func() bool { return p.status(target) == Down })
	g.Expect(p.now.Sub(fault)).To(BeNumerically("<=", 10*time.Second+800*time.Millisecond+200*time.Millisecond))
}

// Names without queries get an eighth of the probes if the others need all of them.
func TestNamesWithQueriesGoFirst(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return works() })
	p.isAsked = false
	const names = 3000
	for i := range names {
		p.replace(fmt.Sprint(i), []Target{gateway(i, fast)}, p.now)
	}
	count := map[bool]int{}
	p.probed = func(e *entry) {
		isAsked := e.target.Address.As4()[2] == 0 // 256 of them
		count[isAsked]++
		if isAsked {
			e.users[0].Mark()
		}
	}
	p.run(names / maxRate * time.Second)
	// At first, all names are new, and have the full rate.
	for range 4 {
		clear(count)
		p.run(3 * time.Minute)
		g.Expect(count[true]).To(BeNumerically("~", 87*180, 180))
		g.Expect(count[false]).To(BeNumerically("~", 13*180, 180))
	}
}

func TestAQueryOvertakesTheProbesOfOtherNames(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return works() })
	p.isAsked = false
	for i := range 3000 {
		p.replace(fmt.Sprint(i), []Target{gateway(i, fast)}, p.now)
	}
	p.run(time.Minute)
	var last *entry
	for _, e := range p.entries {
		if e.state == ready && (last == nil || e.due.After(last.due)) {
			last = e
		}
	}
	times := starts(p, last.target)
	last.users[0].Mark()
	p.run(100 * time.Millisecond)
	g.Expect(*times).To(HaveLen(1))
}

func TestANamespaceDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	slow := fast
	slow.Interval, slow.Timeout = 30*time.Second, 30*time.Second
	p := newPod(1, func(target Target, _ time.Time) (time.Duration, bool) {
		if target.Namespace == "hostile" {
			return drops()
		}
		return works()
	})
	for i := range 10_000 {
		target := gateway(i, slow)
		target.Namespace = "hostile"
		p.replace(fmt.Sprint(i), []Target{target}, p.now)
	}
	p.run(2 * time.Minute)
	target := gateway(1, fast)
	times := starts(p, target)
	p.replace("a", []Target{target}, p.now)
	p.run(time.Minute)
	for _, gap := range gaps(*times) {
		g.Expect(gap).To(BeNumerically("<=", fast.Interval+50*time.Millisecond))
	}
	g.Expect(p.probing).To(BeNumerically("<=", maxProbing/2+1))
}

func TestReplaceCountsUsers(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	one, two := gateway(1, byDefault), gateway(2, byDefault)
	p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return refuses() })
	probes := 0
	p.probed = func(*entry) { probes++ }
	p.replace("a", []Target{one, two, two}, p.now)
	p.replace("b", []Target{one}, p.now)
	p.run(time.Second)
	g.Expect(probes).To(Equal(2))
	g.Expect(p.isUp(one)).To(BeFalse())

	p.replace("a", []Target{two}, p.now)
	g.Expect(p.isUp(one)).To(BeFalse(), "b still has it")
	p.replace("b", nil, p.now)
	g.Expect(p.isUp(one)).To(BeTrue(), "it is not known any more")
	g.Expect(p.entries).To(HaveLen(1))
	p.replace("b", nil, p.now)
	p.replace("a", nil, p.now)
	g.Expect(p.entries).To(BeEmpty())
	g.Expect(p.usages).To(BeEmpty())
	g.Expect(p.namespaces).To(BeEmpty())
	g.Expect(p.waiting).To(BeEmpty())
	p.run(time.Minute)
	g.Expect(probes).To(Equal(2))
	g.Expect(p.unknown).To(BeZero())
}

// Targets come and go in all states, and the counts stay right.
func TestReplaceAtAnyTime(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return 0, true })
	p.network = func(Target, time.Time) (time.Duration, bool) {
		return time.Duration(p.random.Int64N(int64(2 * fast.Timeout))), p.random.IntN(2) == 0
	}
	for range 5_000 {
		targets := make([]Target, p.random.IntN(4))
		for i := range targets {
			targets[i] = gateway(p.random.IntN(300), fast)
			targets[i].Cluster = fmt.Sprintf("c%d", targets[i].Address.As4()[3]%5)
			if p.random.IntN(10) == 0 {
				targets[i].Check = byDefault
			}
		}
		p.replace(fmt.Sprint(p.random.IntN(200)), targets, p.now)
		p.run(time.Duration(p.random.Int64N(int64(100 * time.Millisecond))))
	}
	unknown, up := 0, map[*cluster]int{}
	suspects := map[*cluster]int{}
	for _, e := range p.entries {
		switch e.health.status {
		case Unknown:
			unknown++
		case Up:
			up[e.cluster]++
			if e.health.run > 0 {
				suspects[e.cluster]++
			}
		}
		g.Expect(p.isUp(e.target)).To(Equal(e.health.status != Down))
	}
	g.Expect(p.unknown).To(Equal(unknown))
	clusters := 0
	for _, of := range p.namespaces["dev"].clusters {
		g.Expect(of.up).To(Equal(up[&of.cluster]))
		g.Expect(of.suspects).To(Equal(suspects[&of.cluster]))
		if of.up > 0 {
			clusters++
		}
	}
	g.Expect(p.namespaces["dev"].storm.up).To(Equal(clusters))
	g.Expect(p.probing).To(Equal(len(p.running)))

	for name := range 200 {
		p.replace(fmt.Sprint(name), nil, p.now)
	}
	p.run(time.Minute)
	g.Expect(p.probing).To(BeZero())
	g.Expect(p.unknown).To(BeZero())
	g.Expect(p.namespaces).To(BeEmpty())
	p.down.Range(func(key, _ any) bool {
		g.Expect(key).To(BeNil(), "nothing is left")
		return true
	})
}

func TestTargetsAreBounded(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return refuses() })
	var targets []Target
	for i := range 2 * maxTargets {
		targets = append(targets, gateway(i, byDefault))
	}
	p.replace("a", targets[:maxTargets-1], p.now)
	p.replace("b", targets, p.now)
	g.Expect(p.entries).To(HaveLen(maxTargets))
	g.Expect(p.usages["b"].entries).To(HaveLen(maxTargets))
	g.Expect(p.isUp(targets[maxTargets])).To(BeTrue())
	p.replace("b", nil, p.now)
	p.replace("a", targets[maxTargets:], p.now)
	g.Expect(p.entries).To(HaveLen(maxTargets), "the former ones make room")
	for _, e := range p.entries {
		g.Expect(slices.Contains(targets[maxTargets:], e.target)).To(BeTrue())
		break
	}
}

func TestAChangedCheckKeepsTheStatus(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return refuses() })
	p.replace("a", []Target{gateway(1, byDefault)}, p.now)
	p.run(time.Second)
	other := gateway(1, fast)
	other.Gateway = "other"
	p.replace("a", []Target{gateway(1, fast), gateway(2, fast), other}, p.now)
	g.Expect(p.isUp(gateway(1, fast))).To(BeFalse())
	g.Expect(p.isUp(gateway(1, byDefault))).To(BeTrue())
	g.Expect(p.status(gateway(2, fast))).To(Equal(Unknown))
	g.Expect(p.status(other)).To(Equal(Unknown))
	g.Expect(p.unknown).To(Equal(2))
}
