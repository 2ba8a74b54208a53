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
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const drainTime = 3 * time.Minute

// leaving is an add-on that is being removed: its patcher has been asked a minute ago and runs. The
// changes make it another one.
func leaving(changes ...func(*Observed)) Observed {
	o := Observed{
		State: State{Payload: "p", Removal: &Removal{}}, Present: true, HasSecret: true, Tried: true, DrainTime: drainTime,
		Removed: &Removed{
			Namespace: &Namespace{Ours: true, Delivered: true},
			Patcher:   &Patcher{Asked: true, AskedAt: now.Add(-time.Minute), Available: true},
		},
	}
	for _, change := range changes {
		change(&o)
	}
	return o
}

func unread(o *Observed) {
	o.Removed = &Removed{Unread: "Waiting until the workload cluster can be reached"}
}
func untried(o *Observed)         { o.Tried = false }
func patcherGone(o *Observed)     { o.Removed.Patcher = nil }
func noNamespace(o *Observed)     { o.Removed.Namespace, o.Removed.Patcher = nil, nil }
func looked(o *Observed)          { o.Removed.Blocks = &Blocks{} }
func blockLeft(o *Observed)       { o.Removed.Blocks = &Blocks{Left: true} }
func stuck(o *Observed)           { o.Removed.Blocks = &Blocks{Problem: "the Corefile cannot be parsed"} }
func marked(o *Observed)          { o.Removed.Namespace.Drained = true }
func namespaceEnding(o *Observed) { o.Removed.Namespace.Ending = true }
func emptied(o *Observed)         { o.Removed.Rest = &Rest{} }

func removed(o *Observed) {
	o.Removed.Report = Report{State: report.Removed, Since: "2026-01-02T03:00:00Z"}
}

func asked(ago time.Duration, available bool) func(*Observed) {
	return func(o *Observed) { o.Removed.Patcher.AskedAt, o.Removed.Patcher.Available = now.Add(-ago), available }
}

// clean since a time before now, as the patcher reported it.
func clean(ago time.Duration) func(*Observed) {
	return func(o *Observed) {
		o.State.Removal.CleanSince, o.State.Removal.ReportedSince = now.Add(-ago), "2026-01-02T03:00:00Z"
	}
}

func drained(o *Observed) { clean(drainTime)(o) }

