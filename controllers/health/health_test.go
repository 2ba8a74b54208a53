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

package health_test

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
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/cluster-api/util/patch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

func TestDNSReadySaysThatAClusterIsOlderThanSupported(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	server := fleet.NewFront(t, n.NewWorkload(), "token")
	server.Version.Store("v1.27.3-eks-1234")
	n.AddCluster("cluster-a", server.Kubeconfig(n.WithT, "token"), map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	n.Eventually(n.DNSReady("cluster-a")).Should(fleet.Says(metav1.ConditionFalse, xccv1.DNSServerUnavailableReason,
		"Kubernetes v1.27.3-eks-1234 of this cluster is older than v1.28, the oldest version that this release supports. 0 of 2 Pods of Deployment xcc-dns/dns-server"))
}

func TestDNSReadySaysHowEachClusterIs(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	n.AddCluster("consumer", fleet.WorkloadB.Kubeconfig, nil)
	workload := n.NewWorkload()
	pods := n.Node(workload)
	object := n.AddCluster("cluster-a", workload.Kubeconfig, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	dnsReady := n.DNSReady("cluster-a")

	t.Log("Cluster API writes conditions of its own all the time, with its own means")
	stop := n.writeConditions(object)

	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionFalse, xccv1.DNSServerUnavailableReason, "0 of 2 Pods of Deployment xcc-dns/dns-server"))
	pods.RunPods()
	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionUnknown, xccv1.PatcherUnavailableReason, "has not reported"))
	pods.Report(report.ForeignBlock, "Remove the server block of xcc.test", "")
	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionFalse, "ForeignBlock", "Remove the server block of xcc.test. CoreDNS: kube-system/coredns"))
	pods.Report(report.Forwarding, "", "")
	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionUnknown, xccv1.WaitingForProbeReason, ""))
	pods.Renew(time.Now(), fleet.ThreeIntervals)
	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionTrue, xccv1.DNSReadyReason, "CoreDNS: kube-system/coredns"))

	t.Log("Nothing of Cluster API's was lost, and nothing of ours")
	lost := stop()
	n.Expect(lost).To(BeEmpty())
	n.Expect(dnsReady(n)).To(fleet.Says(metav1.ConditionTrue, xccv1.DNSReadyReason, ""))

	t.Log("clusterctl shows it")
	n.Expect(n.clusterctl("describe", "cluster", "cluster-a", "-n", n.Namespace, "--show-conditions", "all")).
		To(MatchRegexp(`connectivity\.tanzu\.vmware\.com/DNSReady\s+True`))

	t.Log("A Lease that is renewed writes nothing, whatever its clock says")
	before := len(n.Requests.Matching(n.Namespace, fleet.Writes...))
	for i := range 5 {
		pods.Renew(time.Now().Add(time.Duration(i-3)*time.Hour), fleet.ThreeIntervals)
	}
	pods.Renew(time.Now().Add(-time.Hour), time.Second)
	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionUnknown, xccv1.ProbeStaleReason, "for 1s"))
	n.Eventually(n.EventReasons(object)).Should(ContainElements(
		"NotInstalled", "DNSServerUnavailable", "PatcherUnavailable", "ForeignBlock", "WaitingForProbe", "Ready", "ProbeStale",
	))
	var written []string
	for _, write := range n.Requests.Matching(n.Namespace, fleet.Writes...)[before:] {
		if write == fmt.Sprintf("PATCH /apis/cluster.x-k8s.io/v1beta2/namespaces/%s/clusters/cluster-a/status", n.Namespace) {
			written = append(written, write)
		}
	}
	n.Expect(written).To(HaveLen(1), "one change of the condition, one write")

	t.Log("A probe that fails says why, and the Lease makes it good again")
	pods.Report(report.Forwarding, "", "NXDOMAIN from 10.96.0.10")
	// The second reason follows once the add-on has looked for the server that Pods ask, which nothing here is.
	n.Eventually(dnsReady).Should(Or(
		fleet.Says(metav1.ConditionFalse, xccv1.ProbeFailedReason, "NXDOMAIN from 10.96.0.10"),
		fleet.Says(metav1.ConditionFalse, xccv1.ClusterDNSUnconfiguredReason, "NXDOMAIN from 10.96.0.10"),
	))
	pods.Renew(time.Now(), fleet.ThreeIntervals)
	pods.Report(report.Forwarding, "", "")
	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionTrue, xccv1.DNSReadyReason, ""))
	pods.SetAvailable(xccv1.DNSServerName, 0)
	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionFalse, xccv1.DNSServerUnavailableReason, ""))
	pods.RunPods()
	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionTrue, xccv1.DNSReadyReason, ""))

	t.Log("A paused Cluster is left alone")
	n.SetPaused(object, true)
	pods.SetAvailable(xccv1.DNSServerName, 0)
	n.ProveProgress("paused", "192.0.2.150")
	n.Expect(dnsReady(n)).To(fleet.Says(metav1.ConditionTrue, xccv1.DNSReadyReason, ""))
	n.SetPaused(object, false)
	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionFalse, xccv1.DNSServerUnavailableReason, ""))
}

