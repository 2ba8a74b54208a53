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
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// healthy is a cluster in which all is well, with changes.
func healthy(changes ...func(*observation)) *observation {
	o := &observation{
		now: now, labelled: true, initialized: true,
		payload: "c-xcc-dns", state: install.State{Payload: "v2"},
		dnsServer: deployment(xccv1.DNSServerName, 2),
		patcher:   deployment(xccv1.DNSConfigPatcherName, 1),
		report:    map[string]string{report.KeyState: string(report.Forwarding), report.KeyCoreDNS: "kube-system/coredns"},
		lease:     &sighting{renewed: now.Add(-20 * time.Second), duration: 90 * time.Second},
	}
	for _, change := range changes {
		change(o)
	}
	return o
}

func deployment(name string, replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Generation: 3, Annotations: map[string]string{xccv1.PayloadAnnotation: "v2"}},
		Spec:       appsv1.DeploymentSpec{Replicas: new(replicas)},
		Status: appsv1.DeploymentStatus{
			ObservedGeneration: 3, Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: replicas, AvailableReplicas: replicas,
			Conditions: []appsv1.DeploymentCondition{{
				Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable",
			}},
		},
	}
}

func progressing(deployment *appsv1.Deployment, status corev1.ConditionStatus, reason, message string) {
	deployment.Status.Conditions = []appsv1.DeploymentCondition{{
		Type: appsv1.DeploymentProgressing, Status: status, Reason: reason, Message: message,
	}}
}

func waiting(why string) func(*observation) {
	return func(o *observation) { o.state.Waiting = why }
}

func invalidOptions(problem string) func(*observation) {
	return func(o *observation) { o.state.InvalidOptions = problem }
}

func clusterDNSProblem(problem string) func(*observation) {
	return func(o *observation) { o.state.ClusterDNSProblem = problem }
}

func removing(message string) func(*observation) {
	return func(o *observation) { o.state.Removal = &install.Removal{Message: message} }
}

func reports(key, value string) func(*observation) {
	return func(o *observation) { o.report[key] = value }
}

func renewedBefore(age time.Duration) func(*observation) {
	return func(o *observation) { o.lease.renewed = now.Add(-age) }
}

func notRenewed(o *observation) { o.lease = nil }

func unreachable(o *observation) {
	o.silent, o.patientUntil = "The cluster is not connected", now
	o.dnsServer, o.patcher, o.report, o.lease = nil, nil, nil, nil
}