// TestARemoval has at least one case for each row of the table.
func TestARemoval(t *testing.T) {
	t.Parallel()
	type expected struct {
		row     string
		action  Action
		message string
		after   time.Duration
	}
	cases := map[string]struct {
		observed Observed
		expected expected
	}{
		"nothing is left in the management cluster": {leaving(func(o *Observed) { o.Present = false }), expected{row: "nothing is left"}},
		"the payload Secret was deleted": {
			leaving(func(o *Observed) { o.HasSecret, o.State = false, State{} }), expected{row: "the payload Secret was deleted", action: Proceed},
		},
		"the label is gone": {leaving(func(o *Observed) { o.State.Removal = nil }), expected{"the removal begins", Proceed, "is being removed", 0}},
		"after a restart":   {leaving(func(o *Observed) { o.Removed = nil }), expected{row: "the workload cluster was not observed", action: LookAtWorkload}},

		"a cluster that never came up":     {leaving(unread, untried), expected{row: "the cluster cannot be read and got nothing", action: Forget}},
		"an unreachable cluster":           {leaving(unread), expected{"the cluster cannot be read", None, "can be reached", 0}},
		"an unreachable cluster, draining": {leaving(unread, clean(time.Minute)), expected{"the cluster cannot be read", None, "can be reached", 0}},
		"a namespace of a user":            {leaving(untried, func(o *Observed) { o.Removed.Namespace.Delivered = false }), expected{row: "the namespace is not ours", action: Forget}},

		"the patcher is not asked": {
			leaving(func(o *Observed) { o.Removed.Patcher.Asked = false }), expected{row: "the patcher is not asked", action: AskPatcher},
		},
		"the patcher reports from an earlier removal": {
			leaving(removed, func(o *Observed) { o.Removed.Patcher.Asked = false }), expected{row: "the patcher is not asked", action: AskPatcher},
		},
		"another writer spoilt the time": {
			leaving(func(o *Observed) { o.Removed.Patcher.AskedAt = time.Time{} }), expected{row: "it is unknown when the patcher was asked", action: AskPatcher},
		},
		"the time is in the future": {leaving(asked(-time.Hour, true)), expected{row: "it is unknown when the patcher was asked", action: AskPatcher}},
		"the patcher runs": {
			leaving(), expected{"the patcher is at work", None, "Waiting for dns-config-patcher", 9 * time.Minute},
		},
		"the patcher does not run": {leaving(asked(time.Minute, false)), expected{"the patcher is at work", None, "Waiting for dns-config-patcher", time.Minute}},
		"the patcher reports a problem": {
			leaving(func(o *Observed) { o.Removed.Report = Report{State: report.UnsupportedCorefile, Message: "line 3"} }),
			expected{"the patcher is at work", None, "it says UnsupportedCorefile: line 3", 9 * time.Minute},
		},
		"the patcher does not run for 2 minutes":       {leaving(asked(2*time.Minute, false)), expected{row: "the patcher is overdue", action: DeletePatcher}},
		"the patcher does not get on for 10":           {leaving(asked(10*time.Minute, true)), expected{row: "the patcher is overdue", action: DeletePatcher}},
		"the patcher's Pod is being deleted":           {leaving(patcherGone, func(o *Observed) { o.Removed.PatcherPod = true }), expected{"a Pod of the patcher still runs", None, "Pod of dns-config-patcher", 5 * time.Second}},
		"there is no patcher":                          {leaving(patcherGone), expected{row: "it is unknown whether blocks are left", action: LookAtBlocks}},
		"there is no patcher, and a bad Corefile":      {leaving(patcherGone, stuck), expected{"a Corefile cannot be edited", None, "by hand: the Corefile cannot be parsed", time.Minute}},
		"there is no patcher, and a block":             {leaving(patcherGone, blockLeft), expected{row: "blocks are left", action: TakeOutBlocks}},
		"the Corefile was clean and has a block again": {leaving(patcherGone, drained, blockLeft), expected{row: "blocks are left", action: TakeOutBlocks}},

		"the patcher reports":           {leaving(removed), expected{"CoreDNS has not reloaded", None, "Waiting until 2026-01-02T03:07:05Z for CoreDNS", drainTime}},
		"the patcher reported":          {leaving(removed, clean(time.Minute)), expected{"CoreDNS has not reloaded", None, "Waiting until 2026-01-02T03:06:05Z for CoreDNS", 2 * time.Minute}},
		"the block was taken out by us": {leaving(patcherGone, looked), expected{"CoreDNS has not reloaded", None, "Waiting until 2026-01-02T03:07:05Z", drainTime}},
		"the patcher took out another block": {
			leaving(removed, drained, func(o *Observed) { o.Removed.Report.Since = "2026-01-02T03:04:00Z" }),
			expected{"CoreDNS has not reloaded", None, "Waiting until 2026-01-02T03:07:05Z", drainTime},
		},
		"the time of the last manager is in the future": {leaving(removed, clean(-time.Hour)), expected{"CoreDNS has not reloaded", None, "Waiting until 2026-01-02T03:07:05Z", drainTime}},
		"CoreDNS has reloaded":                          {leaving(removed, drained), expected{row: "the Corefile gets a last look", action: LookAtBlocks}},
		"CoreDNS has reloaded, and a block came back":   {leaving(removed, drained, blockLeft), expected{"a block came back", None, "came back", 5 * time.Second}},
		"the report is outdated": {
			leaving(removed, func(o *Observed) { o.State.Removal.ReportedSince = o.Removed.Report.Since }), expected{row: "the Corefile gets a last look", action: LookAtBlocks},
		},
		"the report was outdated, and the block is gone": {
			leaving(removed, looked, func(o *Observed) { o.State.Removal.ReportedSince = o.Removed.Report.Since }),
			expected{"CoreDNS has not reloaded", None, "Waiting until 2026-01-02T03:07:05Z", drainTime},
		},

		"the Corefile is clean":            {leaving(removed, drained, looked), expected{"records may still be written", MarkDrained, "about to be deleted", 5 * time.Second}},
		"no records are written":           {leaving(removed, drained, looked, marked), expected{row: "objects may be left", action: DeleteObjects}},
		"no patcher, and no more records":  {leaving(patcherGone, drained, looked, marked), expected{row: "objects may be left", action: DeleteObjects}},
		"a problem while all is drained":   {leaving(patcherGone, drained, stuck, marked), expected{row: "objects may be left", action: DeleteObjects}},
		"a user deleted the namespace":     {leaving(noNamespace, looked), expected{row: "objects may be left", action: DeleteObjects}},
		"the namespace is gone":            {leaving(noNamespace, looked, emptied), expected{row: "the namespace is gone", action: Forget}},
		"a user is deleting the namespace": {leaving(patcherGone, drained, looked, namespaceEnding), expected{row: "objects may be left", action: DeleteObjects}},
		"the namespace is being deleted":   {leaving(patcherGone, drained, looked, namespaceEnding, emptied), expected{"the namespace is being deleted", None, "to end", 5 * time.Second}},
		"an API group does not answer": {
			leaving(patcherGone, drained, looked, marked, func(o *Observed) { o.Removed.Rest = &Rest{Unknown: "metrics.k8s.io"} }),
			expected{"the rest of the namespace is unknown", None, "anything else is in the namespace xcc-dns: metrics.k8s.io", time.Minute},
		},
		"a user's objects are there": {
			leaving(patcherGone, drained, looked, marked, func(o *Observed) { o.Removed.Rest = &Rest{Foreign: "Secret theirs"} }),
			expected{row: "the namespace holds foreign objects", action: Forget},
		},
		"the namespace was there before": {
			leaving(patcherGone, drained, looked, marked, emptied, func(o *Observed) { o.Removed.Namespace.Ours = false }),
			expected{row: "the namespace holds foreign objects", action: Forget},
		},
		"the namespace is empty": {leaving(patcherGone, drained, looked, marked, emptied), expected{"the namespace is empty", DeleteNamespace, "to end", 5 * time.Second}},
	}
	var reached []string
	for name, test := range cases {
		reached = append(reached, test.expected.row)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			g.Expect(rowOf(test.observed)).To(Equal(test.expected.row))
			step := Next(test.observed, now)
			g.Expect(step.Action).To(Equal(test.expected.action))
			g.Expect(step.After).To(Equal(test.expected.after))
			if step.State.Removal != nil {
				g.Expect(step.State.Removal.Message).To(ContainSubstring(test.expected.message))
			}
		})
	}
	for _, row := range slices.Concat(start(), table()) {
		NewWithT(t).Expect(reached).To(ContainElement(row.name))
	}
}

