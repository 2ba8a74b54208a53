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
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/support"
)

// reloadTime is how long CoreDNS may take to read a Corefile that was changed: kubelet's sync and the plugin reload.
const reloadTime = 3 * time.Minute

// observation is all that the condition is computed from.
type observation struct {
	now time.Time
	// labelled: the add-on is wanted.
	labelled bool
	// conflict is which foreign object is in the way of the add-on; empty if none is.
	conflict string
	// payload is the name of the Secret with the add-on's manifests; empty if there is none. state is the State in it.
	payload string
	state   install.State
	// refused is why the cluster's kubeconfig is not used; empty if it is or there is none.
	refused string
	// silent is why nothing is known of the workload cluster; empty if it is observed. It has until patientUntil to answer.
	silent       string
	patientUntil time.Time
	// initialized: the cluster's control plane has been up once.
	initialized bool

	// version is that of the workload cluster's API server; empty if it is not known.
	version string
	// What the workload cluster has; nil where it has none.
	dnsServer, patcher *appsv1.Deployment
	report             map[string]string
	lease              *sighting
}

// verdict is what the condition should say. The empty one says that there should be no condition.
type verdict struct {
	reason  string
	message string
	// keep: whatever condition there is stays, because more will be known at the time again.
	keep bool
	// again is when time alone may change the verdict; zero if it does not.
	again time.Time
}

// Status returns the status that goes with a reason. Each reason has one.
func Status(reason string) metav1.ConditionStatus {
	switch reason {
	case xccv1.DNSReadyReason, xccv1.UpdateWaitingReason:
		return metav1.ConditionTrue
	case xccv1.WaitingForControlPlaneReason, xccv1.KubeconfigRefusedReason, xccv1.ClusterUnreachableReason,
		xccv1.PatcherUnavailableReason, xccv1.WaitingForProbeReason, xccv1.ProbeStaleReason:
		return metav1.ConditionUnknown
	default:
		return metav1.ConditionFalse
	}
}

// Reasons returns every reason that the condition can have.
func Reasons() []string {
	reasons := []string{
		xccv1.DNSReadyReason, xccv1.UpdateWaitingReason,
		xccv1.NotInstalledReason, xccv1.UpdatingReason, xccv1.DNSServerUnavailableReason, xccv1.ProbeFailedReason,
		xccv1.ClusterDNSUnconfiguredReason,
		xccv1.InvalidOptionsReason, xccv1.ObjectConflictReason, xccv1.RemovingReason,
		xccv1.WaitingForControlPlaneReason, xccv1.KubeconfigRefusedReason, xccv1.ClusterUnreachableReason,
		xccv1.PatcherUnavailableReason, xccv1.WaitingForProbeReason, xccv1.ProbeStaleReason,
	}
	for _, state := range report.States() {
		if state != report.Forwarding {
			reasons = append(reasons, string(state))
		}
	}
	return reasons
}

// judge computes the condition, and adds to what it says if the workload cluster is older than supported: whether that is the cause
// of anything is not known, so it is no reason of its own.
func judge(o *observation) verdict {
	found := check(o)
	old := support.OfWorkload(o.version)
	switch {
	case found.reason == "" || old == "":
	case found.message == "":
		found.message = old
	default:
		found.message = old + ". " + found.message
	}
	return found
}

// check computes the condition. The first thing that is wrong counts: whoever cannot be asked is not judged by what it said
// before, and what keeps pods from resolving comes before what only is not as it was asked for.
func check(o *observation) verdict {
	if o.conflict != "" {
		return verdict{reason: xccv1.ObjectConflictReason, message: sentences(o.conflict)}
	}
	if !o.labelled && o.payload == "" {
		return verdict{}
	}
	for _, part := range []func(*observation) verdict{
		removal, connection, installation, dnsServer, rollout, patcher, corefile, probe, wishes,
	} {
		if found := part(o); found.reason != "" {
			return found
		}
	}
	// Time alone can still make the Lease too old.
	return verdict{reason: xccv1.DNSReadyReason, message: sentences(coreDNS(o), missing(o), uncopied(o)), again: o.lease.nextChange(o.now)}
}

