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

package pacing

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
)

const ms = time.Millisecond

// writes returns when an object is written if it changes at the given times and a write takes so long.
func writes(takes time.Duration, changes []time.Duration) (written []time.Duration) {
	interval := Interval{Length: 100 * ms}
	key := types.NamespacedName{Namespace: "dev", Name: "gw"}
	start := time.Unix(1000, 0)
	seen, now := 0, time.Duration(0)
	for seen < len(changes) {
		now = max(now, changes[seen]) // The reconcile that a change wakes begins when the one before has ended.
		now += interval.Wait(key, start.Add(now))
		for seen < len(changes) && changes[seen] <= now {
			seen++
		}
		interval.Wrote(key, start.Add(now))
		written = append(written, now)
		now += takes
	}
	return written
}

func every(interval time.Duration, count int) []time.Duration {
	var changes []time.Duration
	for i := range count {
		changes = append(changes, time.Duration(i)*interval)
	}
	return changes
}

func TestInterval(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(writes(0, every(ms, 1))).To(Equal([]time.Duration{0}), "a change is written at once")
	g.Expect(writes(0, every(150*ms, 50))).To(Equal(every(150*ms, 50)), "so are changes that are further apart than the interval")
	g.Expect(writes(0, every(10*ms, 100))).To(Equal(every(100*ms, 11)), "a hundred within a second are eleven writes")
	g.Expect(writes(0, []time.Duration{0, 5 * ms, 50 * ms, 300 * ms})).To(Equal([]time.Duration{0, 100 * ms, 300 * ms}),
		"after a pause, a change is written at once again")
	for _, takes := range []time.Duration{5 * ms, 15 * ms, 30 * ms, 80 * ms} {
		g.Expect(len(writes(takes, every(10*ms, 100)))).To(BeNumerically("<=", 12), "a hundred within a second, if a write takes %s", takes)
	}
}

func TestIntervalIsPerObjectAndForgetsThoseThatAreOver(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	interval := Interval{Length: 100 * ms}
	now := time.Unix(1000, 0)
	key := func(name string) types.NamespacedName { return types.NamespacedName{Name: name} }
	interval.Wrote(key("a"), now)
	g.Expect(interval.Wait(key("a"), now)).To(Equal(100 * ms))
	g.Expect(interval.Wait(key("b"), now)).To(BeZero())
	for i := range 10_000 {
		now = now.Add(10 * ms)
		interval.Wrote(key(fmt.Sprint(i)), now)
	}
	g.Expect(len(interval.objects.entries)).To(BeNumerically("<=", minEvict))
	g.Expect(interval.Wait(key("9999"), now)).To(Equal(100*ms), "one that is not over is kept")
}