// rowOf returns the name of the row that applies.
func rowOf(o Observed) string {
	r := removal{Observed: o, Removed: o.Removed, now: now}
	if first, ok := firstOf(start(), r); ok {
		return first.name
	}
	r.progress = r.currentProgress()
	first, _ := firstOf(table(), r)
	return first.name
}

func TestTheTimeSinceWhichTheCorefileIsClean(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		observed Observed
		since    time.Time
		reported string
	}{
		"the patcher reports":                     {leaving(removed), now, "2026-01-02T03:00:00Z"},
		"the patcher reported":                    {leaving(removed, clean(time.Minute)), now.Add(-time.Minute), "2026-01-02T03:00:00Z"},
		"the patcher reports a time that is none": {leaving(removed, func(o *Observed) { o.Removed.Report.Since = strings.Repeat("y", 300) }), now, ""},
		"the patcher reports something else":      {leaving(clean(time.Minute)), time.Time{}, ""},
		"the patcher is asked again":              {leaving(removed, clean(time.Minute), func(o *Observed) { o.Removed.Patcher.Asked = false }), time.Time{}, ""},
		"a block came back":                       {leaving(removed, drained, blockLeft), time.Time{}, "2026-01-02T03:00:00Z"},
		"the patcher is gone":                     {leaving(patcherGone, clean(time.Minute)), now.Add(-time.Minute), "2026-01-02T03:00:00Z"},
		"the cluster is unreachable":              {leaving(unread, clean(time.Minute)), now.Add(-time.Minute), "2026-01-02T03:00:00Z"},
		"we looked and found nothing":             {leaving(patcherGone, looked), now, ""},
		"we looked and could not tell":            {leaving(patcherGone, stuck), time.Time{}, ""},
		"the clock of the last manager was ahead": {leaving(patcherGone, looked, clean(-time.Minute)), now, "2026-01-02T03:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			removal := Next(test.observed, now).State.Removal
			g.Expect(removal.CleanSince).To(Equal(test.since))
			g.Expect(removal.ReportedSince).To(Equal(test.reported))
		})
	}
}

