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
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

// Action is the one thing to do after the State of a Step is stored. An action that observes or
// changes something adds its findings to the Observed of the next Step.
type Action string

// The actions on the management cluster.
const (
	// None ends the reconcile.
	None Action = ""
	// Proceed does nothing but store the State.
	Proceed Action = "Proceed"
	// PauseSet pauses the ClusterResourceSet, because its controller does not look at whether the
	// Cluster is paused.
	PauseSet Action = "PauseSet"
	// AskForTurn asks the Rollout for Observed.Turn.
	AskForTurn Action = "AskForTurn"
	// Deliver labels the Cluster, keeps its ClusterResourceSet, and clears a stale binding. It sets
	// Observed.Delivered.
	Deliver Action = "Deliver"
	// Forget deletes the objects on the management cluster, the payload Secret last.
	Forget Action = "Forget"
)

// The actions on the workload cluster.
const (
	// LookAtWorkload fills Observed.Installed if the add-on stays, and Observed.Removed if it goes.
	LookAtWorkload Action = "LookAtWorkload"

	// ReleaseOldPods takes Pods of the 2022 project out of the Service. See OldPods.
	ReleaseOldPods Action = "ReleaseOldPods"
	// RestoreWritten gives dns-config-patcher the copy of its server blocks.
	RestoreWritten Action = "RestoreWritten"
	// CreateCustom creates the ConfigMap that the Corefile imports.
	CreateCustom Action = "CreateCustom"
	// LookAtDrift fills Installed.Drift.
	LookAtDrift Action = "LookAtDrift"
	// Replace deletes objects with immutable fields that differ from the payload, so that the next
	// apply creates it.
	Replace Action = "Replace"
	// DeleteObsolete deletes the objects in State.Obsolete, and sets Installed.ObsoleteGone.
	DeleteObsolete Action = "DeleteObsolete"
	// LookAtProbe fills Installed.Probed.
	LookAtProbe Action = "LookAtProbe"

	// AskPatcher has dns-config-patcher take out the server block.
	AskPatcher Action = "AskPatcher"
	// DeletePatcher deletes the Deployment of dns-config-patcher.
	DeletePatcher Action = "DeletePatcher"
	// LookAtBlocks fills Removed.Blocks.
	LookAtBlocks Action = "LookAtBlocks"
	// TakeOutBlocks edits the Corefiles in place of dns-config-patcher.
	TakeOutBlocks Action = "TakeOutBlocks"
	// MarkDrained has the records controller write no more.
	MarkDrained Action = "MarkDrained"
	// DeleteObjects deletes the add-on's objects and records, and fills Removed.Rest.
	DeleteObjects Action = "DeleteObjects"
	// DeleteNamespace deletes the namespace xcc-dns.
	DeleteNamespace Action = "DeleteNamespace"
)

// Observed is the known facts of the installation of one Cluster. Parts that cost requests are nil
// until an Action asks for them.
type Observed struct {
	State State
	// Labelled: the add-on is wanted. Paused: nothing may change.
	Labelled, Paused bool
	// Blocked: an object that is not the add-on's is in the way.
	Blocked bool
	// Unselectable: no ClusterResourceSet can select the Cluster, because its name is no value of a
	// label.
	Unselectable bool
	// Present: the management cluster holds anything of the add-on. HasSecret: among it the payload
	// Secret.
	Present, HasSecret bool
	// StaleBinding: the binding is that of a former ClusterResourceSet of the same name.
	StaleBinding bool
	// Tried: something was sent to the workload cluster.
	Tried bool
	// Ready: DNS works in the workload cluster.
	Ready bool

	// Wanted is the payload that the flags and the options of the Cluster ask for. If
	// OptionsProblem is not empty the options are wrong, and Wanted is the payload without them.
	Wanted         Payload
	OptionsProblem string
	// Held are the objects that the Secret holds.
	Held []Reference
	// Pinned is the Corefile that the Cluster's annotation names; nil if it names none.
	Pinned *corefile.File
	// DrainTime is how long CoreDNS may take to reload a Corefile.
	DrainTime time.Duration

	Turn      *Decision
	Delivered bool
	Installed *Installed
	Removed   *Removed
}

// Payload is the manifests for one workload cluster.
type Payload struct {
	// Hash tells payloads apart, and Release those of all Clusters without options.
	Hash, Release string
	Objects       []Reference
}

// Step is the next step of an installation.
type Step struct {
	// State is stored before the Action is taken.
	State State
	// Give puts the wanted payload into the Secret, and Again has it applied even if it is the
	// same.
	Give, Again bool
	// Paced: the workload cluster causes the write, so that it needs a token.
	Paced bool
	// Action is None at the end of a reconcile. Last ends the reconcile after another Action, too.
	Action Action
	Last   bool
	// After is when to look again if nothing wakes the controller; zero if only an event can change
	// something.
	After time.Duration
	// Events are recorded after the Action.
	Events []Event
}

// Event is one transition, for users.
type Event struct {
	Type, Reason, Action, Note string
}

func normal(reason, action, note string) Event {
	return Event{corev1.EventTypeNormal, reason, action, note}
}

func warning(reason, action, note string) Event {
	return Event{corev1.EventTypeWarning, reason, action, note}
}

// blockedLook is how soon to look again whether a foreign object is gone. Secrets without the
// cluster name label are not watched.
const blockedLook = 30 * time.Second

// Next returns the next step of the installation of one Cluster.
func Next(o Observed, now time.Time) Step {
	switch {
	case o.Paused && o.Present:
		return Step{State: o.State, Action: PauseSet, Last: true}
	case o.Paused:
		return Step{State: o.State}
	case o.Blocked:
		return Step{State: o.State, After: blockedLook}
	case !o.Labelled:
		return nextRemoval(o, now)
	case o.Unselectable:
		return Step{State: o.State} // The condition says so.
	case o.Delivered:
		return nextUpkeep(o)
	default:
		return nextDelivery(o, now)
	}
}

// earliest returns the shortest time that is not zero, and zero if there is none.
func earliest(times ...time.Duration) time.Duration {
	var first time.Duration
	for _, t := range times {
		if t > 0 && (first == 0 || t < first) {
			first = t
		}
	}
	return first
}
