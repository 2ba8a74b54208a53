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
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/clusterdns"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

const (
	// probeLook is how soon to look again for a lookup that succeeded: the workload cluster makes
	// one every 30 seconds.
	probeLook = 10 * time.Second
	// contestedLook is how long an object is left alone that another writer keeps changing: the
	// time after which the next repair is allowed.
	contestedLook = time.Minute
	// oldPodsLook is how soon to look whether a Pod of the 2022 project's DNS server is being
	// deleted. It answers for five more seconds.
	oldPodsLook = time.Second
)

// Delivery is how far the ClusterResourceSet controller is with a payload.
type Delivery int

const (
	// Pending: it has not tried the present payload.
	Pending Delivery = iota
	// Refused: it tried, and the workload cluster did not take everything.
	Refused
	// Applied: the workload cluster took everything.
	Applied
)

// Installed is the observation of a workload cluster that keeps the add-on.
type Installed struct {
	// Unread: the cluster is not connected or not listed yet. Its source wakes the controller.
	Unread bool
	// Delivery is how far the payload is.
	Delivery Delivery
	// OldPods are those of the 2022 project's DNS server.
	OldPods OldPods

	// Reported: dns-config-patcher has written its report. Written are the server blocks in it.
	Reported bool
	Written  string
	// ClusterDNS and ClusterDNSProblem replace those of the State, and are due to be looked at
	// again after ClusterDNSLook.
	ClusterDNS        clusterdns.State
	ClusterDNSProblem string
	ClusterDNSLook    time.Duration
	// CustomMissing: the Corefile imports a ConfigMap that the manager has to create.
	CustomMissing bool

	Drift *Drift
	// ObsoleteGone: the objects in State.Obsolete are deleted.
	ObsoleteGone bool
	// Probed: a lookup succeeded since the Deployments are as they are; nil until looked at.
	Probed *bool
}

// OldPods are the Pods of the 2022 project's DNS server. They have no readiness probe, so
// Kubernetes calls them ready until they have ended. A query that CoreDNS sends to one on a socket
// it used before is lost from then on, so the Pod leaves the Service earlier.
type OldPods struct {
	// Exist: there are any. Ending: some are being deleted, while Pods of the payload answer.
	Exist, Ending bool
}

// Drift is how the workload cluster differs from a payload that was delivered.
type Drift struct {
	// Unknown: something could not be compared.
	Unknown bool
	// NamespaceEnding: nothing can be created before the namespace is gone.
	NamespaceEnding bool
	// Due lists the differences that may be repaired now, in words; empty if there are none.
	// Orphans are objects that the repair leaves behind.
	Due     string
	Orphans []Reference
	// Contested: other differences wait, because they were repaired too often. ContestedNote lists
	// them, in words, if an Event is due.
	Contested     bool
	ContestedNote string
	// Arrived: all Deployments are of the payload, and their Pods are available.
	Arrived bool
}

// nextUpkeep decides the next step in the workload cluster once the payload was given.
func nextUpkeep(o Observed) Step {
	i := o.Installed
	if i == nil {
		return Step{State: o.State, Action: LookAtWorkload}
	}
	step := Step{State: o.State, Paced: true}
	if o.Turn != nil {
		step.After = o.Turn.Wait
	}
	if i.OldPods.Exist {
		step.After = earliest(step.After, oldPodsLook)
	}
	if i.OldPods.Ending {
		step.Action = ReleaseOldPods
		return step
	}
	if i.Unread {
		return step
	}
	step.After = earliest(step.After, i.ClusterDNSLook)
	if i.Reported {
		step.State.ClusterDNS, step.State.ClusterDNSProblem = i.ClusterDNS, i.ClusterDNSProblem
	}
	switch {
	case i.Reported && i.Written == "" && step.State.Written != "":
		step.Action = RestoreWritten
		return step
	case i.Reported && i.Written != "" && len(i.Written) <= report.MaxWritten:
		step.State.Written = i.Written
	}
	switch {
	case i.CustomMissing:
		step.Action = CreateCustom
	case i.Delivery == Pending: // The binding wakes the controller.
	case i.Drift == nil:
		step.Action = LookAtDrift
	default:
		return nextRepair(o, step)
	}
	return step
}

// nextRepair decides how to repair drift. Without drift it goes on with the steps that wait for the
// payload's Pods.
func nextRepair(o Observed, step Step) Step {
	d := o.Installed.Drift
	if d.NamespaceEnding {
		return step // The end of the namespace wakes the controller.
	}
	if d.ContestedNote != "" {
		step.Events = append(step.Events, warning("RepairContested", "Repair",
			"Repairing once a minute only, because another writer keeps changing it in the workload cluster: "+d.ContestedNote))
	}
	switch {
	case d.Due != "":
		step.Events = append(step.Events, normal("Repairing", "Repair", "Applying the add-on again in the workload cluster: "+d.Due))
		step.State.Obsolete = without(slices.Concat(step.State.Obsolete, d.Orphans), o.Held)
		step.Again, step.Action, step.After = true, Replace, 0
		return step
	case d.Contested:
		step.After = earliest(step.After, contestedLook)
		return step
	case d.Unknown, o.Installed.Delivery == Refused: // The error, or the ClusterResourceSet controller, leads to another try.
		return step
	}
	return nextArrival(o, step)
}

// nextArrival decides the steps that wait for the payload's Pods: the end of the objects that they
// replace, and the record that DNS is ready with them, which is the turn of the next Cluster.
func nextArrival(o Observed, step Step) Step {
	i := o.Installed
	if !i.Drift.Arrived || i.OldPods.Exist {
		return step // The Deployments wake the controller.
	}
	if i.ObsoleteGone {
		step.State.Obsolete = nil
	}
	switch {
	case len(step.State.Obsolete) > 0:
		step.Action = DeleteObsolete
	case !o.Ready || step.State.ReadyPayload == step.State.Payload:
	case i.Probed == nil:
		step.Action = LookAtProbe
	case *i.Probed:
		step.State.ReadyPayload = step.State.Payload
	default:
		step.After = earliest(step.After, probeLook)
	}
	return step
}
