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

package install

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
)

// TestTheIndexIsWhatAWalkWouldFind observes at random, and compares what is counted step by step with what a walk over all members finds.
func TestTheIndexIsWhatAWalkWouldFind(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0)) // A test that fails must fail again.
		g := NewWithT(t)
		r := NewRollout("new", RolloutOptions{Concurrency: 3, IgnoreUnready: seed%2 == 1})
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		key := func() types.NamespacedName {
			return types.NamespacedName{Namespace: fmt.Sprint("ns", random.IntN(6)), Name: fmt.Sprint("c", random.IntN(4))}
		}
		pick := func(of ...string) string { return of[random.IntN(len(of))] }
		for range 2000 {
			k := key()
			switch random.IntN(8) {
			case 0:
				r.ObserveCluster(k, nil, now)
			case 1:
				r.ObservePayload(k, nil, now)
			case 2, 3:
				r.ObserveCluster(k, &ClusterFacts{
					Ready: random.IntN(2) == 0, Unreachable: random.IntN(9) == 0, Failed: random.IntN(2) == 0,
					Since: now.Add(time.Duration(random.IntN(60)-40) * time.Minute),
				}, now)
			case 4, 5:
				r.ObservePayload(k, &PayloadFacts{
					Release: pick("old", "new"), Payload: pick("1", "2"), ReadyPayload: pick("", "1", "2"), Held: random.IntN(9) == 0,
					At: now.Add(time.Duration(random.IntN(60)-40) * time.Minute),
				}, now)
			case 6:
				r.May(k, pick("1", "2"), now)
			case 7:
				r.Turns(now)
				now = now.Add(time.Duration(random.IntN(300)) * time.Second)
			}
			walked, sum := map[string]*tally{}, sums{}
			for k, m := range r.clusters {
				if walked[k.Namespace] == nil {
					walked[k.Namespace] = &tally{}
				}
				walked[k.Namespace].add(m.standing, 1)
			}
			for namespace, w := range walked {
				sum.add(w.contribution(), 1)
				if w.contribution() != (sums{}) {
					g.Expect(r.tallies).To(HaveKey(namespace))
					g.Expect(r.tallies[namespace].contribution()).To(Equal(w.contribution()))
					g.Expect(r.tallies[namespace].slots).To(HaveLen(w.fresh + w.stale))
				}
			}
			g.Expect(r.sums).To(Equal(sum), "seed %d", seed)
		}
		for namespace := range 6 {
			for cluster := range 4 {
				k := types.NamespacedName{Namespace: fmt.Sprint("ns", namespace), Name: fmt.Sprint("c", cluster)}
				r.ObserveCluster(k, nil, now)
				r.ObservePayload(k, nil, now)
			}
		}
		for range 10 {
			r.Turns(now.Add(time.Hour))
		}
		g.Expect([]int{len(r.clusters), len(r.tallies), len(r.asking), len(r.proving), len(r.expiries)}).To(HaveEach(0), "nothing is kept of what is gone")
	}
}

// BenchmarkMay asks in a fleet of 10,000 Clusters with a namespace each, half of which are broken.
func BenchmarkMay(b *testing.B) {
	r := NewRollout("new", RolloutOptions{Concurrency: 5})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	key := func(i int) types.NamespacedName {
		return types.NamespacedName{Namespace: fmt.Sprint("ns", i), Name: "c"}
	}
	for i := range 10000 {
		r.ObserveCluster(key(i), &ClusterFacts{Ready: i%2 == 0, Failed: i%2 == 1}, now)
		release := []string{"old", "new"}[i%2]
		r.ObservePayload(key(i), &PayloadFacts{Release: release, Payload: release, ReadyPayload: "old"}, now)
	}
	for i := 0; b.Loop(); i++ {
		r.May(key(i*2%10000), "new", now)
	}
}
