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
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
)

const balancer = "lb.example.com"

// world is the resolvers of a test. It runs in a bubble of package synctest, with a fake clock.
type world struct {
	*Resolver

	mu sync.Mutex
	// records are the records of a target, in presentation format. A target without an entry does
	// not exist.
	records map[string][]string
	// down makes every lookup fail. hanging makes the lookups of one target run into the timeout.
	down    bool
	hanging string

	asked    map[string]int
	outcomes map[Outcome]int
}

func newWorld(records map[string][]string) *world {
	w := &world{records: records, asked: map[string]int{}, outcomes: map[Outcome]int{}}
	w.Resolver = New(Options{
		MaxStale: time.Hour,
		Pack:     func(target string, answer *Answer) []byte { return fmt.Append(nil, target, answer.Addresses) },
		Observe: func(outcome Outcome) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.outcomes[outcome]++
		},
	})
	w.ask = w.respond
	return w
}

// inWorld runs a test in a bubble of package synctest, with a followed balancer that has these
// records.
func inWorld(t *testing.T, records []string, test func(g *WithT, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(map[string][]string{balancer: records})
		defer w.Close()
		w.Follow(balancer)
		synctest.Wait()
		test(NewWithT(t), w)
	})
}

func (w *world) set(change func(w *world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

func (w *world) respond(ctx context.Context, target string, qtype uint16) (*dns.Msg, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[target+" "+dns.TypeToString[qtype]]++
	if w.hanging == target {
		w.mu.Unlock()
		<-ctx.Done()
		w.mu.Lock()
		return nil, ctx.Err()
	}
	if w.down {
		return nil, errors.New("nobody answers")
	}
	response := new(dns.Msg)
	texts, ok := w.records[target]
	if !ok {
		response.Rcode = dns.RcodeNameError
	}
	for _, text := range texts {
		record, err := dns.NewRR(text)
		if err != nil {
			return nil, err
		}
		switch record.Header().Rrtype {
		case qtype, dns.TypeCNAME:
			response.Answer = append(response.Answer, record)
		}
	}
	return response, nil
}

// say returns an answer as text.
func say(answer *Answer) string {
	if answer == nil {
		return "nothing"
	}
	var addresses []string
	for _, address := range answer.Addresses {
		addresses = append(addresses, address.String())
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s", dns.RcodeToString[answer.Rcode], strings.Join(addresses, " ")))
}

func (w *world) cached() string { return say(w.Cached(balancer, dns.TypeA)) }

func (w *world) lookups() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[balancer+" A"]
}

func (w *world) results() map[Outcome]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.outcomes)
}

// use queries once a second.
func (w *world) use(seconds int, each func()) {
	for range seconds {
		each()
		time.Sleep(time.Second)
		synctest.Wait()
	}
}

func TestATargetIsKnownBeforeSomebodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		w := newWorld(map[string][]string{balancer: {"lb.example.com. 60 IN A 198.51.100.1", "lb.example.com. 60 IN AAAA 2001:db8::1"}})
		defer w.Close()
		g.Expect(w.cached()).To(Equal("nothing"), "nobody follows it")
		w.Follow(balancer)
		synctest.Wait()
		g.Expect(w.cached()).To(Equal("NOERROR 198.51.100.1"))
		g.Expect(say(w.Cached(balancer, dns.TypeAAAA))).To(Equal("NOERROR 2001:db8::1"))
		g.Expect(string(w.Cached(balancer, dns.TypeA).Packed)).To(Equal("lb.example.com[198.51.100.1]"))
		g.Expect(w.results()).To(Equal(map[Outcome]int{Found: 2}))
	})
}

func TestAnAnswerIsRefreshedBeforeItsTTLIsOver(t *testing.T) {
	inWorld(t, []string{"lb.example.com. 60 IN A 198.51.100.1"}, func(g *WithT, w *world) {
		g.Expect(w.Cached(balancer, dns.TypeA).TTL(time.Now())).To(Equal(uint32(60)))
		lowest := uint32(60)
		w.use(600, func() {
			answer := w.Cached(balancer, dns.TypeA)
			g.Expect(say(answer)).To(Equal("NOERROR 198.51.100.1"))
			lowest = min(lowest, answer.TTL(time.Now()))
		})
		g.Expect(lowest).To(BeNumerically(">", 5), "it never runs out")
		g.Expect(lowest).To(BeNumerically("<", 20), "it is not asked for more often than needed")
		g.Expect(w.lookups()).To(BeNumerically("~", 13, 3))

		w.set(func(w *world) { w.records[balancer] = []string{"lb.example.com. 60 IN A 198.51.100.2"} })
		w.use(60, func() { w.cached() })
		g.Expect(w.cached()).To(Equal("NOERROR 198.51.100.2"), "after a TTL the new address is served")
	})
}