func TestAChangeOfPhaseIsAnEvent(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	step := Next(leaving(removed), now)
	g.Expect(step.Events).To(HaveExactElements(HaveField("Reason", "Removing")))
	g.Expect(step.Paced).To(BeTrue(), "a workload cluster can cause it")
	o := leaving(removed, clean(time.Minute))
	o.State = step.State
	g.Expect(Next(o, now).Events).To(BeEmpty())

	g.Expect(Next(leaving(func(o *Observed) { o.State.Removal = nil }), now).Events).To(HaveExactElements(HaveField("Note", HavePrefix("The label is gone"))))
	kept := leaving(patcherGone, drained, looked, marked, func(o *Observed) { o.Removed.Rest = &Rest{Foreign: "Secret theirs"} })
	g.Expect(Next(kept, now).Events).To(HaveExactElements(
		And(HaveField("Reason", "NamespaceKept"), HaveField("Note", HaveSuffix("not the add-on's: Secret theirs"))), HaveField("Reason", "Removed"),
	))
}

func TestAReportIsShortened(t *testing.T) {
	t.Parallel()
	step := Next(leaving(func(o *Observed) { o.Removed.Report.Message = strings.Repeat("x", 300_000) }), now)
	NewWithT(t).Expect(len(step.State.Removal.Message)).To(BeNumerically("<=", fit.MaxMessage))
}

func TestARemovalThatBeginsForgetsTheUpdate(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	step := Next(leaving(func(o *Observed) { o.State = State{Payload: "p", Waiting: "x", InvalidOptions: "y", Written: "z"} }), now)
	g.Expect(step.State).To(Equal(State{Payload: "p", Written: "z", Removal: step.State.Removal}))
}

func TestARecreatedSecretRemembersWhatToDelete(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	kept := Reference{"v1", "Service", "xcc-dns", "dns-server"}
	o := leaving(func(o *Observed) {
		o.HasSecret, o.State, o.Wanted = false, State{}, Payload{Hash: "p", Release: "r", Objects: []Reference{kept}}
	})
	step := Next(o, now)
	g.Expect(step.Give).To(BeTrue())
	g.Expect(step.State).To(And(HaveField("Payload", "p"), HaveField("Release", "r"), HaveField("Obsolete", ConsistOf(legacyObjects()))))
}

// world is a workload cluster that does what it is asked.
type world struct {
	removed     Removed
	podsEnd     time.Time
	hasBlock    bool
	hasObjects  bool
	drainedFrom time.Time
}

