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

package alias

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// slot is a target and a type.
type slot struct {
	resolver *Resolver
	target   string
	qtype    uint16

	// answer is served. It is nil before the first lookup has ended, and when nobody has asked for long.
	answer atomic.Pointer[Answer]
	// used says that somebody asked since the last lookup.
	used atomic.Bool
	// waiters is how many queries wait for the lookup that runs.
	waiters atomic.Int32

	mu sync.Mutex
	// running is closed when the lookup that runs, or waits for its turn, has ended, nil when there is none.
	running chan struct{}
	// next starts the next lookup.
	next *time.Timer
	// good is the last answer that a resolver gave.
	good     *Answer
	failures int
	lastUsed time.Time
	ended    bool
}

func newSlot(r *Resolver, target string, qtype uint16) *slot {
	return &slot{resolver: r, target: target, qtype: qtype, lastUsed: time.Now()}
}

// known is closed: there is nothing to wait for.
var known = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// await returns what is closed when there is an answer. A lookup that ended since the caller looked is not repeated.
func (s *slot) await() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer.Load() != nil {
		return known
	}
	return s.startLocked()
}

// start starts a lookup unless one runs.
func (s *slot) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.startLocked()
}

// startLocked is start for who holds the lock. It returns what is closed when the lookup has ended.
func (s *slot) startLocked() <-chan struct{} {
	if s.running == nil {
		s.running = make(chan struct{})
		s.resolver.lookups.add(s)
	}
	return s.running
}

// end ends the lookups to come.
func (s *slot) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.next != nil {
		s.next.Stop()
	}
}

// lookup asks the resolvers, unless nobody wants to know any more.
func (s *slot) lookup() {
	if s.giveUp() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	response, err := s.resolver.ask(ctx, s.target, s.qtype)
	var learned *Answer
	if err == nil {
		learned, _ = s.resolver.reader.read(response, s.target, s.qtype)
	}
	if learned != nil {
		s.resolver.refused.add(s.target, learned.refused, time.Now())
	}
	s.finish(learned, time.Now())
}

// giveUp returns whether nobody follows the target any more. Then who still waits gets a failure.
func (s *slot) giveUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		close(s.running)
		s.running = nil
	}
	return s.ended
}

// finish takes what a lookup found, nil where it failed, and decides when the next one is.
func (s *slot) finish(learned *Answer, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var outcome Outcome
	var rest time.Duration
	if learned != nil {
		outcome, rest = s.accept(learned, now)
	} else {
		outcome, rest = s.fail(now)
	}
	s.resolver.options.Observe(outcome)
	close(s.running)
	s.running = nil
	// Each lookup starts the next one. Were there two to come, there would be two for ever.
	if s.next != nil {
		s.next.Stop()
	}
	if !s.ended {
		s.next = time.AfterFunc(rest, s.refresh)
	}
}

// accept serves what was learned. The next lookup is before its TTL is over, and not at the same moment for all.
func (s *slot) accept(learned *Answer, now time.Time) (Outcome, time.Duration) {
	s.failures = 0
	learned.learned, learned.expires = now, now.Add(learned.ttl)
	learned.Packed = s.resolver.options.Pack(s.target, learned)
	s.good = learned
	s.answer.Store(learned)
	rest := time.Duration(float64(learned.ttl) * (0.7 + 0.15*rand.Float64())) //nolint:gosec // This protects nothing.
	switch {
	case len(learned.Addresses) > 0:
		return Found, rest
	case learned.refused.count > 0:
		return Refused, rest
	case learned.Rcode == dns.RcodeNameError:
		return NoName, rest
	default:
		return NoAddress, rest
	}
}

// fail serves the last good answer as long as it may be kept, and then the failure. That there are no addresses of a type is
// good to know, too: some resolvers in pods give a name up when one of the two types fails.
func (s *slot) fail(now time.Time) (Outcome, time.Duration) {
	rest := min(maxRetry, minRetry<<min(s.failures, 5))
	s.failures++
	if kept := s.keptLocked(now); kept != nil {
		s.answer.Store(kept)
		return Kept, rest
	}
	s.good = nil
	s.answer.Store(failure)
	return Failed, rest
}

// kept returns the last good answer, and a failure where that may not be kept any more.
func (s *slot) kept(now time.Time) *Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept := s.keptLocked(now); kept != nil {
		return kept
	}
	return failure
}

// keptLocked is kept for who holds the lock, and returns nil in place of a failure.
func (s *slot) keptLocked(now time.Time) *Answer {
	if s.good == nil || s.good.Rcode != dns.RcodeSuccess || now.Sub(s.good.learned) >= s.resolver.options.MaxStale {
		return nil
	}
	kept := *s.good
	kept.kept = true
	return &kept
}

// refresh starts the next lookup, unless nobody has asked for long: then the next who asks has to wait for one.
func (s *slot) refresh() {
	now := time.Now()
	s.mu.Lock()
	if s.used.Swap(false) {
		s.lastUsed = now
	}
	idle := now.Sub(s.lastUsed) >= idleLimit
	if idle {
		s.answer.Store(nil)
	}
	ended := s.ended
	s.mu.Unlock()
	if !idle && !ended {
		s.start()
	}
}
