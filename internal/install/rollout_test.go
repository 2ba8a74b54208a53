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

package install_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// epoch is when each test begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// fleet is a rollout with a clock, and what a test puts in it.
type fleet struct {
	*install.Rollout
	now time.Time
}

func newFleet(options install.RolloutOptions) *fleet {
	return &fleet{Rollout: install.NewRollout("new", options), now: epoch}
}

func key(namespace string, number int) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: fmt.Sprintf("%s-%02d", namespace, number)}
}

func (f *fleet) cluster(k types.NamespacedName, facts install.ClusterFacts) bool {
	return f.ObserveCluster(k, &facts, f.now)
}

// wait adds Clusters that are ready with the former release.
func (f *fleet) wait(namespace string, count int) {
	for i := range count {
		f.cluster(key(namespace, i), install.ClusterFacts{Ready: true})
		f.ObservePayload(key(namespace, i), &install.PayloadFacts{Release: "old", Payload: "old", ReadyPayload: "old"}, f.now)
	}
}

// update asks for a Cluster and lets it have the release.
func (f *fleet) update(k types.NamespacedName) bool {
	decision := f.May(k, "new", f.now)
	if decision.May {
		f.ObservePayload(k, &install.PayloadFacts{Release: "new", Payload: "new", ReadyPayload: "old", At: f.now}, f.now)
	}
	return decision.May
}

// fail is what a cluster says that breaks, and succeed what one says that is ready with the release.
func (f *fleet) fail(k types.NamespacedName) {
	f.cluster(k, install.ClusterFacts{Failed: true, Reason: "ProbeFailed", Since: f.now})
}

func (f *fleet) succeed(k types.NamespacedName) bool {
	f.cluster(k, install.ClusterFacts{Ready: true})
	return f.ObservePayload(k, &install.PayloadFacts{Release: "new", Payload: "new", ReadyPayload: "new", At: f.now}, f.now)
}

// updated returns how many Clusters of a namespace are given the release if all ask.
func (f *fleet) updated(namespace string, count int) int {
	updated := 0
	for i := range count {
		if f.update(key(namespace, i)) {
			updated++
		}
	}
	return updated
}

func five() install.RolloutOptions { return install.RolloutOptions{Concurrency: 5} }

func TestOnlyAsManyClustersAsThereAreSlotsAreUpdatedAtATime(t *testing.T) {
	t.Parallel()
	t.Run("of one namespace", func(t *testing.T) {
		t.Parallel()
		g := NewWithT(t)
		f := newFleet(five())
		f.wait("a", 20)
		g.Expect(f.updated("a", 20)).To(Equal(5))
		decision := f.May(key("a", 19), "new", f.now)
		g.Expect(decision.Why).To(ContainSubstring("5 at a time"))
		g.Expect(decision.Wait).To(Equal(install.Look))
		g.Expect(f.succeed(key("a", 0))).To(BeTrue(), "another one's turn has come")
		g.Expect(f.Turns(f.now)).To(HaveLen(1))
		g.Expect(f.update(key("a", 5))).To(BeTrue())
		g.Expect(f.update(key("a", 6))).To(BeFalse())
	})
	t.Run("also where every cluster has a namespace", func(t *testing.T) {
		t.Parallel()
		g := NewWithT(t)
		f := newFleet(five())
		updated := 0
		for i := range 100 {
			f.wait(fmt.Sprint("ns", i), 1)
		}
		for i := range 100 {
			updated += f.updated(fmt.Sprint("ns", i), 1)
		}
		g.Expect(updated).To(Equal(5))
	})
	t.Run("and of one namespace one while another waits", func(t *testing.T) {
		t.Parallel()
		g := NewWithT(t)
		f := newFleet(five())
		f.wait("a", 20)
		f.wait("b", 20)
		g.Expect(f.updated("a", 20)).To(Equal(1))
		g.Expect(f.May(key("a", 1), "new", f.now).Why).To(ContainSubstring("while other namespaces wait, 1 at a time"))
		g.Expect(f.updated("b", 20)).To(Equal(1))
	})
}

func TestOneTenantHoldsUpItsOwnClustersOnly(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	f := newFleet(five())
	f.wait("evil", 10)
	g.Expect(f.updated("evil", 10)).To(Equal(5), "nobody else waits")
	for i := range 5 {
		f.fail(key("evil", i))
	}
	f.wait("good", 10)
	for i := range 10 {
		g.Expect(f.update(key("good", i))).To(BeTrue(), "cluster %d", i)
		f.fail(key("good", i))
		g.Expect(f.update(key("good", (i+1)%10))).To(Equal(i == 9), "one at a time while the other waits")
		f.succeed(key("good", i))
	}
	g.Expect(f.update(key("evil", 5))).To(BeFalse(), "it waits for its own")
	g.Expect(f.May(key("evil", 5), "new", f.now).Why).To(HaveSuffix(
		"not ready any more: evil-00 (ProbeFailed), evil-01 (ProbeFailed), evil-02 (ProbeFailed), 2 more"))
	f.wait("third", 1)
	f.now = f.now.Add(install.StaleAfter)
	g.Expect(f.update(key("evil", 5))).To(BeFalse(), "one namespace alone proves nothing: a tenant can forge its own state")
	g.Expect(f.update(key("third", 0))).To(BeTrue())
	f.succeed(key("third", 0))
	g.Expect(f.update(key("evil", 5))).To(BeTrue(), "the release works elsewhere")
}

