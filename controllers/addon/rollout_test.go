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

package addon_test

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// member is a Cluster of a fleet, and what stands for its Pods.
type member struct {
	*node
	n    *tenant
	name string
}

// addReady creates a labelled Cluster with a workload cluster of its own, and returns when DNS is
// ready there.
func (n *tenant) addReady(name string) *member {
	n.T.Helper()
	workload := n.NewWorkload()
	object := n.AddCluster(name, workload.Kubeconfig, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	original := object.DeepCopy()
	object.Status.Initialization.ControlPlaneInitialized = new(true)
	n.Expect(fleet.Management.Status().Patch(n.T.Context(), object, client.MergeFrom(original))).To(Succeed())
	m := &member{node: n.node(workload), n: n, name: name}
	m.becomeReady()
	n.Eventually(func() string { return n.State(name).ReadyPayload }).Should(Equal(n.State(name).Payload), "what was ready is recorded")
	return m
}

func (m *member) becomeReady() {
	m.T.Helper()
	m.n.AwaitInstalled(m.name, m.Workload)
	m.RunPods()
	m.Report(report.Forwarding, "", "")
	m.Renew(time.Now(), fleet.ThreeIntervals)
	m.Eventually(m.n.DNSReady(m.name)).Should(HaveField("Status", metav1.ConditionTrue))
}

// image is what the payload has, which the workload cluster has been or is about to be given.
func (m *member) image() string { return m.n.Image(m.name) }

const former, latter = "xcc-dns:test", "xcc-dns:latter"

func TestARolloutGoesInStepsAndStopsWhenClustersStopBeingReady(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	a, b := n.addReady("cluster-a"), n.addReady("cluster-b")
	n.RestartManager(func() {}, func(options *manager.Options) {
		options.DNS.Image, options.Rollout.Concurrency, options.WatchNamespace = latter, 1, n.Namespace
	})

	first, second := a, b
	n.Eventually(func() []string { return []string{a.image(), b.image()} }).Should(ContainElement(latter))
	if b.image() == latter {
		first, second = b, a
	}
	t.Log("The other one waits, visibly, and works with what it has")
	n.Eventually(n.DNSReady(second.name)).Should(fleet.Says(metav1.ConditionTrue, xccv1.UpdateWaitingReason, "1 at a time"))
	n.Expect(second.image()).To(Equal(former))

	t.Log("A new Cluster, which has nothing to lose, does not wait")
	workload := n.NewWorkload()
	n.AddInstalled("cluster-c", workload)

	t.Log("An option of the Cluster comes with the release, and not before it")
	object := &clusterv1.Cluster{}
	n.Expect(fleet.Management.Get(t.Context(), client.ObjectKey{Namespace: n.Namespace, Name: second.name}, object)).To(Succeed())
	original := object.DeepCopy()
	object.Annotations = map[string]string{xccv1.DNSReplicasAnnotation: "3"}
	n.Expect(fleet.Management.Patch(t.Context(), object, client.MergeFrom(original))).To(Succeed())

	t.Log("The first one breaks: nobody else is given the release, also not by another manager")
	n.AwaitInstalled(first.name, first.Workload)
	// At no moment are all Pods available: it would be ready then, and the other one's turn.
	first.SetAvailable(xccv1.DNSConfigPatcherName, 1)
	first.Report(report.Forwarding, "", "")
	first.SetAvailable(xccv1.DNSServerName, 0)
	broken := fleet.Says(metav1.ConditionTrue, xccv1.UpdateWaitingReason, "not ready any more: "+first.name+" (DNSServerUnavailable)")
	n.RestartManager(func() {}, func(options *manager.Options) {
		options.DNS.Image, options.Rollout.Concurrency, options.WatchNamespace = latter, 1, n.Namespace
	})
	second.Renew(time.Now(), fleet.ThreeIntervals) // On a busy machine, its Lease has expired by now.
	n.Eventually(n.DNSReady(second.name), time.Minute).Should(broken)
	n.Expect(second.image()).To(Equal(former))

	t.Log("Pods that run are not enough: a lookup has to succeed with them")
	first.setUpdated(xccv1.DNSConfigPatcherName, time.Now().Add(time.Minute))
	first.SetAvailable(xccv1.DNSServerName, -1)
	n.Eventually(n.DNSReady(first.name)).Should(HaveField("Status", metav1.ConditionTrue))
	n.Consistently(second.image, 2*time.Second).Should(Equal(former))
	first.Renew(time.Now().Add(2*time.Minute), fleet.ThreeIntervals)
	n.Eventually(second.image, time.Minute).Should(Equal(latter), "it is its turn")
	second.becomeReady()
	n.Eventually(n.DNSReady(second.name)).Should(fleet.Says(metav1.ConditionTrue, xccv1.DNSReadyReason, ""))
	n.Expect(n.State(second.name).Waiting).To(BeEmpty())
}

// setUpdated sets when a Deployment has changed last.
func (n *node) setUpdated(name string, at time.Time) {
	n.T.Helper()
	n.Eventually(func(g Gomega) {
		deployment := &appsv1.Deployment{}
		g.Expect(n.Workload.Get(n.T.Context(), client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: name}, deployment)).To(Succeed())
		for i := range deployment.Status.Conditions {
			deployment.Status.Conditions[i].LastUpdateTime = metav1.NewTime(at)
		}
		g.Expect(n.Workload.Status().Update(n.T.Context(), deployment)).To(Succeed())
	}).Should(Succeed())
}

