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

package manager_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/cluster-api/util/patch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
)

// dnsReady returns the condition DNSReady of a Cluster, or an empty one.
func (n *tenant) dnsReady(name string) func(Gomega) metav1.Condition {
	return func(g Gomega) metav1.Condition {
		current := &clusterv1.Cluster{}
		g.Expect(management.Get(n.t.Context(), client.ObjectKey{Namespace: n.namespace, Name: name}, current)).To(Succeed())
		return ptr.Deref(meta.FindStatusCondition(current.Status.Conditions, xccv1.DNSReadyCondition), metav1.Condition{})
	}
}

// node stands for the nodes of a workload cluster that has none, and for the Pods of the add-on.
type node struct {
	*WithT
	t        *testing.T
	workload *cluster
}

// runPods reports that all Pods of both Deployments are available, as soon as there are Deployments.
func (n *node) runPods() {
	n.t.Helper()
	for _, name := range []string{xccv1.DNSServerName, xccv1.DNSConfigPatcherName} {
		n.setAvailable(name, -1)
	}
}

// setAvailable reports so many available Pods of a Deployment, all of its present template; all if the number is negative.
func (n *node) setAvailable(name string, available int32) {
	n.t.Helper()
	n.Eventually(func(g Gomega) {
		deployment := &appsv1.Deployment{}
		g.Expect(n.workload.Get(n.t.Context(), client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: name}, deployment)).To(Succeed())
		replicas := ptr.Deref(deployment.Spec.Replicas, 1)
		if available < 0 {
			available = replicas
		}
		deployment.Status = appsv1.DeploymentStatus{
			ObservedGeneration: deployment.Generation, Replicas: replicas, UpdatedReplicas: replicas,
			ReadyReplicas: available, AvailableReplicas: available,
			Conditions: []appsv1.DeploymentCondition{{
				Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable",
			}},
		}
		g.Expect(n.workload.Status().Update(n.t.Context(), deployment)).To(Succeed())
	}).Should(Succeed())
}

// report writes what dns-config-patcher would report.
func (n *node) report(state report.State, message, probe string) {
	n.t.Helper()
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}}
	_, err := controllerutil.CreateOrUpdate(n.t.Context(), n.workload, configMap, func() error {
		configMap.Data = map[string]string{
			report.KeyState: string(state), report.KeyMessage: message, report.KeyProbe: probe, report.KeyCoreDNS: "kube-system/coredns",
		}
		return nil
	})
	n.Expect(err).NotTo(HaveOccurred())
}

// renew renews the Lease of the probe at a time of the workload cluster's clock.
func (n *node) renew(at time.Time, duration time.Duration) {
	n.t.Helper()
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.ProbeLeaseName}}
	_, err := controllerutil.CreateOrUpdate(n.t.Context(), n.workload, lease, func() error {
		lease.Spec.HolderIdentity = new("dns-config-patcher")
		lease.Spec.RenewTime = new(metav1.NewMicroTime(at))
		lease.Spec.LeaseDurationSeconds = new(int32(duration / time.Second))
		return nil
	})
	n.Expect(err).NotTo(HaveOccurred())
}

const threeIntervals = 90 * time.Second

func says(status metav1.ConditionStatus, reason, message string) types.GomegaMatcher {
	return And(HaveField("Status", status), HaveField("Reason", reason), HaveField("Message", ContainSubstring(message)))
}

