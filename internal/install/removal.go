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
	"time"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

const (
	// endingLook is how soon to look again at an object that is being deleted.
	endingLook = 5 * time.Second
	// unknownLook is how soon to look again if objects could not be listed, or an administrator has
	// to act.
	unknownLook = time.Minute
)

// row is one row of the table: the step to take if no earlier row applies.
type row struct {
	name string
	when func(removal) bool
	then func(removal) Step
}

// start are the rows before the workload cluster is observed.
func start() []row {
	return []row{
		{"nothing is left", removal.isOver, ends},
		{"the payload Secret was deleted", removal.lostSecret, recreates},
		{"the removal begins", removal.isNew, begins},
		{"the workload cluster was not observed", removal.isUnobserved, does(LookAtWorkload)},
	}
}

// table is a removal from top to bottom, in the order that leaves no query without an answer: first
// the server block, then the time until CoreDNS has reloaded, and only then the DNS servers.
func table() []row {
	return []row{
		{"the cluster cannot be read and got nothing", removal.isUnreadAndUntried, forgets},
		{"the cluster cannot be read", removal.isUnread, waitsForCluster},
		{"the namespace is not ours", removal.isForeign, forgets},

		{"the patcher is not asked", removal.patcherIsUnasked, does(AskPatcher)},
		{"it is unknown when the patcher was asked", removal.askedAtIsUnknown, does(AskPatcher)},
		{"the patcher is at work", removal.patcherIsDue, waitsForPatcher},
		{"the patcher is overdue", removal.awaitsPatcher, does(DeletePatcher)},
		{"a Pod of the patcher still runs", removal.patcherPodRuns, waitsForPatcherPod},
		{"it is unknown whether blocks are left", removal.blocksAreUnknown, does(LookAtBlocks)},
		{"a Corefile cannot be edited", removal.corefileIsStuck, waitsForAdministrator},
		{"blocks are left", removal.blocksAreLeft, does(TakeOutBlocks)},

		{"CoreDNS has not reloaded", removal.drains, waitsForCoreDNS},
		{"the Corefile gets a last look", removal.lacksLastLook, does(LookAtBlocks)},
		{"a block came back", removal.blockCameBack, waitsForBlock},

		{"records may still be written", removal.recordsMayBeWritten, marksDrained},
		{"objects may be left", removal.objectsMayBeLeft, does(DeleteObjects)},
		{"the namespace is gone", removal.namespaceIsGone, forgets},
		{"the namespace is being deleted", removal.namespaceIsEnding, waitsForNamespace},
		{"the rest of the namespace is unknown", removal.restIsUnknown, waitsForRest},
		{"the namespace holds foreign objects", removal.restIsForeign, keepsNamespace},
		{"the namespace is empty", removal.always, deletesNamespace},
	}
}

func nextRemoval(o Observed, now time.Time) Step {
	r := removal{Observed: o, Removed: o.Removed, now: now}
	if first, ok := firstOf(start(), r); ok {
		return first.then(r)
	}
	r.progress = r.currentProgress()
	first, _ := firstOf(table(), r)
	return first.then(r)
}

// firstOf returns the first row that applies.
func firstOf(rows []row, r removal) (row, bool) {
	for _, row := range rows {
		if row.when(r) {
			return row, true
		}
	}
	return row{}, false
}

// does returns a step that takes an action at once.
func does(action Action) func(removal) Step {
	return func(r removal) Step {
		step := Step{State: r.State, Paced: true, Action: action}
		if r.Removed != nil {
			step.State.Removal = &r.progress
		}
		return step
	}
}

// waits returns the step that tells users why the removal waits. An event marks each change of the
// phase.
func (r removal) waits(phase, message string, after time.Duration) Step {
	step := does(None)(r)
	step.After, step.State.Removal.Message = after, fit.Message(message)
	if step.State.Removal.Phase != phase {
		step.State.Removal.Phase = phase
		step.Events = []Event{normal("Removing", "Remove", step.State.Removal.Message)}
	}
	return step
}

func ends(r removal) Step { return Step{State: r.State} }

// recreates makes a payload Secret that is not applied, because the Cluster has no label by which a
// set selects it.
func recreates(r removal) Step {
	step := Step{State: r.State, Give: true, Action: Proceed}
	step.State.Payload, step.State.Release, step.State.Obsolete = r.Wanted.Hash, r.Wanted.Release, r.obsolete()
	return step
}

func begins(r removal) Step {
	step := Step{State: r.State, Paced: true, Action: Proceed}
	step.State.Waiting, step.State.InvalidOptions = "", ""
	step.State.Removal = &Removal{Message: "The add-on is being removed"}
	step.Events = []Event{normal("Removing", "Remove", "The label is gone: the add-on is being removed from the workload cluster")}
	return step
}

func forgets(r removal) Step {
	removed := normal("Removed", "Remove", "The add-on is removed from the workload cluster")
	return Step{State: r.State, Action: Forget, Last: true, Events: []Event{removed}}
}

func keepsNamespace(r removal) Step {
	holds := "objects that are not the add-on's: " + r.Rest.Foreign
	if r.Rest.Foreign == "" {
		holds = "no label of the add-on's"
	}
	kept := fmt.Sprintf("The namespace %s of the workload cluster stays, because it has %s", xccv1.WorkloadNamespace, holds)
	step := forgets(r)
	step.Events = append([]Event{normal("NamespaceKept", "Remove", kept)}, step.Events...)
	return step
}

func waitsForCluster(r removal) Step { return r.waits("Unreachable", r.Unread, 0) }

func waitsForPatcher(r removal) Step {
	message := "Waiting for dns-config-patcher to take the server block of the zone out of the Corefile"
	if r.Report.Message != "" {
		message += "; it says " + string(r.Report.State) + ": " + r.Report.Message
	}
	return r.waits("TakingOutBlock", message, r.patience())
}

func waitsForPatcherPod(r removal) Step {
	return r.waits("EndingPatcher", "Waiting for the Pod of dns-config-patcher to end", endingLook)
}

func waitsForAdministrator(r removal) Step {
	return r.waits("CorefileStuck", "Take the server block of the zone out of the Corefile by hand: "+r.Blocks.Problem, unknownLook)
}

func waitsForCoreDNS(r removal) Step {
	return r.waits("Draining", fmt.Sprintf("Waiting until %s for CoreDNS to reload its Corefile, which no longer forwards the zone; "+
		"the DNS servers answer meanwhile", r.drained().UTC().Format(time.RFC3339)), r.drained().Sub(r.now))
}

func waitsForBlock(r removal) Step {
	return r.waits("BlockCameBack", "A server block of the zone came back to the Corefile", endingLook)
}

func marksDrained(r removal) Step {
	step := r.waits("DeletingObjects", "The DNS servers are about to be deleted", endingLook)
	step.Action, step.Last = MarkDrained, true
	return step
}

func waitsForNamespace(r removal) Step {
	return r.waits("DeletingNamespace", "Waiting for the namespace "+xccv1.WorkloadNamespace+" to end", endingLook)
}

func waitsForRest(r removal) Step {
	return r.waits("RestUnknown",
		"Waiting to know whether anything else is in the namespace "+xccv1.WorkloadNamespace+": "+r.Rest.Unknown, unknownLook)
}

func deletesNamespace(r removal) Step {
	step := waitsForNamespace(r)
	step.Action, step.Last = DeleteNamespace, true
	return step
}