func TestAClusterThatCannotBeReachedHoldsNoRolloutUp(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	a, b := n.addReady("cluster-a"), n.addReady("cluster-b")
	kubeconfig := &corev1.Secret{}
	n.Expect(fleet.Management.Get(t.Context(), client.ObjectKey{Namespace: n.Namespace, Name: "cluster-a-kubeconfig"}, kubeconfig)).To(Succeed())
	n.RestartManager(func() { n.Expect(fleet.Management.Delete(t.Context(), kubeconfig)).To(Succeed()) }, func(options *manager.Options) {
		options.DNS.Image, options.Rollout.Concurrency, options.WatchNamespace = latter, 1, n.Namespace
	})
	n.Eventually(n.DNSReady(a.name)).Should(HaveField("Reason", xccv1.ClusterUnreachableReason))
	n.Eventually(b.image, time.Minute).Should(Equal(latter))
}

// TestOneTenantsClustersHoldUpItsOwnUpdatesOnly has one tenant take all slots, with clusters that
// never become ready.
func TestOneTenantsClustersHoldUpItsOwnUpdatesOnly(t *testing.T) {
	t.Parallel()
	evil, good := newNeighbours(t)
	first, second, other := evil.addReady("first"), evil.addReady("second"), good.addReady("other")
	set := func(m *member, change func(*clusterv1.Cluster)) {
		object := &clusterv1.Cluster{}
		m.Expect(fleet.Management.Get(t.Context(), client.ObjectKey{Namespace: m.n.Namespace, Name: m.name}, object)).To(Succeed())
		original := object.DeepCopy()
		change(object)
		m.Expect(fleet.Management.Patch(t.Context(), object, client.MergeFrom(original))).To(Succeed())
	}
	for _, m := range []*member{first, second, other} {
		set(m, func(object *clusterv1.Cluster) { object.Labels[clusterv1.WatchLabel] = "rollout" })
	}
	set(other, func(object *clusterv1.Cluster) { object.Spec.Paused = new(true) })
	evil.RestartManager(func() {}, func(options *manager.Options) {
		options.DNS.Image, options.Rollout.Concurrency, options.WatchFilter = latter, 2, "rollout"
	})

	t.Log("Nobody else waits, so one namespace has both slots, and keeps them")
	for _, m := range []*member{first, second} {
		evil.Eventually(m.image, time.Minute).Should(Equal(latter))
		evil.AwaitInstalled(m.name, m.Workload)
		m.RunPods()
		m.SetAvailable(xccv1.DNSServerName, 0)
		evil.Eventually(evil.DNSReady(m.name)).Should(HaveField("Reason", xccv1.DNSServerUnavailableReason))
	}

	t.Log("Another namespace is given the release all the same")
	set(other, func(object *clusterv1.Cluster) { object.Spec.Paused = nil })
	good.Eventually(other.image, time.Minute).Should(Equal(latter))
}