func TestDNSReadySaysThatAClusterIsOlderThanSupported(t *testing.T) {
	n := newTenant(t)
	server := newFront(t, newWorkload(t), "token")
	server.version.Store("v1.27.3-eks-1234")
	n.addCluster("cluster-a", server.kubeconfig(n.WithT, "token"), map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	n.Eventually(n.dnsReady("cluster-a")).Should(says(metav1.ConditionFalse, xccv1.DNSServerUnavailableReason,
		"Kubernetes v1.27.3-eks-1234 of this cluster is older than v1.28, the oldest version that this release supports. 0 of 2 Pods of Deployment xcc-dns/dns-server"))
}

func TestDNSReadySaysHowEachClusterIs(t *testing.T) {
	n := newTenant(t)
	ensureConsumer(t, workloadB)
	n.addCluster("consumer", workloadB.kubeconfig, nil)
	workload := newWorkload(t)
	pods := &node{WithT: n.WithT, t: t, workload: workload}
	object := n.addCluster("cluster-a", workload.kubeconfig, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	dnsReady := n.dnsReady("cluster-a")

	t.Log("Cluster API writes conditions of its own all the time, with its own means")
	stop := n.writeConditions(object)

	n.Eventually(dnsReady).Should(says(metav1.ConditionFalse, xccv1.DNSServerUnavailableReason, "0 of 2 Pods of Deployment xcc-dns/dns-server"))
	pods.runPods()
	n.Eventually(dnsReady).Should(says(metav1.ConditionUnknown, xccv1.PatcherUnavailableReason, "has not reported"))
	pods.report(report.ForeignBlock, "Remove the server block of xcc.test", "")
	n.Eventually(dnsReady).Should(says(metav1.ConditionFalse, "ForeignBlock", "Remove the server block of xcc.test. CoreDNS: kube-system/coredns"))
	pods.report(report.Forwarding, "", "")
	n.Eventually(dnsReady).Should(says(metav1.ConditionUnknown, xccv1.WaitingForProbeReason, ""))
	pods.renew(time.Now(), threeIntervals)
	n.Eventually(dnsReady).Should(says(metav1.ConditionTrue, xccv1.DNSReadyReason, "CoreDNS: kube-system/coredns"))

	t.Log("Nothing of Cluster API's was lost, and nothing of ours")
	lost := stop()
	n.Expect(lost).To(BeEmpty())
	n.Expect(dnsReady(n)).To(says(metav1.ConditionTrue, xccv1.DNSReadyReason, ""))

	t.Log("clusterctl shows it")
	n.Expect(n.clusterctl("describe", "cluster", "cluster-a", "-n", n.namespace, "--show-conditions", "all")).
		To(MatchRegexp(`connectivity\.tanzu\.vmware\.com/DNSReady\s+True`))

	t.Log("A Lease that is renewed writes nothing, whatever its clock says")
	before := len(requests.matching(n.namespace, writes...))
	for i := range 5 {
		pods.renew(time.Now().Add(time.Duration(i-3)*time.Hour), threeIntervals)
	}
	pods.renew(time.Now().Add(-time.Hour), time.Second)
	n.Eventually(dnsReady).Should(says(metav1.ConditionUnknown, xccv1.ProbeStaleReason, "for 1s"))
	n.Eventually(n.eventReasons(object)).Should(ContainElements(
		"NotInstalled", "DNSServerUnavailable", "PatcherUnavailable", "ForeignBlock", "WaitingForProbe", "Ready", "ProbeStale",
	))
	var written []string
	for _, write := range requests.matching(n.namespace, writes...)[before:] {
		if write == fmt.Sprintf("PATCH /apis/cluster.x-k8s.io/v1beta2/namespaces/%s/clusters/cluster-a/status", n.namespace) {
			written = append(written, write)
		}
	}
	n.Expect(written).To(HaveLen(1), "one change of the condition, one write")

	t.Log("A probe that fails says why, and the Lease makes it good again")
	pods.report(report.Forwarding, "", "NXDOMAIN from 10.96.0.10")
	n.Eventually(dnsReady).Should(says(metav1.ConditionFalse, xccv1.ProbeFailedReason, "NXDOMAIN from 10.96.0.10"))
	pods.renew(time.Now(), threeIntervals)
	pods.report(report.Forwarding, "", "")
	n.Eventually(dnsReady).Should(says(metav1.ConditionTrue, xccv1.DNSReadyReason, ""))
	pods.setAvailable(xccv1.DNSServerName, 0)
	n.Eventually(dnsReady).Should(says(metav1.ConditionFalse, xccv1.DNSServerUnavailableReason, ""))
	pods.runPods()
	n.Eventually(dnsReady).Should(says(metav1.ConditionTrue, xccv1.DNSReadyReason, ""))

	t.Log("A paused Cluster is left alone")
	n.setPaused(object, true)
	pods.setAvailable(xccv1.DNSServerName, 0)
	n.proveProgress("paused", "192.0.2.150")
	n.Expect(dnsReady(n)).To(says(metav1.ConditionTrue, xccv1.DNSReadyReason, ""))
	n.setPaused(object, false)
	n.Eventually(dnsReady).Should(says(metav1.ConditionFalse, xccv1.DNSServerUnavailableReason, ""))
}

// writeConditions writes conditions to the Cluster with Cluster API's own patch helper, until stop is called, which returns
// the writes that were lost or refused.
func (n *tenant) writeConditions(cluster *clusterv1.Cluster) (stop func() []string) {
	ctx, cancel := context.WithCancel(n.t.Context())
	var lost []string
	var stopped atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; !stopped.Load(); i++ {
			current := &clusterv1.Cluster{}
			err := management.Get(ctx, client.ObjectKeyFromObject(cluster), current)
			if err == nil && i > 0 && conditions.GetReason(current, clusterv1.ClusterAvailableCondition) != fmt.Sprintf("Write%d", i-1) {
				lost = append(lost, fmt.Sprintf("Write%d", i-1))
			}
			var helper *patch.Helper
			if err == nil {
				helper, err = patch.NewHelper(current, management)
			}
			if err == nil {
				conditions.Set(current, metav1.Condition{
					Type: clusterv1.ClusterAvailableCondition, Status: metav1.ConditionTrue, Reason: fmt.Sprintf("Write%d", i),
				})
				err = helper.Patch(ctx, current, patch.WithOwnedConditions{Conditions: []string{clusterv1.ClusterAvailableCondition}})
			}
			if err != nil {
				lost = append(lost, err.Error())
			}
		}
	}()
	return func() []string {
		stopped.Store(true)
		<-ended
		cancel()
		return lost
	}
}

// eventReasons returns the reasons of the events about the condition of a Cluster.
func (n *tenant) eventReasons(cluster *clusterv1.Cluster) func(Gomega) []string {
	return func(g Gomega) []string {
		list := &eventsv1.EventList{}
		g.Expect(management.List(n.t.Context(), list, client.InNamespace(n.namespace))).To(Succeed())
		var reasons []string
		for _, event := range list.Items {
			if event.Regarding.UID == cluster.UID && event.Action == "CheckDNS" {
				reasons = append(reasons, event.Reason)
			}
		}
		return reasons
	}
}

// clusterctl runs the real one against the management cluster.
func (n *tenant) clusterctl(args ...string) (string, error) {
	n.t.Helper()
	path, err := components.Path(n.t.Context(), "clusterctl")
	n.Expect(err).NotTo(HaveOccurred())
	home := n.t.TempDir()
	kubeconfig := filepath.Join(home, "kubeconfig")
	n.Expect(os.WriteFile(kubeconfig, management.kubeconfig, 0o600)).To(Succeed())
	command := exec.CommandContext(n.t.Context(), path, append(args, "--kubeconfig", kubeconfig)...)
	command.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "CLUSTERCTL_DISABLE_VERSIONCHECK=true")
	out, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("clusterctl: %w: %s", err, out)
	}
	return string(out), nil
}

