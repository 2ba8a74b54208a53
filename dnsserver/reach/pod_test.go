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
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// The settings of the tables: those by default, and fast ones.
var (
	byDefault = failover.HealthCheck{
		Protocol: failover.TCP, Port: 443, Interval: 10 * time.Second, Timeout: 2 * time.Second,
		FailureThreshold: 3, SuccessThreshold: 2,
	}
	fast = failover.HealthCheck{
		Protocol: failover.TCP, Port: 443, Interval: 2 * time.Second, Timeout: time.Second,
		FailureThreshold: 3, SuccessThreshold: 2,
	}
)

// gateway returns a target in a cluster of its own in the namespace dev.
func gateway(i int, check failover.HealthCheck) Target {
	return Target{
		Namespace: "dev", Cluster: fmt.Sprintf("c%d", i), Check: check,
		Address: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}),
	}
}

// network answers probes: after how long a target answers a probe that starts at a time, and
// whether it is alive. An answer after the timeout is none.
type network func(target Target, at time.Time) (took time.Duration, isAlive bool)

// The answers of gateways.
func works() (time.Duration, bool)   { return time.Millisecond, true }
func refuses() (time.Duration, bool) { return time.Millisecond, false }
func drops() (time.Duration, bool)   { return time.Hour, false }

// pod runs a roster against a network, without a clock, a goroutine or a socket.
type pod struct {
	*roster

	now     time.Time
	network network
	running []running
	// isAsked means that all names are asked for all the time.
	isAsked bool
	// probed is called for each probe that starts, and turned for each change of a status.
	probed func(*entry)
	turned func(*entry)
}

// running is a probe under way.
type running struct {
	entry   *entry
	ends    time.Time
	isAlive bool
}

func newPod(seed uint64, answers network) *pod {
	p := &pod{now: epoch, isAsked: true, network: answers, probed: func(*entry) {}, turned: func(*entry) {}}
	p.roster = newRoster(rand.New(rand.NewPCG(seed, 0)), func(Target) bool { return true }, func(u *Usage) { p.use(u, p.now) })
	return p
}

// status returns the status of a target.
func (p *pod) status(t Target) Status {
	return p.entries[t].health.status
}

// run lets time pass.
func (p *pod) run(d time.Duration) {
	p.runUntil(p.now.Add(d), func() bool { return false })
}

// runUntil lets time pass until the end or until isDone, which it asks after each probe.
func (p *pod) runUntil(end time.Time, isDone func() bool) {
	for {
		e, wait := p.take(p.now)
		if e != nil {
			p.start(e)
			continue
		}
		next := end
		if wait >= 0 && p.now.Add(wait).Before(next) {
			next = p.now.Add(wait)
		}
		first := -1
		for i := range p.running {
			if !p.running[i].ends.After(next) {
				first, next = i, p.running[i].ends
			}
		}
		p.now = next
		if first < 0 {
			if !next.Before(end) {
				return
			}
			continue
		}
		done := p.running[first]
		last := len(p.running) - 1
		p.running[first] = p.running[last]
		p.running = p.running[:last]
		if p.finish(done.entry, done.isAlive, "", p.now) {
			p.turned(done.entry)
		}
		if isDone() {
			return
		}
	}
}

func (p *pod) start(e *entry) {
	p.probed(e)
	for _, user := range e.users {
		if p.isAsked {
			user.Mark()
		}
	}
	took, isAlive := p.network(e.target, p.now)
	if took > e.target.Check.Timeout {
		took, isAlive = e.target.Check.Timeout, false
	}
	p.running = append(p.running, running{e, p.now.Add(took), isAlive})
}