func TestAStaleSlotOfATenantSlowsNobody(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	f := newFleet(five())
	f.wait("evil", 10)
	f.wait("good", 20)
	g.Expect(f.updated("evil", 10)).To(Equal(1))
	f.fail(key("evil", 0))
	g.Expect(f.updated("good", 20)).To(Equal(1))
	f.succeed(key("good", 0))
	f.now = f.now.Add(install.StaleAfter)
	g.Expect(f.updated("good", 20)).To(Equal(4), "evil waits for itself only, and holds one of five slots")
}

func TestABadReleaseReachesFewClusters(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	f := newFleet(five())
	for i := range 50 {
		f.wait(fmt.Sprint("ns", i), 2)
	}
	reached := map[types.NamespacedName]bool{}
	for range 100 {
		for i := range 50 {
			for j := range 2 {
				if k := key(fmt.Sprint("ns", i), j); !reached[k] && f.update(k) {
					f.fail(k)
					reached[k] = true
				}
			}
		}
		f.now = f.now.Add(install.StaleAfter)
	}
	g.Expect(reached).To(HaveLen(5))
}

func TestATenantsLiesEndItsOwnSlotsOnly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lie  install.PayloadFacts
		goes bool
	}{
		"ready with the release, from twenty clusters of the namespace": {
			install.PayloadFacts{Release: "new", Payload: "new", ReadyPayload: "new"}, false,
		},
		"given in the future": {install.PayloadFacts{Release: "new", Payload: "new", ReadyPayload: "old", At: epoch.Add(1000 * time.Hour)}, false},
		"given long ago":      {install.PayloadFacts{Release: "new", Payload: "new", ReadyPayload: "old", At: epoch.Add(-1000 * time.Hour)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			f := newFleet(install.RolloutOptions{Concurrency: 1})
			f.wait("victim", 2)
			g.Expect(f.update(key("victim", 0))).To(BeTrue())
			f.fail(key("victim", 0))
			f.wait("evil", 20)
			for i := range 20 {
				f.ObservePayload(key("evil", i), &test.lie, f.now)
			}
			f.now = f.now.Add(install.StaleAfter)
			g.Expect(f.update(key("victim", 1))).To(Equal(test.goes), "the brake holds for the others")
			g.Expect(f.update(key("evil", 0))).To(BeTrue(), "it claims to have the release")
		})
	}
}

func TestAStaleSlotDoesNotHoldUpItsOwnTenantOnceTheReleaseIsProven(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	f := newFleet(five())
	f.wait("late", 3)
	f.wait("good", 10)
	g.Expect(f.update(key("late", 0))).To(BeTrue())
	f.fail(key("late", 0))
	for i := range 9 { // Enough for every namespace, however few of them a namespace may contribute.
		proof := key(fmt.Sprintf("proof%d", i), 0)
		f.wait(proof.Namespace, 1)
		g.Expect(f.update(proof)).To(BeTrue())
		f.succeed(proof)
	}
	g.Expect(f.update(key("late", 1))).To(BeFalse(), "others wait")
	f.now = f.now.Add(install.StaleAfter)
	g.Expect(f.update(key("late", 1))).To(BeTrue())
}

func TestASlotEndsAtItsTimeWhateverIsObservedMeanwhile(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	f := newFleet(install.RolloutOptions{Concurrency: 1})
	for _, namespace := range []string{"x", "y"} {
		f.wait(namespace, 4)
		for i := range 4 {
			f.succeed(key(namespace, i))
		}
	}
	f.wait("evil", 1)
	f.wait("good", 2)
	g.Expect(f.update(key("evil", 0))).To(BeTrue())
	for range 15 {
		g.Expect(f.update(key("good", 0))).To(BeFalse())
		f.fail(key("evil", 0))
		f.ObservePayload(key("evil", 0), &install.PayloadFacts{Release: "new", Payload: "new", ReadyPayload: "old", At: f.now.Add(time.Hour)}, f.now)
		f.now = f.now.Add(time.Minute)
	}
	g.Expect(f.update(key("good", 0))).To(BeTrue())
	f.succeed(key("good", 0))
	f.fail(key("evil", 0))
	g.Expect(f.update(key("good", 1))).To(BeTrue(), "it stays at its end")
}