func TestLastGoodAddressesAreKeptForABoundedTime(t *testing.T) {
	inWorld(t, []string{"lb.example.com. 60 IN A 198.51.100.1"}, func(g *WithT, w *world) {
		w.set(func(w *world) { w.down = true })
		w.use(50*60, func() {
			g.Expect(w.cached()).To(Equal("NOERROR 198.51.100.1"))
			g.Expect(say(w.Cached(balancer, dns.TypeAAAA))).To(Equal("NOERROR"), "musl gives up when one type fails")
		})
		g.Expect(w.Cached(balancer, dns.TypeA).TTL(time.Now())).To(Equal(uint32(5)), "clients shall ask again soon")
		g.Expect(w.results()[Kept]).To(BeNumerically(">", 90), "it is tried at least every half minute")
		w.use(12*60, func() { w.cached() })
		g.Expect(w.cached()).To(Equal("SERVFAIL"), "an hour is over")

		w.set(func(w *world) { w.down = false })
		w.use(31, func() { w.cached() })
		g.Expect(w.cached()).To(Equal("NOERROR 198.51.100.1"))
	})
}

// RFC 8767, section 5: the first query after an idle time gets stale addresses, too, if the
// resolvers are silent.
func TestLastGoodAddressesAreKeptForWhoAsksAfterAWhile(t *testing.T) {
	inWorld(t, []string{"lb.example.com. 60 IN A 198.51.100.1"}, func(g *WithT, w *world) {
		time.Sleep(2 * idleLimit)
		g.Expect(w.cached()).To(Equal("nothing"))
		w.set(func(w *world) { w.hanging = balancer })
		start := time.Now()
		kept := w.Wait(balancer, dns.TypeA)
		g.Expect(say(kept)).To(Equal("NOERROR 198.51.100.1"))
		g.Expect(kept.TTL(time.Now())).To(Equal(uint32(5)))
		g.Expect(time.Since(start)).To(Equal(maxWait))
		time.Sleep(time.Hour)
		g.Expect(say(w.Wait(balancer, dns.TypeA))).To(Equal("SERVFAIL"), "an hour is over")
		time.Sleep(2 * lookupTimeout)
	})
}

func TestADenialIsNoFailure(t *testing.T) {
	inWorld(t, []string{"lb.example.com. 10 IN A 198.51.100.1"}, func(g *WithT, w *world) {
		w.set(func(w *world) { delete(w.records, balancer) })
		w.use(10, func() { w.cached() })
		g.Expect(w.cached()).To(Equal("NXDOMAIN"), "the target is gone, and so are its addresses")
		w.set(func(w *world) { w.down = true })
		w.use(30, func() { w.cached() })
		g.Expect(w.cached()).To(Equal("SERVFAIL"), "a denial is not kept when lookups fail")
		w.set(func(w *world) { w.down, w.records[balancer] = false, nil })
		w.use(31, func() { w.cached() })
		g.Expect(w.cached()).To(Equal("NOERROR"), "it exists without addresses")
		g.Expect(w.results()).To(And(HaveKey(NoName), HaveKey(NoAddress), HaveKey(Failed)))
		g.Expect(w.results()).NotTo(HaveKey(Kept))
	})
}

func TestWhoAsksFirstWaitsAndOthersDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		w := newWorld(map[string][]string{"other.example.com": {"other.example.com. 60 IN A 198.51.100.3"}})
		defer w.Close()
		w.set(func(w *world) { w.hanging = balancer })
		w.Follow(balancer)
		w.Follow("other.example.com")
		synctest.Wait()
		g.Expect(say(w.Cached("other.example.com", dns.TypeA))).To(Equal("NOERROR 198.51.100.3"), "nothing waits for what hangs")

		start := time.Now()
		g.Expect(say(w.Wait(balancer, dns.TypeA))).To(Equal("SERVFAIL"))
		g.Expect(time.Since(start)).To(Equal(maxWait))
		time.Sleep(lookupTimeout)
		synctest.Wait()
		g.Expect(w.cached()).To(Equal("SERVFAIL"), "the failure is remembered, and the next query does not wait")
		g.Expect(say(w.Wait("unknown.example.com", dns.TypeA))).To(Equal("SERVFAIL"))
		w.Close()
		time.Sleep(2 * lookupTimeout)
	})
}

