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
	"errors"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
)

var small = Limits{InFlight: 100, Held: 100, HeldObjects: 3, Received: 100, Decoded: 1000, Events: 3, Window: time.Minute, Foreign: 1}

func TestABudgetIsExceededByEachOfItsLimits(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	for name, test := range map[string]struct {
		do       func(*budget) error
		exceeded string
	}{
		"what fits in flight":          {do: func(b *budget) error { return b.addInFlight(100) }},
		"too much in flight":           {do: func(b *budget) error { return b.addInFlight(101) }, exceeded: "100 bytes of responses at a time"},
		"several in flight":            {do: func(b *budget) error { return errors.Join(b.addInFlight(60), b.addInFlight(60)) }, exceeded: "at a time"},
		"one after the other":          {do: func(b *budget) error { return errors.Join(b.addInFlight(60), b.addInFlight(-60), b.addInFlight(60)) }},
		"too much held":                {do: func(b *budget) error { return b.addHeld(101, 1) }, exceeded: "100 bytes of objects that are cached"},
		"too many held":                {do: func(b *budget) error { return b.addHeld(1, 4) }, exceeded: "3 objects that are cached"},
		"too much received":            {do: func(b *budget) error { return errors.Join(b.receive(60, 60, 1), b.receive(60, 60, 1)) }, exceeded: "100 bytes within 1m0s"},
		"too much to decode":           {do: func(b *budget) error { return b.receive(1, 1001, 1) }, exceeded: "1000 decoded bytes within 1m0s"},
		"too many events":              {do: func(b *budget) error { return b.receive(1, 1, 4) }, exceeded: "3 events within 1m0s"},
		"one that was not asked for":   {do: func(b *budget) error { return b.addForeign() }},
		"many that were not asked for": {do: func(b *budget) error { return errors.Join(b.addForeign(), b.addForeign()) }, exceeded: "not asked for"},
		"as much in the next window": {do: func(b *budget) error {
			err := b.receive(60, 60, 1)
			now = now.Add(time.Minute)
			return errors.Join(err, b.receive(60, 60, 1))
		}},
		"what was exceeded once stays exceeded": {do: func(b *budget) error { _ = b.addHeld(101, 1); return b.addHeld(-101, -1) }, exceeded: "cached"},
	} {
		g := NewWithT(t)
		ends := 0
		err := test.do(newBudget(small, func() time.Time { return now }, func(error) { ends++ }))
		if test.exceeded == "" {
			g.Expect(err).NotTo(HaveOccurred(), name)
			g.Expect(ends).To(BeZero(), name)
			continue
		}
		g.Expect(err).To(MatchError(ErrBeyondBudget), name)
		g.Expect(err).To(MatchError(ErrNotSynced), name)
		g.Expect(remote.Describe(fmt.Errorf("reading: %w", err))).To(Equal(err.Error()), name)
		g.Expect((&BudgetError{Reason: err}).Error()).To(HavePrefix("Cluster is beyond its budget: more than "), name)
		g.Expect(err).To(MatchError(ContainSubstring(test.exceeded)), name)
		g.Expect(ends).To(Equal(1), name)
	}
}

func TestACacheReleasesWhatItHeld(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	b := newBudget(small, time.Now, func(error) {})
	held := func() []int64 { return []int64{b.held, b.heldObjects} }
	a := &account{budget: b}
	g.Expect(a.list(30)).To(Succeed())
	g.Expect(a.list(30)).To(Succeed())
	g.Expect(held()).To(Equal([]int64{60, 2}), "a list counts before it is complete")
	g.Expect(a.add(30, 1)).To(Succeed())
	g.Expect(a.add(30, 1)).To(Succeed())
	g.Expect(held()).To(Equal([]int64{60, 2}), "and no object twice")
	a.endList()
	g.Expect(a.add(-30, -1)).To(Succeed())
	g.Expect(held()).To(Equal([]int64{30, 1}))
	a.close()
	g.Expect(held()).To(Equal([]int64{0, 0}))
	g.Expect(a.add(30, 1)).To(Succeed())
	g.Expect(held()).To(Equal([]int64{0, 0}), "an event that comes late counts no more")
}

