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
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// site is a Monitor with gateways, in a bubble of package synctest.
type site struct {
	*Monitor

	mu       sync.Mutex
	dead     map[Target]error
	probes   map[Target]int
	batches  [][]Target
	outcomes map[Result]int
}

// run runs a test in a bubble, with a running Monitor.
func run(t *testing.T, options Options, test func(g *WithT, s *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &site{dead: map[Target]error{}, probes: map[Target]int{}, outcomes: map[Result]int{}}
		options.Probe = s.probe
		options.Changed = func(targets []Target) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.batches = append(s.batches, targets)
		}
		options.Observe = func(outcome Outcome) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.outcomes[outcome.Result]++
		}
		s.Monitor = New(options)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx) })
		defer running.Wait()
		defer cancel()
		test(NewWithT(t), s)
	})
}

func (s *site) probe(ctx context.Context, t Target) error {
	s.mu.Lock()
	s.probes[t]++
	err := s.dead[t]
	s.mu.Unlock()
	if errors.Is(err, context.DeadlineExceeded) {
		ctx, cancel := context.WithTimeout(ctx, t.Check.Timeout)
		defer cancel()
		<-ctx.Done()
		return &failure{TimedOut, "no response before the timeout"}
	}
	time.Sleep(time.Millisecond)
	return err
}

// count returns the number of probes of a target.
func (s *site) count(t Target) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.probes[t]
}

// counted returns the number of probes with a result.
func (s *site) counted(found Result) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outcomes[found]
}

// told returns the batches since the last call.
func (s *site) told() [][]Target {
	s.mu.Lock()
	defer s.mu.Unlock()
	batches := s.batches
	s.batches = nil
	return batches
}

func (s *site) fail(err error, targets ...Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, target := range targets {
		s.dead[target] = err
	}
}

// after lets time pass.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func bothFamilies() Options {
	yes := func() bool { return true }
	return Options{HasIPv4: yes, HasIPv6: yes}
}

func TestAFailureIsTold(t *testing.T) {
	t.Parallel()
	run(t, bothFamilies(), func(g *WithT, s *site) {
		one, two := gateway(1, fast), gateway(2, fast)
		s.Replace("a", []Target{one, two})
		g.Expect(s.IsSettled()).To(BeFalse())
		after(10 * time.Millisecond)
		g.Expect(s.IsSettled()).To(BeTrue())
		g.Expect(s.IsUp(one)).To(BeTrue())
		s.told()

		s.fail(&failure{Refused, "connection refused"}, one)
		after(3 * time.Second)
		g.Expect(s.IsUp(one)).To(BeFalse())
		g.Expect(s.IsUp(two)).To(BeTrue())
		g.Expect(s.told()).To(Equal([][]Target{{one}}))
		g.Expect(s.counted(Success)).To(BeNumerically(">", 2))
		g.Expect(s.counted(Refused)).To(BeNumerically(">=", 3))
		for _, verdict := range s.Verdicts() {
			g.Expect(verdict.IsProbed).To(BeTrue())
			if verdict.Target == one {
				g.Expect(verdict.Status).To(Equal(Down))
				g.Expect(verdict.Reason).To(Equal("connection refused"))
				g.Expect(time.Since(verdict.Since)).To(BeNumerically("<", 3*time.Second))
			}
		}

		s.fail(nil, one)
		after(3 * time.Second)
		g.Expect(s.IsUp(one)).To(BeTrue())
		g.Expect(s.told()).To(Equal([][]Target{{one}}))
	})
}

// While Changed runs, verdicts collect for its next call.
func TestChangesAreToldInBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		var m *Monitor
		var sizes []int
		options := bothFamilies()
		options.Probe = func(context.Context, Target) error { return errors.New("broken") }
		options.Changed = func(targets []Target) {
			time.Sleep(time.Minute)
			sizes = append(sizes, len(targets))
			g.Expect(m.IsUp(targets[0])).To(BeFalse(), "it may call the Monitor")
			m.Usage("a").Mark()
			m.Replace("b", nil)
		}
		m = New(options)
		var targets []Target
		for i := range 50 {
			targets = append(targets, gateway(i, fast))
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { m.Run(ctx) })
		m.Replace("a", targets[:1])
		after(time.Second)
		m.Replace("a", targets)
		after(3 * time.Minute)
		g.Expect(sizes).To(Equal([]int{1, 49}))
		cancel()
		running.Wait()
	})
}

func TestTheFirstRoundIsAwaitedForFiveSeconds(t *testing.T) {
	t.Parallel()
	run(t, bothFamilies(), func(g *WithT, s *site) {
		slow := byDefault
		slow.Timeout = 8 * time.Second
		s.fail(context.DeadlineExceeded, gateway(1, slow))
		s.Replace("a", []Target{gateway(1, slow), gateway(2, slow)})
		after(4900 * time.Millisecond)
		g.Expect(s.IsSettled()).To(BeFalse())
		after(100 * time.Millisecond)
		g.Expect(s.IsSettled()).To(BeTrue())
	})
}

