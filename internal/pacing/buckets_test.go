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

package pacing_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
)

var (
	restless = types.NamespacedName{Namespace: "dev", Name: "restless"}
	calm     = types.NamespacedName{Namespace: "dev", Name: "calm"}
	start    = time.Unix(1000, 0)
)

// exhaust takes as many tokens as there are.
func exhaust(g *WithT, buckets *pacing.Buckets) {
	for range pacing.Burst {
		g.Expect(buckets.Take(restless, start)).To(BeZero(), "a normal cluster is never delayed")
	}
}

func TestAClusterWithoutTokensIsDelayedAlone(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var buckets pacing.Buckets
	exhaust(g, &buckets)
	g.Expect(buckets.Take(restless, start)).To(Equal(pacing.Delay{For: pacing.Refill, Begins: true}))
	g.Expect(buckets.Take(restless, start.Add(time.Second))).To(Equal(pacing.Delay{For: pacing.Refill - time.Second}), "a waiting write takes no token")
	g.Expect(buckets.Take(calm, start)).To(BeZero())
	g.Expect(buckets.Take(restless, start.Add(pacing.Refill))).To(BeZero())
	g.Expect(buckets.Take(restless, start.Add(pacing.Refill))).To(Equal(pacing.Delay{For: pacing.Refill}), "it goes on")
	rested := start.Add(pacing.Burst * pacing.Refill)
	for range pacing.Burst - 1 {
		g.Expect(buckets.Take(restless, rested)).To(BeZero())
	}
	g.Expect(buckets.Take(restless, rested).Begins).To(BeTrue())
}

func TestAWithdrawalPassesFirst(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var buckets pacing.Buckets
	exhaust(g, &buckets)
	g.Expect(buckets.Take(restless, start).For).To(BeNumerically(">", 0))
	for range pacing.Burst {
		g.Expect(buckets.TakeWithdrawal(restless, start)).To(BeZero())
	}
	g.Expect(buckets.TakeWithdrawal(restless, start).For).To(Equal(pacing.Refill), "withdrawals are paced, too")
}

func TestAWithdrawalUsesEveryToken(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var buckets pacing.Buckets
	for range 2 * pacing.Burst {
		g.Expect(buckets.TakeWithdrawal(restless, start)).To(BeZero())
	}
	g.Expect(buckets.TakeWithdrawal(restless, start).For).To(BeNumerically(">", 0))
}

// What is promised: a write that keeps trying is delayed by 10 seconds at most, and an hour brings no more writes
// than are named.
func TestTheDelayAndTheRateAreBounded(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var buckets pacing.Buckets
	writes, waited := 0, time.Duration(0)
	for now := start; now.Before(start.Add(time.Hour)); {
		delay := buckets.Take(restless, now)
		if delay.For == 0 {
			writes, waited = writes+1, 0
			now = now.Add(time.Millisecond)
			continue
		}
		waited += delay.For
		g.Expect(waited).To(BeNumerically("<=", 10*time.Second))
		now = now.Add(delay.For)
	}
	g.Expect(writes).To(BeNumerically("~", pacing.Burst+int(time.Hour/pacing.Refill), 2))
}

func TestOnlyClustersThatSpentLatelyAreKept(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var buckets pacing.Buckets
	exhaust(g, &buckets)
	other := func(i int, now time.Time) {
		g.Expect(buckets.Take(types.NamespacedName{Namespace: "dev", Name: fmt.Sprint(i)}, now)).To(BeZero())
	}
	now := start
	for i := range 10_000 {
		now = now.Add(time.Microsecond)
		other(i, now)
	}
	g.Expect(buckets.Take(restless, now).For).To(BeNumerically(">", 0), "there is no way to a new bucket")
	rested := start.Add(pacing.Burst * pacing.Refill)
	for i := range 20_000 {
		other(i, rested.Add(time.Duration(i)*pacing.Refill))
	}
	g.Expect(pacing.Len(&buckets)).To(BeNumerically("<", 200), "clusters that are gone leave nothing behind")
}

func TestWhatIsCoalescedTakesOneToken(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	buckets := pacing.Buckets{Window: 100 * time.Millisecond}
	now := start
	for range 10 * pacing.Burst {
		g.Expect(buckets.Take(restless, now)).To(BeZero(), "as when all nodes of a cluster change at once")
		now = now.Add(10 * time.Millisecond)
	}
	g.Expect(buckets.Take(restless, now.Add(time.Second))).To(BeZero(), "the one that came back meanwhile")
	g.Expect(buckets.Take(restless, now.Add(2*time.Second)).For).To(BeNumerically(">", 0), "a token for each window was taken")
}
