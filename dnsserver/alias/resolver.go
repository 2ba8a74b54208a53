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
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

const (
	// lookupTimeout is the longest time for one lookup.
	lookupTimeout = 4 * time.Second
	// maxWait is the longest time for which a query waits for a lookup. CoreDNS gives up after 2
	// seconds.
	maxWait = 1500 * time.Millisecond
	// maxWaiters is the largest number of queries that wait for one lookup. Further ones fail at
	// once. Otherwise one target that hangs could use up the slots for waiting queries.
	maxWaiters = 100
	// idleLimit is the time without queries after which a target is no longer refreshed.
	idleLimit = 10 * time.Minute
	// minRetry and maxRetry are the first and the longest time between failed lookups (RFC 9520,
	// section 3.2).
	minRetry = time.Second
	maxRetry = 30 * time.Second
)

// Outcome is the outcome of a lookup. The set is closed, because it labels a metric.
type Outcome string

const (
	// Found means that the target has addresses.
	Found Outcome = "found"
	// NoAddress means that the target exists and has no addresses of the type.
	NoAddress Outcome = "no_address"
	// NoName means that the target does not exist.
	NoName Outcome = "no_name"
	// Kept means that the lookup failed and the last good addresses are served.
	Kept Outcome = "kept"
	// Failed means that the lookup failed and there are no addresses to serve.
	Failed Outcome = "failed"
	// Refused means that the target has addresses of the type, but none may be served.
	Refused Outcome = "refused"
)

// Outcomes are all outcomes.
var Outcomes = [...]Outcome{Found, NoAddress, NoName, Kept, Failed, Refused}

// Options configure a Resolver.
type Options struct {
	// ResolvConf is the path of a file in the format of /etc/resolv.conf.
	ResolvConf string
	// Port of the resolvers. Default: 53.
	Port string
	// MaxStale is how long the last good addresses are served while lookups fail.
	MaxStale time.Duration
	// Judge decides which addresses to serve. Default: the rules of package netaddr without denied
	// ranges.
	Judge netaddr.Judge
	// Zones are our own zones in canonical form. No chain of aliases may lead into them.
	Zones []string
	// Pack encodes the records of an answer in wire format. The result becomes Answer.Packed.
	Pack func(target string, answer *Answer) []byte
	// Observe is called with the outcome of each lookup.
	Observe func(Outcome)
	// Changed is called if the addresses of a kept target have changed: see Keep. Default: none.
	Changed func(target string)
	// LogRefused is called with an address that is not served, and the reason. It is called at most
	// once in 10 seconds. others is the number of further addresses since the last call. Default:
	// none.
	LogRefused func(target string, address netip.Addr, reason string, others int)
}

// Resolver resolves the targets that it follows, and keeps them up to date.
type Resolver struct {
	options Options
	reader  reader
	ask     func(ctx context.Context, target string, qtype uint16) (*dns.Msg, error)
	refused refusals
	lookups queue
	targets targets
	// mu guards changes of the targets.
	mu sync.Mutex
}

// entry is a target.
type entry struct {
	// followers is the number of names that are an alias for the target.
	followers int
	// keepers is the number of callers of Keep among them.
	keepers    atomic.Int32
	ipv4, ipv6 *slot
}

// New returns a resolver that follows no targets.
func New(options Options) *Resolver {
	isOurs := func(name string) bool {
		return slices.ContainsFunc(options.Zones, func(zone string) bool { return dns.IsSubDomain(dns.Fqdn(zone), name) })
	}
	return &Resolver{
		options: options,
		reader:  reader{judge: options.Judge, isOurs: isOurs},
		refused: refusals{log: options.LogRefused},
		ask:     (&upstream{path: options.ResolvConf, port: cmp.Or(options.Port, "53")}).ask,
	}
}

// Follow resolves a target and keeps it up to date. The name is canonical. Each call needs a call
// of Unfollow.
func (r *Resolver) Follow(target string) { r.follow(target, 0) }

// Keep is like Follow, and refreshes the target without queries, too. Each call needs a call of
// Release.
func (r *Resolver) Keep(target string) { r.follow(target, 1) }

func (r *Resolver) follow(target string, keepers int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.targets.find(target)
	if e == nil {
		e = &entry{}
		e.ipv4, e.ipv6 = newSlot(r, target, dns.TypeA, &e.keepers), newSlot(r, target, dns.TypeAAAA, &e.keepers)
		r.targets.put(target, e)
	}
	e.followers++
	if isKept := e.keepers.Add(keepers) == keepers && keepers > 0; isKept || e.followers == 1 {
		e.ipv4.start() // The target may be idle.
		e.ipv6.start()
	}
}

// Release undoes one call of Keep.
func (r *Resolver) Release(target string) { r.unfollow(target, 1) }

// Unfollow undoes one call of Follow.
func (r *Resolver) Unfollow(target string) { r.unfollow(target, 0) }

func (r *Resolver) unfollow(target string, keepers int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.targets.find(target)
	if e == nil {
		return
	}
	e.keepers.Add(-keepers)
	if e.followers--; e.followers == 0 {
		r.targets.put(target, nil)
		e.ipv4.end()
		e.ipv6.end()
	}
}

// Close stops all future lookups.
func (r *Resolver) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets.each(func(target string, e *entry) {
		r.targets.put(target, nil)
		e.ipv4.end()
		e.ipv6.end()
	})
}

// Cached returns the answer for a target, nil if it needs a lookup. The type is dns.TypeA or
// dns.TypeAAAA. It does not allocate.
func (r *Resolver) Cached(target string, qtype uint16) *Answer {
	s := r.slot(target, qtype)
	if s == nil {
		return nil
	}
	if !s.used.Load() {
		s.used.Store(true)
	}
	return s.answer.Load()
}

// Peek is like Cached, but does not count as a query for the target.
func (r *Resolver) Peek(target string, qtype uint16) *Answer {
	s := r.slot(target, qtype)
	if s == nil {
		return nil
	}
	return s.answer.Load()
}

// Wait waits for a lookup of the target. If that takes too long, it returns the last good
// addresses, or a failure if there are none.
func (r *Resolver) Wait(target string, qtype uint16) *Answer {
	s := r.slot(target, qtype)
	if s == nil {
		// The target is no longer followed, or not yet: the snapshot of the query is not the
		// latest.
		return failure
	}
	s.used.Store(true)
	if s.waiters.Add(1) > maxWaiters {
		s.waiters.Add(-1)
		return s.kept(time.Now())
	}
	defer s.waiters.Add(-1)
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case <-s.await():
	case <-timer.C:
	}
	if answer := s.answer.Load(); answer != nil {
		return answer
	}
	// The target was idle, and now no resolver answers: serve stale addresses (RFC 8767, section
	// 5).
	return s.kept(time.Now())
}

// failure is the answer if no addresses are known.
var failure = &Answer{Rcode: dns.RcodeServerFailure}

func (r *Resolver) slot(target string, qtype uint16) *slot {
	switch e := r.targets.find(target); {
	case e == nil:
		return nil
	case qtype == dns.TypeA:
		return e.ipv4
	default:
		return e.ipv6
	}
}