func TestARestartGoesOnInTheMiddle(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	f := newFleet(install.RolloutOptions{Concurrency: 1})
	f.wait("good", 1)
	f.now = epoch.Add(time.Hour)
	f.cluster(key("evil", 0), install.ClusterFacts{Failed: true, Since: epoch.Add(50 * time.Minute)})
	f.ObservePayload(key("evil", 0), &install.PayloadFacts{Release: "new", Payload: "new", ReadyPayload: "old", At: epoch.Add(50 * time.Minute)}, f.now)
	for _, namespace := range []string{"x", "y"} {
		f.wait(namespace, 4)
		for i := range 4 {
			f.succeed(key(namespace, i))
		}
	}
	decision := f.May(key("good", 0), "new", f.now)
	g.Expect(decision.May).To(BeFalse(), "it counts for 5 minutes more")
	f.now = f.now.Add(5*time.Minute - 2*time.Second)
	g.Expect(f.May(key("good", 0), "new", f.now).Wait).To(Equal(2 * time.Second))
	f.now = f.now.Add(2 * time.Second)
	g.Expect(f.update(key("good", 0))).To(BeTrue())
}

func TestWhoHoldsNoSlot(t *testing.T) {
	t.Parallel()
	given := install.PayloadFacts{Release: "new", Payload: "new", ReadyPayload: "old"}
	for name, test := range map[string]struct {
		cluster *install.ClusterFacts
		payload *install.PayloadFacts
		holds   bool
	}{
		"one in the middle of an update holds one": {&install.ClusterFacts{}, &given, true},
		"nor one whose lookup is not made yet":     {&install.ClusterFacts{Ready: true}, &given, true},
		"one that broke later": {
			&install.ClusterFacts{Failed: true}, &install.PayloadFacts{Release: "new", Payload: "new", ReadyPayload: "new"}, true,
		},
		"an unreachable one":          {&install.ClusterFacts{Unreachable: true}, &given, false},
		"a paused or deleted one":     {nil, &given, false},
		"one without payload":         {&install.ClusterFacts{}, nil, false},
		"one that was not ready":      {&install.ClusterFacts{}, &install.PayloadFacts{Release: "new", Payload: "new"}, false},
		"one with the former release": {&install.ClusterFacts{}, &install.PayloadFacts{Release: "old", Payload: "old", ReadyPayload: "old"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			f := newFleet(install.RolloutOptions{Concurrency: 1})
			f.ObserveCluster(key("a", 0), test.cluster, f.now)
			f.ObservePayload(key("a", 0), test.payload, f.now)
			f.wait("b", 1)
			g.Expect(f.update(key("b", 0))).To(Equal(!test.holds))
		})
	}
}

func TestAGrantHoldsASlotBeforeTheCacheShowsIt(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	f := newFleet(install.RolloutOptions{Concurrency: 1})
	f.wait("a", 2)
	g.Expect(f.May(key("a", 0), "new", f.now).May).To(BeTrue())
	g.Expect(f.May(key("a", 1), "new", f.now).May).To(BeFalse())
	g.Expect(f.May(key("a", 0), "new", f.now).May).To(BeTrue(), "its own slot does not keep it waiting")
	f.ObservePayload(key("a", 0), &install.PayloadFacts{Release: "old", Payload: "old", ReadyPayload: "old"}, f.now)
	g.Expect(f.May(key("a", 1), "new", f.now).May).To(BeFalse(), "an outdated observation takes nothing back")
	f.ObserveCluster(key("a", 0), nil, f.now)
	g.Expect(f.May(key("a", 1), "new", f.now).May).To(BeTrue(), "it was paused")
}

func TestAnAdministratorPassesTheBrake(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	f := newFleet(install.RolloutOptions{Concurrency: 5, IgnoreUnready: true})
	f.wait("a", 20)
	for updated := 0; updated < 20; updated += 5 {
		g.Expect(f.updated("a", 20)-updated).To(Equal(5), "it still goes in steps")
		for i := range updated + 5 {
			f.fail(key("a", i))
		}
		f.now = f.now.Add(2 * time.Minute)
	}
}

func TestOneNamespaceAfterTheOtherHasItsTurn(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	f := newFleet(install.RolloutOptions{Concurrency: 1})
	for i := range 200 {
		f.wait(fmt.Sprintf("ns%03d", i), 1)
	}
	for i := range 200 {
		f.update(key(fmt.Sprintf("ns%03d", i), 0))
	}
	f.succeed(key("ns000", 0))
	seen := map[string]bool{}
	for range 199 {
		turns := f.Turns(f.now)
		g.Expect(turns).To(HaveLen(1))
		g.Expect(seen).NotTo(HaveKey(turns[0].Namespace))
		seen[turns[0].Namespace] = true
		g.Expect(f.update(turns[0])).To(BeTrue())
		f.succeed(turns[0])
	}
	g.Expect(f.Turns(f.now)).To(BeEmpty())
}
