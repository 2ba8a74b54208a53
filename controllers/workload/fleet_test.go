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

package workload

import (
	"fmt"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// member is one cluster, or several alike, of a test's fleet.
type member struct {
	name, namespace string
	bytes           int64
	alike           int
}

func TestWhichClusterIsEvictedFirst(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		members []member
		evicted string
	}{
		"the one large cluster": {
			[]member{{"healthy", "a", 1, 50}, {"hostile", "b", 60, 1}}, "hostile",
		},
		"the large cluster of a small tenant rather than a small one of a large tenant": {
			[]member{{"healthy", "a", 1, 90}, {"hostile", "b", 20, 1}}, "hostile",
		},
		"one of a tenant's many rather than another tenant's only one of the same size": {
			[]member{{"healthy", "a", 8, 1}, {"hostile", "b", 8, 13}}, "hostile",
		},
		"one of a tenant's many rather than another tenant's only one that is a little larger": {
			[]member{{"small", "a", 1, 30}, {"healthy", "a", 9, 1}, {"hostile", "b", 8, 9}}, "hostile",
		},
		"no cluster below its equal share, even of a large tenant": {
			[]member{{"healthy", "a", 1, 95}, {"hostile", "b", 8, 1}}, "hostile",
		},
	} {
		g := NewWithT(t)
		fleet := newFleet(100)
		names := map[*share]string{}
		for _, m := range test.members {
			for range m.alike {
				s := fleet.join(m.namespace, func(error) error { return nil })
				names[s] = m.name
				fleet.shares[s] = m.bytes
				fleet.total += m.bytes
			}
		}
		g.Expect(fleet.total).To(BeNumerically(">", 100), name)
		g.Expect(names[worst(fleet.limit, fleet.shares)]).To(Equal(test.evicted), name)
	}
}

func TestAHundredHostileClustersTakeNoMoreThanTheFleetMay(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	const mib = 1 << 20
	limits := DefaultLimits()
	limits.Together = 1 << 30
	fleet := newFleet(limits.Together)
	var mu sync.Mutex
	ended := map[string]error{}
	join := func(namespace, name string) *budget {
		b := newBudget(limits, time.Now, func(reason error) {
			mu.Lock()
			defer mu.Unlock()
			ended[name] = reason
		})
		b.share = fleet.join(namespace, b.end)
		return b
	}
	var healthy, hostile []*budget
	for n := range 100 {
		b := join("healthy", fmt.Sprintf("healthy-%d", n))
		g.Expect(b.addHeld(2*mib, 100)).To(Succeed())
		healthy = append(healthy, b)
		hostile = append(hostile, join("hostile", fmt.Sprintf("hostile-%d", n)))
	}
	var all sync.WaitGroup
	for _, b := range hostile {
		all.Go(func() {
			for range 2 * 63 { // It stays within its own budget.
				_ = b.addHeld(mib/2, 10)
				_ = b.addInFlight(mib / 2)
			}
		})
	}
	for _, b := range healthy {
		all.Go(func() {
			for range 100 {
				_ = b.addInFlight(mib)
				_ = b.addInFlight(-mib)
			}
		})
	}
	all.Wait()
	g.Expect(fleet.total).To(BeNumerically("<=", limits.Together))
	g.Expect(ended).NotTo(BeEmpty())
	for name, reason := range ended {
		g.Expect(name).To(HavePrefix("hostile-"), "no healthy cluster is evicted")
		g.Expect(reason).To(And(MatchError(ErrBeyondBudget), MatchError(ContainSubstring("1073741824 bytes that all clusters may take together"))))
	}
	for _, b := range healthy {
		g.Expect(b.failed()).NotTo(HaveOccurred())
	}
	var sum int64
	for s, bytes := range fleet.shares {
		g.Expect(s.left).To(BeFalse())
		sum += bytes
	}
	g.Expect(sum).To(Equal(fleet.total), "each byte is counted once")

	t.Log("What has ended counts no more")
	for _, b := range append(healthy, hostile...) {
		b.share.leave()
		_ = b.addHeld(mib, 1)
	}
	g.Expect(fleet.total).To(BeZero())
	g.Expect(fleet.shares).To(BeEmpty())
}

func TestAFleetWithoutABoundEvictsNobody(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	b := newBudget(DefaultLimits(), time.Now, func(error) {})
	b.share = newFleet(0).join("dev", b.end)
	g.Expect(b.addHeld(1<<20, 1)).To(Succeed())
	b.share.leave()
}