// writeConditions writes conditions to the Cluster with Cluster API's own patch helper, until stop is called, which returns
// the writes that were lost or refused.
func (n *tenant) writeConditions(cluster *clusterv1.Cluster) (stop func() []string) {
	ctx, cancel := context.WithCancel(n.T.Context())
	var lost []string
	var stopped atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; !stopped.Load(); i++ {
			current := &clusterv1.Cluster{}
			err := fleet.Management.Get(ctx, client.ObjectKeyFromObject(cluster), current)
			if err == nil && i > 0 && conditions.GetReason(current, clusterv1.ClusterAvailableCondition) != fmt.Sprintf("Write%d", i-1) {
				lost = append(lost, fmt.Sprintf("Write%d", i-1))
			}
			var helper *patch.Helper
			if err == nil {
				helper, err = patch.NewHelper(current, fleet.Management)
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

// clusterctl runs the real one against the management cluster.
func (n *tenant) clusterctl(args ...string) (string, error) {
	n.T.Helper()
	path, err := components.Path(n.T.Context(), "clusterctl")
	n.Expect(err).NotTo(HaveOccurred())
	home := n.T.TempDir()
	kubeconfig := filepath.Join(home, "kubeconfig")
	n.Expect(os.WriteFile(kubeconfig, fleet.Management.Kubeconfig, 0o600)).To(Succeed())
	command := exec.CommandContext(n.T.Context(), path, append(args, "--kubeconfig", kubeconfig)...)
	command.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "CLUSTERCTL_DISABLE_VERSIONCHECK=true")
	out, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("clusterctl: %w: %s", err, out)
	}
	return string(out), nil
}

func TestARestartChangesNoCondition(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	n.AddCluster("consumer", fleet.WorkloadB.Kubeconfig, nil)
	workload := n.NewWorkload()
	pods := n.Node(workload)
	labelled := map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled}
	n.AddCluster("cluster-a", workload.Kubeconfig, labelled)
	n.SetInitialized(n.AddCluster("silent", fleet.KubeconfigFor("https://127.0.0.1:1"), labelled))
	pods.RunPods()
	pods.Report(report.Forwarding, "", "")
	pods.Renew(time.Now(), fleet.ThreeIntervals)
	n.Eventually(n.DNSReady("cluster-a")).Should(fleet.Says(metav1.ConditionTrue, xccv1.DNSReadyReason, ""))
	n.Eventually(n.DNSReady("silent")).Should(fleet.Says(metav1.ConditionUnknown, xccv1.ClusterUnreachableReason, "check its kubeconfig Secret silent-kubeconfig"))
	before := []metav1.Condition{n.DNSReady("cluster-a")(n), n.DNSReady("silent")(n)}

	var writesBefore int
	n.RestartManager(func() {
		t.Log("The clock of the cluster is behind by an hour")
		pods.Renew(time.Now().Add(-time.Hour), fleet.ThreeIntervals)
		writesBefore = len(n.Requests.Matching(n.Namespace+"/clusters", fleet.Writes...))
	})
	n.ProveProgress("restart", "192.0.2.160")
	pods.Renew(time.Now().Add(-time.Hour), fleet.ThreeIntervals)
	n.ProveProgress("renewed", "192.0.2.161")
	n.Expect(n.Requests.Matching(n.Namespace+"/clusters", fleet.Writes...)[writesBefore:]).To(BeEmpty())
	n.Expect([]metav1.Condition{n.DNSReady("cluster-a")(n), n.DNSReady("silent")(n)}).To(Equal(before))
}

func TestAClusterThatIsNotLabelledHasNoCondition(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	object := n.AddCluster("cluster-a", nil, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	n.Eventually(n.DNSReady("cluster-a")).Should(fleet.Says(metav1.ConditionUnknown, xccv1.WaitingForControlPlaneReason, ""))
	n.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
	payload := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: "cluster-a-xcc-dns"}}
	n.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(payload), payload)).To(Succeed())

	t.Log("While something is installed the condition says that it is being removed")
	original := object.DeepCopy()
	delete(object.Labels, xccv1.DNSLabel)
	n.Expect(fleet.Management.Patch(ctx, object, client.MergeFrom(original))).To(Succeed())
	n.Eventually(n.DNSReady("cluster-a")).Should(Or(fleet.Says(metav1.ConditionFalse, xccv1.RemovingReason, ""), Equal(metav1.Condition{})))
	n.Expect(client.IgnoreNotFound(fleet.Management.Delete(ctx, payload))).To(Succeed())
	n.Eventually(n.DNSReady("cluster-a")).Should(Equal(metav1.Condition{}))
	n.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
	n.Expect(object.Status.Initialization.InfrastructureProvisioned).To(HaveValue(BeTrue()))
}