func (w *world) act(g *WithT, action Action, o *Observed, at time.Time) {
	observe := func() {
		copied := w.removed
		copied.PatcherPod = copied.Patcher == nil && at.Before(w.podsEnd)
		o.Removed = &copied
	}
	switch action {
	case LookAtWorkload:
		observe()
	case AskPatcher:
		w.removed.Patcher.Asked, w.removed.Patcher.AskedAt = true, at
		o.Removed = nil
	case DeletePatcher:
		w.removed.Patcher, w.podsEnd = nil, at.Add(time.Minute)
		o.Removed = nil
	case LookAtBlocks:
		o.Removed.Blocks = &Blocks{Left: w.hasBlock}
	case TakeOutBlocks:
		w.hasBlock, w.drainedFrom = false, at
		o.Removed.Blocks = &Blocks{}
	case MarkDrained:
		namespace := *w.removed.Namespace
		namespace.Drained = true
		w.removed.Namespace = &namespace
	case DeleteObjects:
		g.Expect(w.hasBlock).To(BeFalse())
		g.Expect(at.Sub(w.drainedFrom)).To(BeNumerically(">=", drainTime), "CoreDNS may ask")
		w.hasObjects, w.removed.Patcher = false, nil
		o.Removed.Rest = &Rest{}
	case DeleteNamespace:
		g.Expect(w.hasObjects).To(BeFalse())
		w.removed.Namespace = nil
	}
}

// TestAWholeRemoval follows a removal to its end, with a manager that restarts after each step.
func TestAWholeRemoval(t *testing.T) {
	t.Parallel()
	for name, patcherWorks := range map[string]bool{"by the patcher": true, "by the manager": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			w := &world{hasBlock: true, hasObjects: true, removed: Removed{
				Namespace: &Namespace{Ours: true, Delivered: true}, Patcher: &Patcher{Available: patcherWorks},
			}}
			o := Observed{State: State{Payload: "p"}, Present: true, HasSecret: true, Tried: true, DrainTime: drainTime}
			var actions []Action
			at := now
			for range 60 {
				step := Next(o, at)
				o.State = step.State.bounded()
				w.act(g, step.Action, &o, at)
				if step.Action != None && step.Action != Proceed && step.Action != LookAtWorkload {
					actions = append(actions, step.Action)
				}
				if step.Action == Forget {
					break
				}
				if step.Action == None || step.Last {
					o.Removed = nil // Another manager begins with what is stored.
					at = at.Add(max(time.Second, step.After))
				}
				if patcherWorks && w.hasBlock && w.removed.Patcher.Asked {
					w.hasBlock, w.drainedFrom = false, at
					w.removed.Report = Report{State: report.Removed, Since: at.Format(time.RFC3339)}
				}
			}
			if patcherWorks {
				g.Expect(actions).To(Equal([]Action{
					AskPatcher, LookAtBlocks, MarkDrained, LookAtBlocks, DeleteObjects, DeleteNamespace, LookAtBlocks, DeleteObjects, Forget,
				}))
			} else {
				g.Expect(actions[:4]).To(Equal([]Action{AskPatcher, DeletePatcher, LookAtBlocks, TakeOutBlocks}))
				g.Expect(actions[len(actions)-1]).To(Equal(Forget))
			}
		})
	}
}

func TestALabelThatComesBackEndsARemoval(t *testing.T) {
	t.Parallel()
	for _, o := range []Observed{
		leaving(), leaving(unread), leaving(removed, clean(time.Minute)), leaving(patcherGone, drained, looked, marked, emptied),
	} {
		g := NewWithT(t)
		o.Labelled, o.Removed = true, nil
		o.Wanted = Payload{Hash: "p", Release: "r"}
		step := Next(o, now)
		g.Expect(step.Action).To(Equal(Deliver))
		g.Expect(step.State.Removal).To(BeNil())
		g.Expect(step.Give && step.Again).To(BeTrue(), "the ClusterResourceSet applies everything")
		g.Expect(step.Events).To(HaveExactElements(HaveField("Reason", "RemovalCancelled")))
	}
}

func TestAPausedClusterChangesNothing(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	o := leaving(removed, drained, looked)
	o.Paused = true
	g.Expect(Next(o, now)).To(Equal(Step{State: o.State, Action: PauseSet, Last: true}))
	o.Labelled = true
	g.Expect(Next(o, now)).To(Equal(Step{State: o.State, Action: PauseSet, Last: true}))
	g.Expect(Next(Observed{Paused: true, Labelled: true}, now)).To(Equal(Step{}))
}
