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

package health

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func leaseOf(renewTime time.Time, seconds int32) *coordinationv1.Lease {
	return &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{
		RenewTime: new(metav1.NewMicroTime(renewTime)), LeaseDurationSeconds: new(seconds),
	}}
}

func TestALeaseIsAsOldAsItWasSeenUnchanged(t *testing.T) {
	t.Parallel()
	const duration = 90 * time.Second
	for name, offset := range map[string]time.Duration{
		"clocks agree": 0, "its clock is behind": -time.Hour, "its clock is ahead": time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			var seen *sighting
			at := now
			t.Log("At first sight it may be fresh, and 40 seconds tell")
			seen = seen.next(leaseOf(at.Add(offset), 90), at)
			g.Expect(seen.fresh(at) || seen.undecided(at)).To(BeTrue())
			g.Expect(seen.undecided(at.Add(40 * time.Second))).To(BeFalse())
			t.Log("Renewed, it is fresh from then on")
			at = at.Add(30 * time.Second)
			seen = seen.next(leaseOf(at.Add(offset), 90), at)
			g.Expect(seen.fresh(at)).To(BeTrue())
			t.Log("Looked at and not renewed, it gets old")
			last := at.Add(offset)
			for range 6 {
				at = at.Add(duration / 6)
				g.Expect(seen.fresh(at.Add(-time.Millisecond))).To(BeTrue())
				seen = seen.next(leaseOf(last, 90), at)
			}
			g.Expect(seen.fresh(at)).To(BeFalse())
			g.Expect(seen.undecided(at)).To(BeFalse())
			t.Log("Renewed again, it is fresh at once")
			g.Expect(seen.next(leaseOf(at.Add(offset), 90), at).fresh(at)).To(BeTrue())
		})
	}
}

func TestAnOldLeaseAtFirstSightIsOldAfterOneInterval(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	seen := (*sighting)(nil).next(leaseOf(now.Add(-time.Hour), 90), now)
	g.Expect(seen.fresh(now)).To(BeFalse())
	g.Expect(seen.undecided(now)).To(BeTrue())
	decided := seen.nextChange(now)
	g.Expect(decided).To(Equal(now.Add(40 * time.Second)))
	seen = seen.next(leaseOf(now.Add(-time.Hour), 90), decided)
	g.Expect(seen.fresh(decided)).To(BeFalse())
	g.Expect(seen.undecided(decided)).To(BeFalse())
	g.Expect(seen.nextChange(decided)).To(BeZero())
}

func TestTheDurationIsBounded(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(durationOf(&coordinationv1.Lease{})).To(Equal(90 * time.Second))
	g.Expect(durationOf(leaseOf(now, -1))).To(Equal(90 * time.Second))
	g.Expect(durationOf(leaseOf(now, 3))).To(Equal(3 * time.Second))
	g.Expect(durationOf(leaseOf(now, 1<<30))).To(Equal(10 * time.Minute))
}

func TestNoLeaseIsNotFresh(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var none *sighting
	g.Expect(none.fresh(now) || none.undecided(now) || none.recent(now)).To(BeFalse())
	g.Expect(none.nextChange(now)).To(BeZero())
}