// setInitialized says of a Cluster what Cluster API says when its control plane has come up.
func (n *tenant) setInitialized(cluster *clusterv1.Cluster) {
	n.t.Helper()
	original := cluster.DeepCopy()
	cluster.Status.Initialization.ControlPlaneInitialized = new(true)
	n.Expect(management.Status().Patch(n.t.Context(), cluster, client.MergeFrom(original))).To(Succeed())
}

func TestARestartChangesNoCondition(t *testing.T) {
	n := newTenant(t)
	ensureConsumer(t, workloadB)
	n.addCluster("consumer", workloadB.kubeconfig, nil)
	workload := newWorkload(t)
	pods := &node{WithT: n.WithT, t: t, workload: workload}
	labelled := map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled}
	n.addCluster("cluster-a", workload.kubeconfig, labelled)
	n.setInitialized(n.addCluster("silent", kubeconfigFor("https://127.0.0.1:1"), labelled))
	pods.runPods()
	pods.report(report.Forwarding, "", "")
	pods.renew(time.Now(), threeIntervals)
	n.Eventually(n.dnsReady("cluster-a")).Should(says(metav1.ConditionTrue, xccv1.DNSReadyReason, ""))
	n.Eventually(n.dnsReady("silent")).Should(says(metav1.ConditionUnknown, xccv1.ClusterUnreachableReason, "check its kubeconfig Secret silent-kubeconfig"))
	before := []metav1.Condition{n.dnsReady("cluster-a")(n), n.dnsReady("silent")(n)}

	var writesBefore int
	restartManager(t, func() {
		t.Log("The clock of the cluster is behind by an hour")
		pods.renew(time.Now().Add(-time.Hour), threeIntervals)
		writesBefore = len(requests.matching(n.namespace+"/clusters", writes...))
	})
	n.proveProgress("restart", "192.0.2.160")
	pods.renew(time.Now().Add(-time.Hour), threeIntervals)
	n.proveProgress("renewed", "192.0.2.161")
	n.Expect(requests.matching(n.namespace+"/clusters", writes...)[writesBefore:]).To(BeEmpty())
	n.Expect([]metav1.Condition{n.dnsReady("cluster-a")(n), n.dnsReady("silent")(n)}).To(Equal(before))
}

func TestAClusterThatIsNotLabelledHasNoCondition(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	object := n.addCluster("cluster-a", nil, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	n.Eventually(n.dnsReady("cluster-a")).Should(says(metav1.ConditionUnknown, xccv1.WaitingForControlPlaneReason, ""))
	n.Expect(management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
	payload := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: "cluster-a-xcc-dns"}}
	n.Expect(management.Get(ctx, client.ObjectKeyFromObject(payload), payload)).To(Succeed())

	t.Log("While something is installed the condition says that it is being removed")
	original := object.DeepCopy()
	delete(object.Labels, xccv1.DNSLabel)
	n.Expect(management.Patch(ctx, object, client.MergeFrom(original))).To(Succeed())
	n.Eventually(n.dnsReady("cluster-a")).Should(Or(says(metav1.ConditionFalse, xccv1.RemovingReason, ""), Equal(metav1.Condition{})))
	n.Expect(client.IgnoreNotFound(management.Delete(ctx, payload))).To(Succeed())
	n.Eventually(n.dnsReady("cluster-a")).Should(Equal(metav1.Condition{}))
	n.Expect(management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
	n.Expect(object.Status.Initialization.InfrastructureProvisioned).To(HaveValue(BeTrue()))
}