func removal(o *observation) verdict {
	if o.labelled && o.state.Removal == nil {
		return verdict{}
	}
	message := ""
	if o.state.Removal != nil {
		message = o.state.Removal.Message
	}
	if message == "" {
		message = "The add-on is about to be removed, because the label " + xccv1.DNSLabel + "=" + xccv1.DNSEnabled + " is gone"
	}
	return verdict{reason: xccv1.RemovingReason, message: message}
}

func connection(o *observation) verdict {
	if o.refused != "" {
		return verdict{reason: xccv1.KubeconfigRefusedReason, message: sentences(o.refused, "Pods there resolve what they resolved before")}
	}
	if o.silent == "" {
		return verdict{}
	}
	found := verdict{reason: xccv1.ClusterUnreachableReason, message: o.silent}
	if !o.initialized {
		found.reason = xccv1.WaitingForControlPlaneReason
		found.message = "The add-on is installed when the control plane is initialized"
	}
	if o.now.Before(o.patientUntil) {
		found.keep, found.again = true, o.patientUntil
	}
	return found
}

func installation(o *observation) verdict {
	var absent []string
	for name, deployment := range map[string]*appsv1.Deployment{
		xccv1.DNSServerName: o.dnsServer, xccv1.DNSConfigPatcherName: o.patcher,
	} {
		if deployment == nil {
			absent = append(absent, xccv1.WorkloadNamespace+"/"+name)
		}
	}
	slices.Sort(absent)
	switch {
	case o.payload == "":
		return verdict{reason: xccv1.NotInstalledReason, message: sentences("The add-on is about to be installed")}
	case len(absent) > 0:
		return verdict{reason: xccv1.NotInstalledReason, message: sentences(
			"The cluster has no Deployment "+strings.Join(absent, " and no "),
			"If it stays so: see the condition ResourcesApplied of ClusterResourceSet "+o.payload,
			o.state.InvalidOptions,
		)}
	}
	return verdict{}
}

// dnsServer says whether anything answers. A rollout that is under way has servers too many, not too few.
func dnsServer(o *observation) verdict {
	available, wanted := o.dnsServer.Status.AvailableReplicas, replicas(o.dnsServer)
	// The PodDisruptionBudget lets one be away.
	if available > 0 && (available >= wanted-1 || !isRolledOut(o.dnsServer)) {
		return verdict{}
	}
	return verdict{reason: xccv1.DNSServerUnavailableReason, message: sentences(
		fmt.Sprintf("%d of %d Pods of Deployment %s/%s are available, see what keeps them", available, wanted,
			xccv1.WorkloadNamespace, xccv1.DNSServerName),
		problem(o.dnsServer),
	)}
}

// rollout says whether what runs is what the payload Secret has.
func rollout(o *observation) verdict {
	for _, deployment := range []*appsv1.Deployment{o.dnsServer, o.patcher} {
		name := xccv1.WorkloadNamespace + "/" + deployment.Name
		switch {
		case deployment.Annotations[xccv1.PayloadAnnotation] != o.state.Payload:
			return verdict{reason: xccv1.UpdatingReason, message: sentences(
				"Deployment "+name+" is not yet as the payload has it",
				"If it stays so: see the condition ResourcesApplied of ClusterResourceSet "+o.payload,
			)}
		case !isRolledOut(deployment):
			return verdict{reason: xccv1.UpdatingReason, message: sentences(
				fmt.Sprintf("Deployment %s is rolled out, %d of %d Pods are up to date", name, deployment.Status.UpdatedReplicas, replicas(deployment)),
				problem(deployment),
			)}
		}
	}
	if o.patcher.Status.AvailableReplicas == 0 && !everCompleted(o.patcher) {
		return verdict{reason: xccv1.UpdatingReason, message: sentences(
			"Deployment "+xccv1.WorkloadNamespace+"/"+o.patcher.Name+" is rolled out, its Pod is not available yet", problem(o.patcher),
		)}
	}
	return verdict{}
}