func TestAQueryThatWaitsTooLateStartsNothing(t *testing.T) {
	inWorld(t, []string{"lb.example.com. 60 IN A 198.51.100.1"}, func(g *WithT, w *world) {
		for range 10 {
			g.Expect(say(w.Wait(balancer, dns.TypeA))).To(Equal("NOERROR 198.51.100.1"))
			synctest.Wait()
		}
		g.Expect(w.lookups()).To(Equal(1))

		// A lookup outside the timer does not add a timer.
		w.slot(balancer, dns.TypeA).start()
		synctest.Wait()
		w.use(600, func() { w.cached() })
		g.Expect(w.lookups()).To(BeNumerically("~", 14, 3))
	})
}

func TestManyTargetsThatHangDoNotHoldUpAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		w := newWorld(map[string][]string{balancer: {"lb.example.com. 10 IN A 198.51.100.1"}})
		respond := w.ask
		var mu sync.Mutex
		running, most := 0, 0
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			most = max(most, running)
		}
		w.ask = func(ctx context.Context, target string, qtype uint16) (*dns.Msg, error) {
			count(1)
			defer count(-1)
			if strings.HasPrefix(target, "hangs") {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return respond(ctx, target, qtype)
		}
		for i := range maxLookups {
			w.Follow(fmt.Sprintf("hangs%d.example.com", i))
		}
		w.Follow(balancer)
		time.Sleep(time.Minute)
		w.use(120, func() {
			g.Expect(w.cached()).To(Equal("NOERROR 198.51.100.1"))
		})
		g.Expect(w.lookups()).To(BeNumerically(">", 5), "it is refreshed all the time")
		mu.Lock()
		g.Expect(most).To(Equal(maxLookups))
		mu.Unlock()
		w.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		g.Expect(running).To(BeZero(), "nothing is looked up after the end")
	})
}

// A waiting lookup must not take as much memory as a running one, however many targets there are.
func TestTargetsThatWaitForTheirLookupHaveNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		w := newWorld(nil)
		w.ask = func(ctx context.Context, _ string, _ uint16) (*dns.Msg, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		before := runtime.NumGoroutine()
		for i := range 10 * maxLookups {
			w.Follow(fmt.Sprintf("hangs%d.example.com", i))
		}
		synctest.Wait()
		g.Expect(runtime.NumGoroutine() - before).To(BeNumerically("<=", maxLookups+10))
		w.Close()
		time.Sleep(2 * lookupTimeout)
	})
}

func TestOneTargetThatHangsDoesNotTakeAllPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		w := newWorld(nil)
		w.hanging = balancer
		w.Follow(balancer)
		failed := make(chan struct{}, 2*maxWaiters)
		for range 2 * maxWaiters {
			go func() { w.Wait(balancer, dns.TypeA); failed <- struct{}{} }()
		}
		synctest.Wait()
		g.Expect(failed).To(HaveLen(maxWaiters), "they did not wait, and the others still do")
		time.Sleep(maxWait)
		synctest.Wait()
		g.Expect(failed).To(HaveLen(2 * maxWaiters))
		w.Close()
		time.Sleep(2 * lookupTimeout)
	})
}

func TestATargetThatNobodyAsksForIsLeftAlone(t *testing.T) {
	inWorld(t, []string{"lb.example.com. 60 IN A 198.51.100.1"}, func(g *WithT, w *world) {
		time.Sleep(2 * idleLimit)
		before := w.lookups()
		w.set(func(w *world) { w.records[balancer] = []string{"lb.example.com. 60 IN A 198.51.100.2"} })
		time.Sleep(24 * time.Hour)
		g.Expect(w.lookups()).To(Equal(before))
		g.Expect(w.cached()).To(Equal("nothing"), "what was known a day ago is not served")
		g.Expect(say(w.Wait(balancer, dns.TypeA))).To(Equal("NOERROR 198.51.100.2"))
		w.use(120, func() { w.cached() })
		g.Expect(w.lookups()).To(BeNumerically(">", before+2), "it is followed again")
	})
}

func TestTheLastOneToUnfollowEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		w := newWorld(map[string][]string{balancer: {"lb.example.com. 60 IN A 198.51.100.1"}})
		w.Follow(balancer)
		w.Follow(balancer)
		synctest.Wait()
		g.Expect(w.lookups()).To(Equal(1))
		w.Unfollow(balancer)
		g.Expect(w.cached()).To(Equal("NOERROR 198.51.100.1"))
		w.Unfollow(balancer)
		w.Unfollow(balancer)
		g.Expect(w.cached()).To(Equal("nothing"))
		time.Sleep(time.Hour)
		g.Expect(w.lookups()).To(Equal(1))
	})
}

