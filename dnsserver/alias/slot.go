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
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// slot is the state of a target and a type.
type slot struct {
	resolver *Resolver
	target   string
	qtype    uint16
	// keepers is the number of callers that need the answer without queries.
	keepers *atomic.Int32

	// answer is the served answer. It is nil before the first lookup ends, and after an idle time.
	answer atomic.Pointer[Answer]
	// used is set by queries since the last lookup.
	used atomic.Bool
	// waiters is the number of queries that wait for the current lookup.
	waiters atomic.Int32

	mu sync.Mutex
	// running is closed when the running or queued lookup ends. It is nil if there is none.
	running chan struct{}
	// next starts the next lookup.
	next *time.Timer
	// good is the last answer of a resolver.
	good     *Answer
	failures int
	lastUsed time.Time
	ended    bool
}

func newSlot(r *Resolver, target string, qtype uint16, keepers *atomic.Int32) *slot {
	return &slot{resolver: r, target: target, qtype: qtype, keepers: keepers, lastUsed: time.Now()}
}

// known is a closed channel, for an answer that is available.
var known = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// await returns a channel that is closed once an answer is available. It does not repeat a lookup
// that ended since the caller looked.
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

// startLocked is start for a caller that holds the lock. It returns a channel that is closed when
// the lookup ends.
func (s *slot) startLocked() <-chan struct{} {
	if s.running == nil {
		s.running = make(chan struct{})
		s.resolver.lookups.add(s)
	}
	return s.running
}

// end stops future lookups.
func (s *slot) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.next != nil {
		s.next.Stop()
	}
}

// lookup queries the resolvers, unless the target is no longer followed.
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

// giveUp returns whether the target is no longer followed. Waiting queries then get a failure.
func (s *slot) giveUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		close(s.running)
		s.running = nil
	}
	return s.ended
}

// finish stores the result of a lookup, nil if it failed, and schedules the next one.
func (s *slot) finish(learned *Answer, now time.Time) {
	before := s.answer.Load()
	s.store(learned, now)
	if changed := s.resolver.options.Changed; changed != nil && s.keepers.Load() > 0 && !haveSameAddresses(before, s.answer.Load()) {
		changed(s.target)
	}
}

func haveSameAddresses(a, b *Answer) bool {
	return a != nil && b != nil && slices.Equal(a.Addresses, b.Addresses)
}

// store is finish without the call of Options.Changed.
func (s *slot) store(learned *Answer, now time.Time) {
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
	// Each lookup starts the next one, so two timers would mean two series of lookups for ever.
	if s.next != nil {
		s.next.Stop()
	}
	if !s.ended {
		s.next = time.AfterFunc(rest, s.refresh)
	}
}

// accept serves a new answer. The next lookup comes before the TTL ends, with jitter.
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

// fail serves the last good answer while it is not too old, and then a failure. An answer without
// addresses counts, too: some resolvers in pods give up a name if one of the two types fails.
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

// kept returns the last good answer, or a failure if that is too old.
func (s *slot) kept(now time.Time) *Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept := s.keptLocked(now); kept != nil {
		return kept
	}
	return failure
}

// keptLocked is kept for a caller that holds the lock. It returns nil instead of a failure.
func (s *slot) keptLocked(now time.Time) *Answer {
	if s.good == nil || s.good.Rcode != dns.RcodeSuccess || now.Sub(s.good.learned) >= s.resolver.options.MaxStale {
		return nil
	}
	kept := *s.good
	kept.kept = true
	return &kept
}

// refresh starts the next lookup. It stops after an idle time, and then the next query waits for a
// lookup.
func (s *slot) refresh() {
	now := time.Now()
	s.mu.Lock()
	if s.used.Swap(false) {
		s.lastUsed = now
	}
	idle := now.Sub(s.lastUsed) >= idleLimit && s.keepers.Load() == 0
	if idle {
		s.answer.Store(nil)
	}
	ended := s.ended
	s.mu.Unlock()
	if !idle && !ended {
		s.start()
	}
}
