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

// writing simulates a namespace whose objects all have something to write all the time.
type writing struct {
	shares *pacing.Shares
	// lasts is how long a write lasts.
	lasts time.Duration
	// next is when each object asks next.
	next map[types.NamespacedName]time.Time
	// writes is how often each was written, and longest how long one had to wait.
	writes  map[types.NamespacedName]int
	asked   map[types.NamespacedName]time.Time
	longest time.Duration
}

func newWriting(shares *pacing.Shares, objects int, lasts time.Duration) *writing {
	w := &writing{
		shares: shares, lasts: lasts, next: map[types.NamespacedName]time.Time{}, writes: map[types.NamespacedName]int{},
		asked: map[types.NamespacedName]time.Time{},
	}
	for i := range objects {
		object := types.NamespacedName{Namespace: "busy", Name: fmt.Sprint(i)}
		w.next[object], w.asked[object] = start, start
	}
	return w
}

// run writes for so long, one write after the other, and returns how long all writes lasted together.
func (w *writing) run(from time.Time, lasting time.Duration) time.Duration {
	var spent time.Duration
	for now := from; now.Before(from.Add(lasting)); {
		object, at := w.first()
		if at.After(now) {
			now = at
			continue
		}
		if wait := w.shares.Wait(object, now); wait > 0 {
			w.next[object] = now.Add(wait)
			continue
		}
		w.longest = max(w.longest, now.Sub(w.asked[object]))
		now = now.Add(w.lasts)
		spent += w.lasts
		w.shares.Spent(object.Namespace, now, w.lasts)
		w.writes[object]++
		w.next[object], w.asked[object] = now, now
	}
	return spent
}

func (w *writing) first() (types.NamespacedName, time.Time) {
	var object types.NamespacedName
	for candidate, at := range w.next {
		if object.Name == "" || at.Before(w.next[object]) || at.Equal(w.next[object]) && candidate.Name < object.Name {
			object = candidate
		}
	}
	return object, w.next[object]
}

func TestANamespaceWritesForItsShareOfTheTime(t *testing.T) {
	t.Parallel()
	for _, lasts := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond} {
		g := NewWithT(t)
		w := newWriting(&pacing.Shares{}, 50, lasts)
		const long = 10 * time.Minute
		spent := w.run(start, long)
		g.Expect(spent).To(BeNumerically("<=", pacing.Credit+long/pacing.Share+50*lasts))
		g.Expect(spent).To(BeNumerically(">=", long/pacing.Share*9/10), "the share is there to be used")
		g.Expect(w.longest).To(BeNumerically("<=", 51*lasts*pacing.Share), "everything waits for one write of each of the others at most")
		for object, writes := range w.writes {
			g.Expect(writes).To(BeNumerically("~", w.writes[types.NamespacedName{Namespace: "busy", Name: "0"}], 300), "object %s has its turn", object)
		}
	}
}

func TestAThousandOrdinaryObjectsAreWrittenInARow(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	const lasts = 3 * time.Millisecond
	var shares pacing.Shares
	now := start
	for i := range 1000 {
		object := types.NamespacedName{Namespace: "large", Name: fmt.Sprint(i)}
		g.Expect(shares.Wait(object, now)).To(BeZero())
		now = now.Add(lasts)
		shares.Spent(object.Namespace, now, lasts)
	}
}

func TestWritesOfANamespaceFollowEachOther(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	const lasts = 40 * time.Millisecond
	var shares pacing.Shares
	now := start
	for range 30 {
		g.Expect(shares.Wait(calm, now)).To(BeZero())
		now = now.Add(lasts)
		shares.Spent(calm.Namespace, now, lasts)
	}
	for i := range 50 {
		wait := shares.Wait(types.NamespacedName{Namespace: calm.Namespace, Name: fmt.Sprint(i)}, now)
		g.Expect(wait).To(BeNumerically("~", time.Duration(i)*lasts, time.Millisecond), "as long as the writes before it last")
	}
}

func TestAnotherNamespaceDoesNotWait(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var shares pacing.Shares
	newWriting(&shares, 50, 100*time.Millisecond).run(start, time.Minute)
	g.Expect(shares.Wait(types.NamespacedName{Namespace: "busy", Name: "new"}, start.Add(time.Minute))).To(BeNumerically(">", 0))
	g.Expect(shares.Wait(calm, start.Add(time.Minute))).To(BeZero())
}

func TestALostConnectionCostsLittle(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var shares pacing.Shares
	for i := range 10 {
		now := start.Add(time.Duration(i) * time.Second)
		g.Expect(shares.Wait(calm, now)).To(BeZero())
		shares.Spent(calm.Namespace, now, time.Minute)
	}
}

func TestAnObjectThatIsGoneDoesNotPassItsTurnOn(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var shares pacing.Shares
	w := newWriting(&shares, 1, 100*time.Millisecond)
	w.run(start, time.Minute)
	object := types.NamespacedName{Namespace: "busy", Name: "recreated"}
	wait := shares.Wait(object, start.Add(time.Minute))
	g.Expect(wait).To(BeNumerically(">", 0))
	g.Expect(shares.Waits(object, start.Add(time.Minute))).To(Equal(wait))
	g.Expect(shares.Waits(calm, start.Add(time.Minute))).To(BeZero())
	shares.Forget(object)
	g.Expect(shares.Wait(object, start.Add(time.Minute+wait))).To(BeNumerically(">", 0), "deleting and creating it is no way to get ahead")
}