func TestConditionOfWhatWasObserved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		observed *observation
		reason   string
		message  string
	}{
		"all is well": {healthy(), "Ready", "CoreDNS: kube-system/coredns"},
		"one DNS server is away, as the PodDisruptionBudget allows": {
			healthy(func(o *observation) { o.dnsServer.Status.AvailableReplicas = 1 }), "Ready", "1 of 2 DNS servers are available",
		},
		"the cluster is older than supported": {
			healthy(func(o *observation) { o.version = "v1.27.3" }), "Ready",
			"Kubernetes v1.27.3 of this cluster is older than v1.28, the oldest version that this release supports. CoreDNS: kube-system/coredns",
		},
		"the cluster is older than supported, and its lookups fail": {
			healthy(func(o *observation) { o.version = "v1.27.3" }, reports(report.KeyProbe, "NXDOMAIN"), renewedBefore(time.Hour)), "ProbeFailed",
			"is older than v1.28, the oldest version that this release supports. A lookup in the cluster, through its own DNS, failed: NXDOMAIN",
		},
		"the cluster is the oldest that is supported": {healthy(func(o *observation) { o.version = "v1.28.0" }), "Ready", "CoreDNS: kube-system/coredns"},
		"the patcher remembers too much": {
			healthy(reports(report.KeyWritten, strings.Repeat("x", 9000))), "Ready", "is 9000 bytes long and is not copied, 8192 are allowed",
		},
		"the patcher is away for a moment": {healthy(func(o *observation) { o.patcher.Status.AvailableReplicas = 0 }), "Ready", ""},
		"an update waits for its turn":     {healthy(waiting("Waits for c2.")), "UpdateWaiting", "Waits for c2. CoreDNS"},
		"an option cannot be obeyed": {
			healthy(invalidOptions("dns-replicas must be a number.")), "InvalidOptions", "dns-replicas must be a number. What",
		},
		"a foreign object is in the way, and nothing else is known": {
			&observation{conflict: "Not created by xcc and in its way: Secret a. Delete it"}, "ObjectConflict", "in its way: Secret a. Delete it",
		},
		"a foreign object is in the way of a cluster that works": {
			healthy(func(o *observation) { o.conflict = "Not created by xcc" }), "ObjectConflict", "Not created by xcc",
		},
		"the label is gone": {healthy(func(o *observation) { o.labelled = false }), "Removing", "is about to be removed"},
		"it is being removed": {
			healthy(func(o *observation) { o.labelled = false }, removing("Waits for CoreDNS")), "Removing", "Waits for CoreDNS",
		},
		"it is being removed from a cluster that is unreachable": {
			healthy(unreachable, removing("Waits for the cluster")), "Removing", "Waits for the cluster",
		},

		"Pods ask what is not configured": {
			healthy(notRenewed, reports(report.KeyProbe, "NXDOMAIN"), reports(report.KeySince, now.Add(-time.Hour).Format(time.RFC3339)),
				clusterDNSProblem("Pods ask 169.254.25.10")),
			"ClusterDNSUnconfigured", "Pods ask 169.254.25.10. A lookup failed: NXDOMAIN. CoreDNS",
		},
		"Pods ask what is not configured, but resolve": {healthy(clusterDNSProblem("Pods ask 169.254.25.10")), "Ready", ""},
		"no Corefile was found, nor one behind what Pods ask": {
			healthy(reports(report.KeyState, string(report.CorefileNotFound)), reports(report.KeyMessage, "There is none."),
				clusterDNSProblem("Pods ask 10.0.0.10"), invalidOptions("dns-corefile is x")),
			"CorefileNotFound", "There is none. dns-corefile is x. Pods ask 10.0.0.10",
		},
		"the cluster does not answer": {healthy(unreachable), "ClusterUnreachable", "not connected"},
		"the cluster has no control plane yet": {
			healthy(unreachable, func(o *observation) { o.initialized = false }), "WaitingForControlPlane", "initialized",
		},
		"there is no payload yet": {healthy(func(o *observation) { o.payload = "" }), "NotInstalled", "about to be installed"},
		"a Deployment is gone": {
			healthy(func(o *observation) { o.patcher = nil }), "NotInstalled", "no Deployment xcc-dns/dns-config-patcher. If it stays so: see the condition ResourcesApplied of ClusterResourceSet c-xcc-dns",
		},
		"both Deployments are": {
			healthy(func(o *observation) { o.patcher, o.dnsServer = nil, nil }), "NotInstalled", "no Deployment xcc-dns/dns-config-patcher and no xcc-dns/dns-server",
		},

		"no DNS server is available": {healthy(func(o *observation) {
			o.dnsServer.Status.AvailableReplicas = 0
			progressing(o.dnsServer, corev1.ConditionFalse, "ProgressDeadlineExceeded", "timed out")
		}), "DNSServerUnavailable", "0 of 2 Pods of Deployment xcc-dns/dns-server are available, see what keeps them. timed out"},
		"more DNS servers are away than the PodDisruptionBudget allows": {healthy(func(o *observation) {
			o.dnsServer = deployment(xccv1.DNSServerName, 4)
			o.dnsServer.Status.AvailableReplicas = 2
		}), "DNSServerUnavailable", "2 of 4"},
		"the payload has not arrived": {healthy(func(o *observation) { o.state.Payload = "v3" }), "Updating", "xcc-dns/dns-server is not yet as the payload has it"},
		"the payload has arrived at one Deployment": {
			healthy(func(o *observation) { o.patcher.Annotations = nil }), "Updating", "xcc-dns/dns-config-patcher is not yet",
		},
		"the Deployment's controller has not seen the payload": {healthy(func(o *observation) { o.dnsServer.Generation = 4 }), "Updating", "rolled out"},
		"half of the Pods are new": {healthy(func(o *observation) {
			o.dnsServer.Status.UpdatedReplicas = 1
			progressing(o.dnsServer, corev1.ConditionFalse, "ProgressDeadlineExceeded", "new Pods do not come up")
		}), "Updating", "1 of 2 Pods are up to date. new Pods do not come up"},
		"an old Pod still answers": {healthy(func(o *observation) { o.dnsServer.Status.Replicas = 3 }), "Updating", "2 of 2"},
		"the new patcher has never run": {healthy(func(o *observation) {
			o.patcher.Status.AvailableReplicas = 0
			progressing(o.patcher, corev1.ConditionTrue, "ReplicaSetUpdated", "")
		}), "Updating", "its Pod is not available yet"},

		"the patcher has been away for too long": {
			healthy(func(o *observation) { o.patcher.Status.AvailableReplicas = 0 }, renewedBefore(2*time.Minute)), "PatcherUnavailable", "see what keeps it",
		},
		"the patcher has never reported": {healthy(func(o *observation) { o.report = nil }), "PatcherUnavailable", "see its log"},
		"the patcher is newer than the manager": {
			healthy(reports(report.KeyState, "Sideways")), "PatcherUnavailable", "does not know: Sideways",
		},
		"somebody else serves the zone": {
			healthy(reports(report.KeyState, "ForeignBlock"), reports(report.KeyMessage, "Remove it.")), "ForeignBlock", "Remove it. CoreDNS: kube-system/coredns",
		},
		"the block was taken out and nothing is being removed": {healthy(reports(report.KeyState, "Removed")), "Removed", ""},

		"a single lookup failed": {healthy(reports(report.KeyProbe, "timed out"), renewedBefore(44*time.Second)), "Ready", ""},
		"lookups fail": {
			healthy(reports(report.KeyProbe, "NXDOMAIN from 10.96.0.10"), renewedBefore(45*time.Second)), "ProbeFailed", "failed: NXDOMAIN from 10.96.0.10. CoreDNS",
		},
		"lookups have never succeeded": {healthy(reports(report.KeyProbe, "NXDOMAIN"), notRenewed), "ProbeFailed", "NXDOMAIN"},
		"CoreDNS has not reloaded yet": {
			healthy(reports(report.KeyProbe, "NXDOMAIN"), reports(report.KeySince, now.Add(-time.Minute).Format(time.RFC3339)), notRenewed),
			"WaitingForProbe", "takes up to 3 minutes to read it. Until then: NXDOMAIN",
		},
		"a clock that is far ahead does not hide that lookups fail": {
			healthy(reports(report.KeyProbe, "NXDOMAIN"), reports(report.KeySince, now.Add(time.Hour).Format(time.RFC3339)), notRenewed),
			"ProbeFailed", "NXDOMAIN",
		},
		"nothing was looked up yet":  {healthy(notRenewed), "WaitingForProbe", "No lookup"},
		"the Lease was just in time": {healthy(renewedBefore(90*time.Second - time.Millisecond)), "Ready", ""},
		"the Lease is old":           {healthy(renewedBefore(90 * time.Second)), "ProbeStale", "for 1m30s. See the log"},
		"what is broken counts before what is not as asked for": {
			healthy(reports(report.KeyState, "WriteFailed"), invalidOptions("x"), waiting("y")),
			"WriteFailed", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			found := judge(test.observed)
			g.Expect(found.reason).To(Equal(test.reason))
			g.Expect(found.message).To(ContainSubstring(test.message))
			g.Expect(found.keep).To(BeFalse())
			g.Expect(Reasons()).To(ContainElement(found.reason))
		})
	}
}

