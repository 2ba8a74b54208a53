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
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

const (
	// lookupTimeout is how long one lookup takes at most.
	lookupTimeout = 4 * time.Second
	// maxWait is how long a query waits for a lookup. CoreDNS gives up after 2 seconds.
	maxWait = 1500 * time.Millisecond
	// maxWaiters is how many queries wait for one lookup. Others fail at once, or one target that hangs would take all places that
	// there are for queries that wait.
	maxWaiters = 100
	// idleLimit is for how long a target is looked up that nobody asks for.
	idleLimit = 10 * time.Minute
	// minRetry and maxRetry are the first and the longest time between failed lookups (RFC 9520, section 3.2).
	minRetry = time.Second
	maxRetry = 30 * time.Second
)

// Outcome is what came of a lookup. The set is closed: it labels a metric.
type Outcome string

const (
	// Found means that the target has addresses.
	Found Outcome = "found"
	// NoAddress means that the target exists and has no addresses of the type.
	NoAddress Outcome = "no_address"
	// NoName means that the target does not exist.
	NoName Outcome = "no_name"
	// Kept means that the lookup failed, and that what was known before is served.
	Kept Outcome = "kept"
	// Failed means that the lookup failed, and that there is nothing to serve.
	Failed Outcome = "failed"
	// Refused means that the target has addresses of the type, of which none may be served.
	Refused Outcome = "refused"
)

// Outcomes are all of them.
var Outcomes = [...]Outcome{Found, NoAddress, NoName, Kept, Failed, Refused}

// Options of a Resolver.
type Options struct {
	// ResolvConf is the path of a file like /etc/resolv.conf.
	ResolvConf string
	// Port of the resolvers. Default: 53.
	Port string
	// MaxStale is how long the last good addresses are kept while lookups fail.
	MaxStale time.Duration
	// Judge decides which addresses may be served. Default: that of package netaddr, without further ranges.
	Judge netaddr.Judge
	// Zones are those that are served here, canonical: no chain of aliases may lead into them.
	Zones []string
	// Pack prepares what is sent of an answer. The result becomes Answer.Packed.
	Pack func(target string, answer *Answer) []byte
	// Observe is told what came of each lookup.
	Observe func(Outcome)
	// LogRefused is told of an address that a target has and that is not served, and why. It is called once in 10 seconds at
	// most; others is how many more there were since. Default: nothing is told.
	LogRefused func(target string, address netip.Addr, reason string, others int)
}

// Resolver knows the addresses of the targets that it follows.
type Resolver struct {
	options Options
	reader  reader
	ask     func(ctx context.Context, target string, qtype uint16) (*dns.Msg, error)
	refused refusals
	lookups queue
	targets targets
	// mu is held to change the targets.
	mu sync.Mutex
}

// entry is a target.
type entry struct {
	// followers is how many names are an alias for it.
	followers  int
	ipv4, ipv6 *slot
}

// New returns a resolver that follows nothing yet.
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

// Follow looks the target up and keeps it up to date until Unfollow was called as often as Follow. The name is canonical.
func (r *Resolver) Follow(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.targets.find(target)
	if e == nil {
		e = &entry{ipv4: newSlot(r, target, dns.TypeA), ipv6: newSlot(r, target, dns.TypeAAAA)}
		r.targets.put(target, e)
		e.ipv4.start()
		e.ipv6.start()
	}
	e.followers++
}

// Unfollow ends what Follow began.
func (r *Resolver) Unfollow(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.targets.find(target)
	if e == nil {
		return
	}
	if e.followers--; e.followers == 0 {
		r.targets.put(target, nil)
		e.ipv4.end()
		e.ipv6.end()
	}
}

// Close ends all lookups to come.
func (r *Resolver) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets.each(func(target string, e *entry) {
		r.targets.put(target, nil)
		e.ipv4.end()
		e.ipv6.end()
	})
}

// Cached returns what is known of the target, and nil when it has to be waited for. The type is dns.TypeA or dns.TypeAAAA.
// It does not allocate.
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

// Peek is Cached for somebody who only looks, which does not count as being asked.
func (r *Resolver) Peek(target string, qtype uint16) *Answer {
	s := r.slot(target, qtype)
	if s == nil {
		return nil
	}
	return s.answer.Load()
}

// Wait returns what a lookup of the target finds, and when that takes too long the last good addresses, or a failure where there are
// none that may be kept.
func (r *Resolver) Wait(target string, qtype uint16) *Answer {
	s := r.slot(target, qtype)
	if s == nil {
		// It is not followed yet or any more: the snapshot of the query is not the latest.
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
	// Nobody has asked for a while, and now no resolver answers (RFC 8767, section 5).
	return s.kept(time.Now())
}

// failure is the answer where there is none.
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