func TestNoTargetsAreSettled(t *testing.T) {
	t.Parallel()
	run(t, bothFamilies(), func(g *WithT, s *site) {
		s.Replace("a", nil)
		g.Expect(s.IsSettled()).To(BeTrue())
		g.Expect(s.Usage("a")).To(BeNil())
	})
}

func TestTargetsThatAreNotProbed(t *testing.T) {
	t.Parallel()
	with := func(address string) Target {
		target := gateway(1, fast)
		target.Address = netip.MustParseAddr(address)
		return target
	}
	no := func() bool { return false }
	yes := func() bool { return true }
	withoutPort := gateway(1, fast)
	withoutPort.Check.Port = 0
	for name, test := range map[string]struct {
		options Options
		target  Target
	}{
		"IPv6 without IPv6":         {Options{HasIPv4: yes, HasIPv6: no}, with("2001:db8::1")},
		"IPv4 without IPv4":         {Options{HasIPv4: no, HasIPv6: yes}, with("192.0.2.1")},
		"mapped IPv4 without IPv4":  {Options{HasIPv4: no, HasIPv6: yes}, with("::ffff:192.0.2.1")},
		"loopback":                  {bothFamilies(), with("127.0.0.1")},
		"metadata":                  {bothFamilies(), with("169.254.169.254")},
		"an invalid address":        {bothFamilies(), Target{Check: fast}},
		"an address with a zone":    {bothFamilies(), with("fe80::1%eth0")},
		"an address that is denied": {Options{HasIPv4: yes, HasIPv6: yes, Judge: netaddr.NewJudge([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})}, gateway(1, fast)},
		"no port":                   {bothFamilies(), withoutPort},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, test.options, func(g *WithT, s *site) {
				s.fail(errors.New("broken"), test.target)
				s.Replace("a", []Target{test.target})
				g.Expect(s.IsSettled()).To(BeTrue())
				after(time.Hour)
				g.Expect(s.IsUp(test.target)).To(BeTrue())
				g.Expect(s.Verdicts()).To(HaveLen(1))
				g.Expect(s.Verdicts()[0].Status).To(Equal(Unknown))
				g.Expect(s.Verdicts()[0].IsProbed).To(BeFalse())
				g.Expect(s.count(test.target)).To(BeZero())
				s.Replace("a", nil)
				g.Expect(s.Verdicts()).To(BeEmpty())
			})
		})
	}
}

func TestALackOfLocalResourcesIsNoVerdict(t *testing.T) {
	t.Parallel()
	run(t, bothFamilies(), func(g *WithT, s *site) {
		target := gateway(1, fast)
		s.Replace("a", []Target{target})
		after(time.Second)
		s.fail(&failure{Inconclusive, "too many open files"}, target)
		after(time.Minute)
		g.Expect(s.IsUp(target)).To(BeTrue())
		g.Expect(s.counted(Inconclusive)).To(BeNumerically(">", 100))
	})
}

func TestAQueryForARestingNameProbesItAtOnce(t *testing.T) {
	t.Parallel()
	run(t, bothFamilies(), func(g *WithT, s *site) {
		target := gateway(1, byDefault)
		s.Replace("a", []Target{target})
		usage := s.Usage("a")
		after(20 * time.Minute)
		// A quarter of a minute after a probe, the next one is more than half a minute away.
		probes := s.count(target)
		for s.count(target) == probes {
			after(time.Second)
		}
		after(15 * time.Second)
		probes = s.count(target)
		usage.Mark()
		after(time.Millisecond)
		g.Expect(s.count(target)).To(Equal(probes + 1))
	})
}

// A probe that fails because the process ends says nothing about its target.
func TestTheEndOfTheProcessIsNoVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		options := bothFamilies()
		options.Probe = func(ctx context.Context, _ Target) error {
			<-ctx.Done()
			return ctx.Err()
		}
		m := New(options)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { m.Run(ctx) })
		m.Replace("a", []Target{gateway(1, fast)})
		synctest.Wait()
		cancel()
		running.Wait()
		g.Expect(m.Verdicts()[0].Status).To(Equal(Unknown))
	})
}

func TestReasonsAreBounded(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, err := range []error{errors.New(strings.Repeat("x", 1000)), &failure{Failed, strings.Repeat("\x1b[31m\n", 1000)}} {
		_, reason := judge(err)
		g.Expect(len(reason)).To(BeNumerically("<=", maxReason))
		g.Expect(reason).NotTo(ContainSubstring("\x1b"))
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	run(t, bothFamilies(), func(_ *WithT, s *site) {
		var users sync.WaitGroup
		for user := range 8 {
			users.Go(func() {
				for i := range 500 {
					name := fmt.Sprint((user + i) % 20)
					s.Replace(name, []Target{gateway(i%40, fast), gateway((i+user)%40, fast)})
					s.Usage(name).Mark()
					s.IsUp(gateway(i%40, fast))
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		users.Wait()
	})
}

func TestStatusTexts(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect([]string{Unknown.String(), Up.String(), Down.String()}).To(Equal([]string{"unknown", "up", "down"}))
}
