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
)

// member is a Cluster of a fleet, and what stands for its Pods.
type member struct {
	*node
	n    *tenant
	name string
}

// addReady creates a labelled Cluster with a workload cluster of its own, and returns when DNS is ready there.
func (n *tenant) addReady(name string) *member {
	n.t.Helper()
	workload := newWorkload(n.t)
	object := n.addCluster(name, workload.kubeconfig, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	original := object.DeepCopy()
	object.Status.Initialization.ControlPlaneInitialized = new(true)
	n.Expect(management.Status().Patch(n.t.Context(), object, client.MergeFrom(original))).To(Succeed())
	m := &member{node: &node{WithT: n.WithT, t: n.t, workload: workload}, n: n, name: name}
	m.becomeReady()
	n.Eventually(func() string { return n.payload(name).Annotations["connectivity.tanzu.vmware.com/ready-payload"] }).
		Should(Equal(n.payload(name).Annotations[xccv1.PayloadAnnotation]), "what was ready is remembered")
	return m
}

func (m *member) becomeReady() {
	m.t.Helper()
	m.n.awaitInstalled(m.name, m.workload)
	m.runPods()
	m.report(report.Forwarding, "", "")
	m.renew(time.Now(), threeIntervals)
	m.Eventually(m.n.dnsReady(m.name)).Should(HaveField("Status", metav1.ConditionTrue))
}

// image is what the payload has, which the workload cluster has been or is about to be given.
func (m *member) image() string {
	m.t.Helper()
	for _, object := range m.n.objects(m.name) {
		deployment := &appsv1.Deployment{}
		if object.GetKind() == "Deployment" {
			m.Expect(management.Scheme().Convert(object, deployment, nil)).To(Succeed())
			return deployment.Spec.Template.Spec.Containers[0].Image
		}
	}
	return ""
}

const former, latter = "xcc-dns:test", "xcc-dns:latter"

func TestARolloutGoesInStepsAndStopsWhenClustersStopBeingReady(t *testing.T) {
	n := newTenant(t)
	a, b := n.addReady("cluster-a"), n.addReady("cluster-b")
	// The other tests go on with the usual flags, and have no part in this release.
	t.Cleanup(func() { restartManager(t, func() {}) })
	restartManager(t, func() {}, func(options *manager.Options) {
		options.DNS.Image, options.Rollout.Concurrency, options.WatchNamespace = latter, 1, n.namespace
	})

	first, second := a, b
	n.Eventually(func() []string { return []string{a.image(), b.image()} }).Should(ContainElement(latter))
	if b.image() == latter {
		first, second = b, a
	}
	t.Log("The other one waits, visibly, and works with what it has")
	n.Eventually(n.dnsReady(second.name)).Should(says(metav1.ConditionTrue, xccv1.UpdateWaitingReason, "1 at a time"))
	n.Expect(second.image()).To(Equal(former))

	t.Log("A new Cluster, which has nothing to lose, does not wait")
	workload := newWorkload(t)
	n.addInstalled("cluster-c", workload)

	t.Log("An option of the Cluster comes with the release, and not before it")
	object := &clusterv1.Cluster{}
	n.Expect(management.Get(t.Context(), client.ObjectKey{Namespace: n.namespace, Name: second.name}, object)).To(Succeed())
	original := object.DeepCopy()
	object.Annotations = map[string]string{xccv1.DNSReplicasAnnotation: "3"}
	n.Expect(management.Patch(t.Context(), object, client.MergeFrom(original))).To(Succeed())

	t.Log("The first one breaks: nobody else is given the release, also not by another manager")
	n.awaitInstalled(first.name, first.workload)
	first.runPods()
	first.report(report.Forwarding, "", "")
	first.setAvailable(xccv1.DNSServerName, 0)
	broken := says(metav1.ConditionTrue, xccv1.UpdateWaitingReason, "not ready any more: "+first.name+" (DNSServerUnavailable)")
	restartManager(t, func() {}, func(options *manager.Options) {
		options.DNS.Image, options.Rollout.Concurrency, options.WatchNamespace = latter, 1, n.namespace
	})
	n.Eventually(n.dnsReady(second.name), time.Minute).Should(broken)
	n.Expect(second.image()).To(Equal(former))

	t.Log("Pods that run are not enough: a lookup has to succeed with them")
	first.runPods()
	n.Eventually(n.dnsReady(first.name)).Should(HaveField("Status", metav1.ConditionTrue))
	first.setUpdated(xccv1.DNSServerName, time.Now().Add(time.Minute))
	n.Consistently(second.image, 2*time.Second).Should(Equal(former))
	first.renew(time.Now().Add(2*time.Minute), threeIntervals)
	n.Eventually(second.image, time.Minute).Should(Equal(latter), "it is its turn")
	second.becomeReady()
	n.Eventually(n.dnsReady(second.name)).Should(says(metav1.ConditionTrue, xccv1.DNSReadyReason, ""))
	n.Expect(n.payload(second.name).Annotations).NotTo(HaveKey(xccv1.WaitingAnnotation))
}

// setUpdated sets when a Deployment has changed last.
func (n *node) setUpdated(name string, at time.Time) {
	n.t.Helper()
	n.Eventually(func(g Gomega) {
		deployment := &appsv1.Deployment{}
		g.Expect(n.workload.Get(n.t.Context(), client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: name}, deployment)).To(Succeed())
		for i := range deployment.Status.Conditions {
			deployment.Status.Conditions[i].LastUpdateTime = metav1.NewTime(at)
		}
		g.Expect(n.workload.Status().Update(n.t.Context(), deployment)).To(Succeed())
	}).Should(Succeed())
}