// patcher says whether the report can be believed. A patcher that is away for a moment has said all that is needed.
func patcher(o *observation) verdict {
	says := report.State(o.report[report.KeyState])
	switch {
	case o.patcher.Status.AvailableReplicas == 0 && (says == "" || !o.lease.fresh(o.now)):
		undecided := says != "" && o.lease.undecided(o.now)
		return verdict{reason: xccv1.PatcherUnavailableReason, keep: undecided, again: o.lease.nextChange(o.now), message: sentences(
			"The Pod of Deployment "+xccv1.WorkloadNamespace+"/"+o.patcher.Name+" is not available, see what keeps it", problem(o.patcher),
		)}
	case says == "":
		return verdict{reason: xccv1.PatcherUnavailableReason, message: sentences(
			"dns-config-patcher runs and has not reported on the Corefile", "If it stays so: see its log",
		)}
	case !slices.Contains(report.States(), says):
		return verdict{reason: xccv1.PatcherUnavailableReason, message: sentences(
			"dns-config-patcher reports something that this version of the manager does not know: " + string(says),
		)}
	}
	return verdict{}
}

func corefile(o *observation) verdict {
	says := o.report[report.KeyState]
	if report.State(says) == report.Forwarding {
		return verdict{}
	}
	// What Pods ask is of no matter where the Corefile is known and somebody has to correct it.
	var asked, invalid string
	if report.State(says) == report.CorefileNotFound {
		asked, invalid = o.state.ClusterDNSProblem, o.state.InvalidOptions
	}
	return verdict{reason: says, message: sentences(o.report[report.KeyMessage], invalid, asked, coreDNS(o))}
}

// probe says whether lookups through the cluster's own DNS succeed.
func probe(o *observation) verdict {
	failure := o.report[report.KeyProbe]
	found := verdict{again: o.lease.nextChange(o.now)}
	reloaded := since(o).Add(reloadTime)
	// An annotation that says where the Corefile is may be what is wrong.
	asked, invalid := o.state.ClusterDNSProblem, o.state.InvalidOptions
	failed := failure != "" && !o.lease.recent(o.now) && !o.lease.undecided(o.now)
	switch {
	case failed && asked != "":
		found.reason, found.message = xccv1.ClusterDNSUnconfiguredReason, sentences(invalid, asked, "A lookup failed: "+failure, coreDNS(o))
	case failure != "" && o.lease == nil && o.now.Before(reloaded):
		found.reason, found.again = xccv1.WaitingForProbeReason, reloaded
		found.message = sentences("The Corefile was written, CoreDNS takes up to 3 minutes to read it", "Until then: "+failure, coreDNS(o))
	case failed:
		found.reason = xccv1.ProbeFailedReason
		found.message = sentences("A lookup in the cluster, through its own DNS, failed: "+failure, invalid, coreDNS(o))
	case o.lease.fresh(o.now):
		return verdict{}
	case o.lease == nil:
		found.reason, found.message = xccv1.WaitingForProbeReason, sentences("No lookup in the cluster, through its own DNS, has been reported yet")
	default:
		found.reason, found.keep = xccv1.ProbeStaleReason, o.lease.undecided(o.now)
		found.message = sentences(
			fmt.Sprintf("No lookup in the cluster, through its own DNS, has been reported for %s", o.lease.duration),
			"See the log of Deployment "+xccv1.WorkloadNamespace+"/"+xccv1.DNSConfigPatcherName, coreDNS(o))
	}
	return found
}

// wishes says whether all works and is not what somebody asked for.
func wishes(o *observation) verdict {
	found := verdict{again: o.lease.nextChange(o.now)}
	if invalid := o.state.InvalidOptions; invalid != "" {
		found.reason, found.message = xccv1.InvalidOptionsReason, sentences(invalid, "What was installed before works")
	} else if waiting := o.state.Waiting; waiting != "" {
		found.reason, found.message = xccv1.UpdateWaitingReason, sentences(waiting, coreDNS(o), missing(o))
	}
	return found
}
