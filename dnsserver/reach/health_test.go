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

func TestTheFirstVerdictTakesOneProbe(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func() (time.Duration, bool)
		status Status
	}{
		"it works":   {works, Up},
		"it refuses": {refuses, Down},
		"it hangs":   {drops, Down},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			target, probes := gateway(1, byDefault), 0
			p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return test.answer() })
			p.probed = func(*entry) { probes++ }
			p.replace("a", []Target{target}, p.now)
			g.Expect(p.status(target)).To(Equal(Unknown))
			g.Expect(p.isUp(target)).To(BeTrue(), "unknown counts as up")

			p.runUntil(p.now.Add(time.Minute), func() bool { return p.status(target) != Unknown })
			g.Expect(p.status(target)).To(Equal(test.status))
			g.Expect(p.isUp(target)).To(Equal(test.status == Up))
			g.Expect(probes).To(Equal(1))
			g.Expect(p.now).To(BeTemporally("<=", epoch.Add(byDefault.Timeout)))
		})
	}
}

func TestLaterVerdictsTakeTheThreshold(t *testing.T) {
	t.Parallel()
	// Each letter is a probe of a target that was up or down before: s for success, f for failure.
	for results, turns := range map[string]string{
		"up: ff":        "",
		"up: fff":       "3",
		"up: ffsff":     "",
		"up: ffsfff":    "6",
		"up: ffffff":    "3",
		"down: s":       "",
		"down: ss":      "2",
		"down: sfs":     "",
		"down: sfsfss":  "6",
		"up: fffss":     "35",
		"up: fffsfss":   "37",
		"down: ssfff":   "25",
		"up: sfffssfff": "469",
	} {
		t.Run(results, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			of := &cluster{storm: &storm{failing: map[*cluster]struct{}{}}}
			h := health{check: byDefault}
			now := epoch
			observe := func(isAlive bool) bool {
				now = now.Add(h.check.Interval)
				return h.observe(result{isAlive: isAlive, started: now, ended: now}, of, standard())
			}
			first, letters := results[0] == 'u', results[len("up: "):]
			if !first {
				letters = results[len("down: "):]
			}
			g.Expect(observe(first)).To(BeTrue())
			found := ""
			for i, letter := range letters {
				if observe(letter == 's') {
					found += string(rune('1' + i))
				}
			}
			g.Expect(found).To(Equal(turns))
		})
	}
}

// worst returns the longest time from a fault to the verdict, for faults at all times of an
// interval.
func worst(check failover.HealthCheck, before, after func() (time.Duration, bool)) time.Duration {
	longest := time.Duration(0)
	for seed := range uint64(200) {
		target := gateway(1, check)
		fault := epoch.Add(time.Minute + time.Duration(seed)*check.Interval/200)
		p := newPod(seed, func(_ Target, at time.Time) (time.Duration, bool) {
			if at.Before(fault) {
				return before()
			}
			return after()
		})
		p.replace("a", []Target{target}, p.now)
		p.runUntil(fault, func() bool { return false })
		was := p.status(target)
		p.runUntil(fault.Add(time.Hour), func() bool { return p.status(target) != was })
		longest = max(longest, p.now.Sub(fault))
	}
	return longest
}

// The bounds are interval + (threshold - 1) × max(interval / 5, probe) + probe, where probe is the
// time of a failed probe: none if the connection is refused, and the timeout if packets are
// dropped.
func TestDetectionIsBounded(t *testing.T) {
	t.Parallel()
	const probe = 2 * time.Millisecond
	second := time.Second
	for name, test := range map[string]struct {
		check         failover.HealthCheck
		before, after func() (time.Duration, bool)
		bound, wanted time.Duration
	}{
		"default, refused":   {byDefault, works, refuses, 14 * second, 14 * second},
		"default, dropped":   {byDefault, works, drops, 16 * second, 20 * second},
		"fast, refused":      {fast, works, refuses, 2800 * time.Millisecond, 3 * second},
		"fast, dropped":      {fast, works, drops, 5 * second, 6 * second},
		"default, recovered": {byDefault, refuses, works, 12 * second, 14 * second},
		"default, returned":  {byDefault, drops, works, 12 * second, 14 * second},
		"fast, recovered":    {fast, refuses, works, 2400 * time.Millisecond, 3 * second},
		"fast, returned":     {fast, drops, works, 2400 * time.Millisecond, 3 * second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			longest := worst(test.check, test.before, test.after)
			t.Logf("longest %s, bound %s, wanted %s", longest, test.bound, test.wanted)
			g.Expect(longest).To(BeNumerically("<=", test.bound+3*probe))
			g.Expect(longest).To(BeNumerically(">", test.bound*3/4), "the trials cover the worst case")
			g.Expect(test.bound).To(BeNumerically("<=", test.wanted))
		})
	}
}

func TestReportOnlyTargetsAreUp(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	check := byDefault
	check.ReportOnly = true
	target := gateway(1, check)
	p := newPod(1, func(Target, time.Time) (time.Duration, bool) { return refuses() })
	p.replace("a", []Target{target}, p.now)
	p.run(time.Second)
	g.Expect(p.status(target)).To(Equal(Down))
	g.Expect(p.isUp(target)).To(BeTrue())
}