func TestAClusterThatCannotBeReachedHoldsNoRolloutUp(t *testing.T) {
	n := newTenant(t)
	a, b := n.addReady("cluster-a"), n.addReady("cluster-b")
	t.Cleanup(func() { restartManager(t, func() {}) })
	kubeconfig := &corev1.Secret{}
	n.Expect(management.Get(t.Context(), client.ObjectKey{Namespace: n.namespace, Name: "cluster-a-kubeconfig"}, kubeconfig)).To(Succeed())
	restartManager(t, func() { n.Expect(management.Delete(t.Context(), kubeconfig)).To(Succeed()) }, func(options *manager.Options) {
		options.DNS.Image, options.Rollout.Concurrency, options.WatchNamespace = latter, 1, n.namespace
	})
	n.Eventually(n.dnsReady(a.name)).Should(HaveField("Reason", xccv1.ClusterUnreachableReason))
	n.Eventually(b.image, time.Minute).Should(Equal(latter))
}

// TestOneTenantsClustersHoldUpItsOwnUpdatesOnly has one tenant take all slots, with clusters that never become ready.
func TestOneTenantsClustersHoldUpItsOwnUpdatesOnly(t *testing.T) {
	evil, good := newTenant(t), newTenant(t)
	first, second, other := evil.addReady("first"), evil.addReady("second"), good.addReady("other")
	set := func(m *member, change func(*clusterv1.Cluster)) {
		object := &clusterv1.Cluster{}
		m.Expect(management.Get(t.Context(), client.ObjectKey{Namespace: m.n.namespace, Name: m.name}, object)).To(Succeed())
		original := object.DeepCopy()
		change(object)
		m.Expect(management.Patch(t.Context(), object, client.MergeFrom(original))).To(Succeed())
	}
	for _, m := range []*member{first, second, other} {
		set(m, func(object *clusterv1.Cluster) { object.Labels[clusterv1.WatchLabel] = "rollout" })
	}
	t.Cleanup(func() { restartManager(t, func() {}) })
	set(other, func(object *clusterv1.Cluster) { object.Spec.Paused = new(true) })
	restartManager(t, func() {}, func(options *manager.Options) {
		options.DNS.Image, options.Rollout.Concurrency, options.WatchFilter = latter, 2, "rollout"
	})

	t.Log("Nobody else waits, so one namespace has both slots, and keeps them")
	for _, m := range []*member{first, second} {
		evil.Eventually(m.image, time.Minute).Should(Equal(latter))
		evil.awaitInstalled(m.name, m.workload)
		m.runPods()
		m.setAvailable(xccv1.DNSServerName, 0)
		evil.Eventually(evil.dnsReady(m.name)).Should(HaveField("Reason", xccv1.DNSServerUnavailableReason))
	}

	t.Log("Another namespace is given the release all the same")
	set(other, func(object *clusterv1.Cluster) { object.Spec.Paused = nil })
	good.Eventually(other.image, time.Minute).Should(Equal(latter))
}
