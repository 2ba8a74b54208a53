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
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// The arguments of "make simulate".
var (
	seeds   = flag.Int("seeds", 20, "seeds of the simulation")
	isLarge = flag.Bool("large", false, "simulate 50 consumers and 20 gateways for 10,000 steps with each seed")
)

// size is the size of a simulation.
type size struct {
	consumers, gateways, steps int
}

// TestSimulation runs the dns-servers of many clusters against gateways with faults of all kinds,
// second by second, and checks that
//
//   - no answer is empty,
//   - an answer has no gateway that has been dead for longer than a failure takes to detect, if
//     another gateway is up,
//   - an answer has no gateway of a worse rank if a better one has worked for longer than a recovery
//     takes to detect,
//   - the verdicts of a target change at most maxChangesPerHour times in an hour.
func TestSimulation(t *testing.T) {
	t.Parallel()
	of := size{consumers: 4, gateways: 8, steps: 2000}
	if *isLarge {
		of = size{consumers: 50, gateways: 20, steps: 10_000}
	}
	var mu sync.Mutex
	var total summary
	t.Run("seeds", func(t *testing.T) {
		for seed := range uint64(*seeds) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				w := newWorld(seed, of)
				for i := range of.consumers {
					c := w.consumer(i)
					c.run(t)
					mu.Lock()
					total.add(c.summary)
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d seeds of %+v: %s", *seeds, of, total)
	g := NewWithT(t)
	g.Expect(total.verdicts).To(BeNumerically(">", *seeds*of.consumers), "there is something to check")
	g.Expect(total.storms).To(BeNumerically(">", 0))
	g.Expect(total.damped).To(BeNumerically(">", 0))
	g.Expect(total.checks).To(BeNumerically(">", *seeds*of.steps))
}

// summary counts the events of a simulation.
type summary struct {
	probes, verdicts, storms, damped, restarts int
	// checks is the number of gateways and steps with a state that must have been noticed.
	checks int
	// mostChanges is the highest number of verdicts of a target in an hour.
	mostChanges int
}

func (s *summary) add(other summary) {
	s.probes += other.probes
	s.verdicts += other.verdicts
	s.storms += other.storms
	s.damped += other.damped
	s.restarts += other.restarts
	s.checks += other.checks
	s.mostChanges = max(s.mostChanges, other.mostChanges)
}

// String returns the counts in words.
func (s summary) String() string {
	return fmt.Sprintf("%d probes, %d verdicts (at most %d of a target in an hour), %d storms, %d delayed recoveries, %d restarts, %d checks",
		s.probes, s.verdicts, s.mostChanges, s.storms, s.damped, s.restarts, s.checks)
}

// world has the gateways with their faults.
type world struct {
	seed uint64
	size size

	targets []Target
	crashes []timeline
	flaps   []timeline
}

func newWorld(seed uint64, of size) *world {
	w := &world{seed: seed, size: of}
	random := rand.New(rand.NewPCG(seed, 1))
	check := []failover.HealthCheck{byDefault, fast}[random.IntN(2)]
	check.FailureThreshold = 1 + random.IntN(4)
	check.SuccessThreshold = 1 + random.IntN(3)
	clusters := 1 + random.IntN(of.gateways)
	for i := range of.gateways {
		target := gateway(i, check)
		target.Cluster = fmt.Sprint(i % clusters)
		w.targets = append(w.targets, target)
		w.crashes = append(w.crashes, crashes(random, of.steps))
		w.flaps = append(w.flaps, flaps(random, of.steps))
	}
	return w
}

// consumer is the dns-server of one cluster, as it sees the world.
type consumer struct {
	*pod

	world      *world
	random     *rand.Rand
	outages    timeline
	restarts   timeline
	partitions []timeline
	slowness   []timeline
	ranks      []int
	index      map[Target]int
	entries    []*entry
	// chosen is the answer, and isAnyUp is false if it is all gateways because none is up.
	chosen  []int
	isAnyUp bool
	paths   []path
	// restarted is the time of the last restart.
	restarted time.Time
	// changed are the times of the verdicts of the last hour.
	changed [][]time.Time
	summary summary
}

func (w *world) consumer(index int) *consumer {
	random := rand.New(rand.NewPCG(w.seed, uint64(index)+2))
	c := &consumer{
		world: w, random: random, index: map[Target]int{},
		outages: outages(random, w.size.steps), restarts: occasionally(random, w.size.steps, 3000, 1, func() fault { return fault{} }),
		paths: make([]path, w.size.gateways), changed: make([][]time.Time, w.size.gateways),
	}
	for i, target := range w.targets {
		c.index[target] = i
		c.ranks = append(c.ranks, random.IntN(4))
		c.partitions = append(c.partitions, partitions(random, w.size.steps))
		c.slowness = append(c.slowness, slowness(random, w.size.steps, target.Check.Timeout))
	}
	c.restart(epoch)
	return c
}

// restart begins with an empty roster, as a new process does.
func (c *consumer) restart(now time.Time) {
	c.pod = newPod(c.random.Uint64(), c.answer)
	// A third of the consumers does not ask for the name.
	c.isAsked = c.random.IntN(3) > 0
	c.now, c.restarted = now, now
	c.probed = func(*entry) { c.summary.probes++ }
	c.turned = c.turn
	c.replace("shop", c.world.targets, now)
	c.entries = nil
	for i, target := range c.world.targets {
		c.entries = append(c.entries, c.roster.entries[target])
		c.changed[i] = nil
	}
	c.choose()
}

// answer is the network. A slow answer varies by half.
func (c *consumer) answer(target Target, _ time.Time) (time.Duration, bool) {
	switch path := c.paths[c.index[target]]; {
	case path.isDropped:
		return drops()
	case path.isRefused:
		return refuses()
	case path.slowness > 0:
		return time.Duration((0.5 + c.random.Float64()/2) * float64(path.slowness)), true
	}
	return time.Duration(1+c.random.IntN(50)) * time.Millisecond, true
}

// path is the state of the network between a consumer and a gateway.
type path struct {
	isRefused, isDropped bool
	slowness             time.Duration
	// isAlive and isDead are both false if the path is slow enough for either. since is the step
	// of the last change of these.
	isAlive, isDead bool
	since           int
	// until is the step of the next change of any field.
	until int
}

// observe updates the paths at the start of a step.
func (c *consumer) observe(now int) {
	for i, target := range c.world.targets {
		former := c.paths[i]
		if now < former.until {
			continue
		}
		p := c.look(i, now)
		p.isDead = p.isRefused || p.isDropped || p.slowness/2 > target.Check.Timeout
		p.isAlive = !p.isDead && p.slowness <= target.Check.Timeout
		p.since = now
		if p.isDead == former.isDead && p.isAlive == former.isAlive {
			p.since = former.since
		}
		c.paths[i] = p
	}
}

// look combines the faults of a path.
func (c *consumer) look(i, now int) path {
	p := path{until: math.MaxInt}
	for _, faults := range []timeline{c.world.crashes[i], c.world.flaps[i], c.partitions[i], c.outages, c.slowness[i]} {
		f, until := faults.at(now)
		p.until = min(p.until, until)
		switch {
		case f == nil:
		case f.slowness > 0:
			p.slowness = f.slowness
		case f.isRefused:
			p.isRefused = true
		default:
			p.isDropped = true
		}
	}
	return p
}

// turn notes a verdict.
func (c *consumer) turn(e *entry) {
	c.summary.verdicts++
	defer c.choose()
	i := c.index[e.target]
	if c.changed[i] == nil {
		c.changed[i] = []time.Time{} // The first verdict is no change.
		return
	}
	recent := c.changed[i]
	for len(recent) > 0 && c.now.Sub(recent[0]) > time.Hour {
		recent = recent[1:]
	}
	c.changed[i] = append(recent, c.now)
	c.summary.mostChanges = max(c.summary.mostChanges, len(c.changed[i]))
	if e.health.status == Up && e.health.flap.delay > 0 {
		c.summary.damped++
	}
}

// run runs all steps.
func (c *consumer) run(t *testing.T) {
	t.Helper()
	var stormAt time.Time
	for now := range c.world.size.steps {
		if f, _ := c.restarts.at(now); f != nil && f.from == now {
			c.summary.restarts++
			c.restart(c.now)
		}
		c.observe(now)
		c.runUntil(epoch.Add(time.Duration(now+1)*step), func() bool { return false })
		if began := c.namespaces["dev"].storm.began; began.After(stormAt) {
			stormAt = began
			c.summary.storms++
		}
		if problem := c.check(now + 1); problem != "" {
			t.Errorf("step %d of a consumer: %s", now, problem)
			return
		}
	}
}

// choose sets the gateways of an answer: the best rank of those that are up. If none is, all count
// as up.
func (c *consumer) choose() {
	c.isAnyUp = slices.ContainsFunc(c.world.targets, c.isUp)
	c.chosen = c.chosen[:0]
	best := 0
	for i, target := range c.world.targets {
		if c.isAnyUp && !c.isUp(target) || len(c.chosen) > 0 && c.ranks[i] > best {
			continue
		}
		if len(c.chosen) > 0 && c.ranks[i] < best {
			c.chosen = c.chosen[:0]
		}
		best, c.chosen = c.ranks[i], append(c.chosen, i)
	}
}

// check returns the error of the answer at the end of a step, or "".
func (c *consumer) check(now int) string {
	if len(c.chosen) == 0 {
		return "the answer is empty"
	}
	rank := c.ranks[c.chosen[0]]
	for i, e := range c.entries {
		lasted := min(time.Duration(now-c.paths[i].since)*step, c.now.Sub(c.restarted))
		switch {
		case c.paths[i].isAlive && lasted > c.recovery(e):
			c.summary.checks++
			if c.ranks[i] < rank {
				return fmt.Sprintf("gateway %d has worked for %s, but the answer has rank %d instead of %d", i, lasted, rank, c.ranks[i])
			}
		case c.paths[i].isDead && lasted > c.failure(e):
			c.summary.checks++
			if c.isAnyUp && slices.Contains(c.chosen, i) {
				return fmt.Sprintf("gateway %d has been dead for %s and is answered", i, lasted)
			}
		}
		if len(c.changed[i]) > maxChangesPerHour {
			return fmt.Sprintf("gateway %d has changed %d times in an hour", i, len(c.changed[i]))
		}
	}
	return ""
}

// slack is for the answers of gateways that are not slow.
const slack = 200 * time.Millisecond

// interval returns the time between routine probes.
func (c *consumer) interval(e *entry) time.Duration {
	if c.isAsked {
		return e.target.Check.Interval
	}
	return resting * e.target.Check.Interval
}

// recovery returns the longest time until a target that works is up.
func (c *consumer) recovery(e *entry) time.Duration {
	check := e.target.Check
	confirmed := time.Duration(check.SuccessThreshold-1) * max(check.Interval/confirming, check.Timeout)
	return c.interval(e) + confirmed + check.Timeout + e.health.flap.delay + slack
}

// failure returns the longest time until a target that is dead is down.
func (c *consumer) failure(e *entry) time.Duration {
	check := e.target.Check
	again := max(check.Interval/confirming, check.Timeout)
	limit := c.interval(e) + time.Duration(check.FailureThreshold-1)*again + check.Timeout
	hold := time.Duration(standard().stormIntervals)*check.Interval + again + check.Timeout
	if began := c.namespaces["dev"].storm.began; !began.IsZero() && c.now.Sub(began) < hold+limit {
		limit += hold
	}
	return limit + slack
}