func TestAClusterBeyondItsBudgetWaitsLongerEachTime(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	now := time.Unix(0, 0)
	var p penalty
	g.Expect(p.holds(now)).To(BeFalse())
	for _, minutes := range []int{1, 2, 4, 8, 16, 30, 30} {
		p = p.next(now, ErrBeyondBudget)
		g.Expect(p.wait).To(Equal(time.Duration(minutes) * time.Minute))
		g.Expect(p.holds(now.Add(p.wait - 1))).To(BeTrue())
		now = now.Add(p.wait)
		g.Expect(p.holds(now)).To(BeFalse())
		now = now.Add(time.Second)
	}
	p = p.next(now.Add(time.Hour-2*time.Second), ErrBeyondBudget)
	g.Expect(p.wait).To(Equal(30*time.Minute), "it was within its budget for an hour since its wait ended, less a second")
	now = p.until.Add(time.Hour)
	g.Expect(p.next(now, ErrBeyondBudget).wait).To(Equal(time.Minute), "that is forgiven")
}

func TestJSONIsWeighedAsWhatItDecodesTo(t *testing.T) {
	t.Parallel()
	const v = valueBytes
	for name, test := range map[string]struct {
		json     string
		separate bool
		peak     int64
		left     int64
	}{
		"an object":                     {json: `{}`, peak: v + 2, left: v + 2},
		"a text is no more than itself": {json: `"{[,]}"`, peak: 7, left: 7},
		"an escaped quote":              {json: `"\"{"`, peak: 5, left: 5},
		"members of an object":          {json: `{"a":1,"b":2}`, peak: v + 13, left: v + 13},
		"elements of an array":          {json: `[1,2,3]`, peak: 3*v + 7, left: 3*v + 7},
		"null is an element":            {json: `[null,null]`, peak: 2*v + 11, left: 2*v + 11},
		"events one by one":             {json: `{}{}{"a":{}}`, separate: true, peak: 2*v + 8},
		"an event that has no end":      {json: `{}{"a":`, separate: true, peak: v + 5, left: v + 5},
		"spaces after an event":         {json: `{}    `, separate: true, peak: v + 2, left: 4},
		"too many ends":                 {json: `]]]{}`, separate: true, peak: v + 2},
	} {
		g := NewWithT(t)
		for _, piece := range []int{1, 3, len(test.json)} {
			w := &weigher{}
			var peak int64
			for rest := []byte(test.json); len(rest) > 0; rest = rest[min(piece, len(rest)):] {
				p, err := w.weigh(rest[:min(piece, len(rest))], test.separate)
				g.Expect(err).NotTo(HaveOccurred())
				peak = max(peak, p)
			}
			g.Expect(peak).To(Equal(test.peak), name)
			g.Expect(w.weight).To(Equal(test.left), name)
		}
	}
	deep := make([]byte, maxDepth+1)
	for i := range deep {
		deep[i] = '['
	}
	_, err := (&weigher{}).weigh(deep, false)
	NewWithT(t).Expect(err).To(MatchError(errTooDeep))
}

func TestTheSizeOfAnObjectIsWhatItRefersTo(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	empty := sizeOf(&corev1.Service{})
	g.Expect(empty).To(BeNumerically(">", 500))
	named := sizeOf(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "four", CreationTimestamp: metav1.Now()}})
	g.Expect(named).To(Equal(empty+4), "a time refers to a zone that all times share")
	ports := sizeOf(&corev1.Service{Spec: corev1.ServiceSpec{Ports: make([]corev1.ServicePort, 100)}})
	g.Expect(ports-empty).To(BeNumerically(">", 100*50), "empty ones, too")
	many := map[string]any{}
	for i := range 100 {
		many[fmt.Sprint(i)] = []any{map[string]any{"a": "text"}, int64(1), nil}
	}
	// A key with a header of 16 bytes and a value of as many, in each of 200 entries.
	entries := sizeOf(&unstructured.Unstructured{Object: many})
	for key := range many {
		many[key] = nil
	}
	g.Expect(sizeOf(&unstructured.Unstructured{Object: many})).To(BeNumerically(">", 100*(16+16+mapEntryBytes)))
	g.Expect(entries).To(BeNumerically(">", 100*(2*(16+16+mapEntryBytes)+3*16)))
	g.Expect(sizeOf(nil)).To(BeZero())
}