func TestEachReasonHasOneStatus(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	byStatus := map[metav1.ConditionStatus][]string{}
	for _, reason := range Reasons() {
		byStatus[Status(reason)] = append(byStatus[Status(reason)], reason)
	}
	g.Expect(byStatus[metav1.ConditionTrue]).To(ConsistOf("Ready", "UpdateWaiting"))
	g.Expect(byStatus[metav1.ConditionUnknown]).To(ConsistOf(
		"WaitingForControlPlane", "KubeconfigRefused", "ClusterUnreachable", "PatcherUnavailable", "WaitingForProbe", "ProbeStale"))
	g.Expect(byStatus[metav1.ConditionFalse]).To(ContainElements("ProbeFailed", "ForeignBlock", "Removed"))
}

func TestNoConditionWhereNothingIsWantedOrInstalled(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(judge(&observation{now: now})).To(Equal(verdict{}))
}

func TestWhatIsNotYetDecidedStays(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	later := now.Add(3 * time.Second)

	connecting := judge(healthy(unreachable, func(o *observation) { o.patientUntil = later }))
	g.Expect(connecting.keep).To(BeTrue(), "a cluster that is being connected")
	g.Expect(connecting.again).To(Equal(later))

	old := renewedBefore(time.Hour)
	undecided := func(o *observation) { o.lease.undecidedUntil = later }
	for _, o := range []*observation{
		healthy(old, undecided),
		healthy(old, undecided, reports(report.KeyProbe, "NXDOMAIN")),
		healthy(old, undecided, func(o *observation) { o.patcher.Status.AvailableReplicas = 0 }),
	} {
		found := judge(o)
		g.Expect(found.keep).To(BeTrue(), "a Lease that looks old at first sight: %v", found)
		g.Expect(found.again).To(Equal(later))
	}
}

func TestTimeAloneIsWaitedFor(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(judge(healthy()).again).To(Equal(now.Add(25 * time.Second)))
	g.Expect(judge(healthy(renewedBefore(50 * time.Second))).again).To(Equal(now.Add(40 * time.Second)))
	g.Expect(judge(healthy(renewedBefore(time.Hour))).again).To(BeZero())
	g.Expect(judge(healthy(waiting("y"))).again).To(Equal(now.Add(25 * time.Second)))
	waiting := healthy(reports(report.KeyProbe, "NXDOMAIN"), reports(report.KeySince, now.Format(time.RFC3339)), notRenewed)
	g.Expect(judge(waiting).again).To(Equal(now.Add(3 * time.Minute)))
}

func TestAWorkloadClusterCannotFillACondition(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	found := judge(healthy(reports(report.KeyState, "WriteFailed"), reports(report.KeyMessage, strings.Repeat("ä", 1<<16)), reports(report.KeyCoreDNS, "\xff")))
	g.Expect(len(found.message)).To(BeNumerically("<", 1000))
	g.Expect(found.message).To(BeAssignableToTypeOf(""))
	g.Expect(strings.ToValidUTF8(found.message, "?")).To(Equal(found.message))
}
