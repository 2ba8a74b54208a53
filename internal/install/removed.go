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

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

const (
	// stoppedPatience is how long dns-config-patcher may take if no Pod of it is available, and
	// runningPatience if one is: it may wait for an administrator who has to correct the Corefile.
	stoppedPatience = 2 * time.Minute
	runningPatience = 10 * time.Minute
)

// Removed is the observation of a workload cluster that loses the add-on.
type Removed struct {
	// Unread is why the cluster cannot be read, as one sentence; empty if it can.
	Unread string
	// Namespace is xcc-dns; nil if there is none.
	Namespace *Namespace
	// Patcher is the Deployment of dns-config-patcher; nil if there is none or it is being deleted.
	// PatcherPod: a Pod of it may still write. That is observed only if there is no Deployment.
	Patcher    *Patcher
	PatcherPod bool
	// Report is the report of dns-config-patcher.
	Report Report
	// Blocks are those left in the Corefiles; nil until looked at.
	Blocks *Blocks
	// Rest is the contents of the namespace after the add-on's objects were deleted; nil before.
	Rest *Rest
}

// Namespace is the namespace xcc-dns of a workload cluster.
type Namespace struct {
	// Ours: it carries the label of the add-on's objects. Delivered: it carries the hash of a
	// payload.
	Ours, Delivered bool
	// Drained: the records controller writes no more. Ending: it is being deleted.
	Drained, Ending bool
}

// Patcher is the Deployment of dns-config-patcher.
type Patcher struct {
	// Asked: it carries RemoveAnnotation. AskedAt is the time in that; zero if another writer
	// spoilt it.
	Asked   bool
	AskedAt time.Time
	// Available: a Pod of it is.
	Available bool
}

// Report is the report of dns-config-patcher on the Corefile.
type Report struct {
	State          report.State
	Message, Since string
}

// Blocks are the server blocks of ours in the Corefiles of a workload cluster.
type Blocks struct {
	// Left: there are any that can be taken out. Problem is why others cannot; empty if there are
	// none.
	Left    bool
	Problem string
}

// Rest is the contents of the namespace after the add-on's objects were deleted.
type Rest struct {
	// Unknown is why that is not known, as one sentence; empty if it is.
	Unknown string
	// Foreign are objects that are not the add-on's, in words; empty if there are none.
	Foreign string
}

// removal is the input of the table.
type removal struct {
	Observed
	*Removed
	// progress is that of the State, with the time since which the Corefile is clean brought up to
	// date.
	progress Removal
	now      time.Time
}

func (r removal) isOver() bool             { return !r.Present }
func (r removal) lostSecret() bool         { return !r.HasSecret }
func (r removal) isNew() bool              { return r.State.Removal == nil }
func (r removal) isUnobserved() bool       { return r.Removed == nil }
func (r removal) isUnreadAndUntried() bool { return r.Unread != "" && !r.Tried }
func (r removal) isUnread() bool           { return r.Unread != "" }
func (r removal) isForeign() bool          { return r.Namespace != nil && !r.Tried && !r.Namespace.Delivered }
func (r removal) patcherIsUnasked() bool   { return r.Patcher != nil && !r.Patcher.Asked }
func (r removal) patcherIsDue() bool       { return r.awaitsPatcher() && r.patience() > 0 }
func (r removal) patcherPodRuns() bool     { return r.Patcher == nil && r.PatcherPod }
func (r removal) blocksAreUnknown() bool   { return r.Patcher == nil && r.Blocks == nil }
func (r removal) blocksAreLeft() bool      { return r.Patcher == nil && r.Blocks.Left }
func (r removal) drains() bool             { return r.Namespace != nil && r.now.Before(r.drained()) }
func (r removal) lacksLastLook() bool      { return r.Namespace != nil && r.Blocks == nil }
func (r removal) blockCameBack() bool      { return r.Namespace != nil && r.Blocks.Left }
func (r removal) recordsMayBeWritten() bool {
	return r.Namespace != nil && !r.Namespace.Ending && !r.Namespace.Drained
}
func (r removal) objectsMayBeLeft() bool  { return r.Rest == nil }
func (r removal) namespaceIsGone() bool   { return r.Namespace == nil }
func (r removal) namespaceIsEnding() bool { return r.Namespace.Ending }
func (r removal) restIsUnknown() bool     { return r.Rest.Unknown != "" }
func (r removal) restIsForeign() bool     { return r.Rest.Foreign != "" || !r.Namespace.Ours }
func (r removal) always() bool            { return true }

// awaitsPatcher returns whether dns-config-patcher was asked and has not done it.
func (r removal) awaitsPatcher() bool {
	return r.Patcher != nil && r.Patcher.Asked && r.Report.State != report.Removed
}

// askedAtIsUnknown returns whether the time in RemoveAnnotation says nothing about how long the
// patcher has been asked.
func (r removal) askedAtIsUnknown() bool {
	return r.awaitsPatcher() && (r.Patcher.AskedAt.IsZero() || r.Patcher.AskedAt.After(r.now))
}

// corefileIsStuck returns whether an administrator has to edit a Corefile. A Corefile that was
// clean once needs no edit.
func (r removal) corefileIsStuck() bool {
	return r.Patcher == nil && r.Blocks.Problem != "" && r.State.Removal.CleanSince.IsZero()
}

// patience returns how long dns-config-patcher may still take.
func (r removal) patience() time.Duration {
	allowed := stoppedPatience
	if r.Patcher.Available {
		allowed = runningPatience
	}
	return allowed - r.now.Sub(r.Patcher.AskedAt)
}

// drained returns when CoreDNS has reloaded the Corefile.
func (r removal) drained() time.Time { return r.progress.CleanSince.Add(r.DrainTime) }

// currentProgress returns the progress with the time since which no server block is left, by this
// clock, from when that was first seen. It begins anew if a block comes back: the kubeadm control
// plane may write a Corefile that it read before.
func (r removal) currentProgress() Removal {
	progress := *r.State.Removal
	reported := ""
	switch {
	case r.Unread != "":
		return progress
	case r.Patcher != nil && (!r.Patcher.Asked || r.awaitsPatcher()):
		progress.CleanSince, progress.ReportedSince = time.Time{}, ""
		return progress
	case r.Blocks != nil && r.Blocks.Left:
		// The report of the patcher is outdated until it has another time.
		progress.CleanSince = time.Time{}
		return progress
	case r.Patcher != nil:
		reported = timeOrNothing(r.Report.Since)
		if r.Blocks == nil && progress.CleanSince.IsZero() && reported != "" && reported == progress.ReportedSince {
			return progress
		}
	case r.PatcherPod || r.Blocks == nil || r.Blocks.Problem != "":
		return progress
	}
	isKnown := !progress.CleanSince.IsZero() && !progress.CleanSince.After(r.now) && (reported == "" || reported == progress.ReportedSince)
	if !isKnown {
		progress.CleanSince = r.now
		if reported != "" {
			progress.ReportedSince = reported
		}
	}
	return progress
}