func TestRead(t *testing.T) {
	t.Parallel()
	loop := []string{"lb.example.com. 60 IN CNAME a.test.", "a.test. 60 IN CNAME lb.example.com."}
	var long []string
	for i := range 30 {
		owner := fmt.Sprintf("n%d.test.", i)
		if i == 0 {
			owner = "lb.example.com."
		}
		long = append(long, fmt.Sprintf("%s 60 IN CNAME n%d.test.", owner, i+1))
	}
	for name, test := range map[string]struct {
		rcode             int
		answer, authority []string
		want              *Answer
	}{
		"addresses, whose lowest TTL counts": {
			answer: []string{"lb.example.com. 60 IN A 198.51.100.1", "LB.example.com. 50 IN A 198.51.100.2"},
			want:   &Answer{Addresses: addresses("198.51.100.1", "198.51.100.2"), ttl: 50 * time.Second},
		},
		"a chain in any order": {
			answer: []string{"b.test. 30 IN A 198.51.100.1", "a.test. 60 IN CNAME B.test.", "lb.example.com. 20 IN CNAME a.test."},
			want:   &Answer{Chain: []string{"a.test.", "b.test."}, Addresses: addresses("198.51.100.1"), ttl: 20 * time.Second},
		},
		"addresses of somebody else": {
			answer: []string{"evil.test. 60 IN A 198.51.100.1"}, want: &Answer{ttl: 5 * time.Second},
		},
		"another type": {answer: []string{"lb.example.com. 60 IN AAAA 2001:db8::1"}, want: &Answer{ttl: 5 * time.Second}},
		"a TTL of zero": {
			answer: []string{"lb.example.com. 0 IN A 198.51.100.1"}, want: &Answer{Addresses: addresses("198.51.100.1"), ttl: time.Second},
		},
		"a denial, for the TTL of the SOA": {
			rcode: dns.RcodeNameError, authority: []string{"com. 900 IN SOA a. b. 1 2 3 4 20"},
			want: &Answer{Rcode: dns.RcodeNameError, ttl: 20 * time.Second},
		},
		"a denial for a day": {
			rcode: dns.RcodeNameError, authority: []string{"com. 86400 IN SOA a. b. 1 2 3 4 86400"},
			want: &Answer{Rcode: dns.RcodeNameError, ttl: 30 * time.Second},
		},
		"an alias for nothing": {
			rcode: dns.RcodeNameError, answer: []string{"lb.example.com. 60 IN CNAME a.test."},
			want: &Answer{Rcode: dns.RcodeNameError, Chain: []string{"a.test."}, ttl: 5 * time.Second},
		},
		"a loop":           {answer: loop},
		"a chain too long": {answer: long},
		"a failure":        {rcode: dns.RcodeServerFailure},
		"a refusal":        {rcode: dns.RcodeRefused, answer: []string{"lb.example.com. 60 IN A 198.51.100.1"}},
		"a referral":       {authority: []string{"example.com. 60 IN NS ns.example.com."}},
		"a referral of an alias": {
			answer: []string{"lb.example.com. 60 IN CNAME a.test."}, authority: []string{"test. 60 IN NS ns.test."},
		},
		"no addresses, and who says so": {
			authority: []string{"com. 60 IN NS ns.com.", "com. 900 IN SOA a. b. 1 2 3 4 20"}, want: &Answer{ttl: 20 * time.Second},
		},
		"an answer of none": {want: &Answer{ttl: 5 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			response := new(dns.Msg)
			response.Rcode = test.rcode
			response.Answer, response.Ns = records(g, test.answer), records(g, test.authority)
			answer, ok := reader{}.read(response, balancer, dns.TypeA)
			g.Expect(ok).To(Equal(test.want != nil))
			g.Expect(answer).To(Equal(test.want))
		})
	}
}

func addresses(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func records(g Gomega, texts []string) []dns.RR {
	var all []dns.RR
	for _, text := range texts {
		record, err := dns.NewRR(text)
		g.Expect(err).NotTo(HaveOccurred())
		all = append(all, record)
	}
	return all
}

// Every query for an alias calls it, on all sockets.
func TestAKnownTargetIsFoundWithoutAllocating(t *testing.T) {
	g := NewWithT(t)
	w := newWorld(map[string][]string{balancer: {"lb.example.com. 10 IN A 198.51.100.1"}})
	w.Follow(balancer)
	defer w.Close()
	g.Expect(say(w.Wait(balancer, dns.TypeA))).To(Equal("NOERROR 198.51.100.1"))
	g.Expect(testing.AllocsPerRun(100, func() { w.Cached(balancer, dns.TypeA) })).To(BeZero())
}

func BenchmarkCached(b *testing.B) {
	w := newWorld(nil)
	for i := range 1_000 {
		w.Follow(fmt.Sprintf("lb%d.example.com", i))
	}
	defer w.Close()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			w.Cached("lb7.example.com", dns.TypeA)
		}
	})
}
