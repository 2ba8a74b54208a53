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
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
)

// newLiveWorkload starts an API server of the test's own in which what is deleted goes for good.
func newLiveWorkload(t *testing.T) *cluster {
	t.Helper()
	g := NewWithT(t)
	workload, environment, err := startCluster(t.Context(), nil)
	t.Cleanup(func() {
		if environment != nil {
			_ = environment.Stop()
		}
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(controlplane.StartControllerManager(t.Context(), t, environment)).To(Succeed())
	return workload
}

func (n *tenant) setLabel(object *clusterv1.Cluster, value string) {
	n.t.Helper()
	n.Eventually(func(g Gomega) error {
		g.Expect(management.Get(n.t.Context(), client.ObjectKeyFromObject(object), object)).To(Succeed())
		original := object.DeepCopy()
		if value == "" {
			delete(object.Labels, xccv1.DNSLabel)
		} else {
			object.Labels = map[string]string{xccv1.DNSLabel: value}
		}
		return management.Patch(n.t.Context(), object, client.MergeFrom(original))
	}).Should(Succeed())
}

// removing returns how far the removal of a Cluster's add-on is.
func (n *tenant) removing(name string) func() string {
	return func() string { return n.payload(name).Annotations[xccv1.RemovingAnnotation] }
}

// expectForgotten waits until nothing of the add-on is left for a Cluster.
func (n *tenant) expectForgotten(object *clusterv1.Cluster) {
	n.t.Helper()
	ctx := n.t.Context()
	n.Eventually(func(g Gomega) {
		g.Expect(management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		g.Expect(object.Labels).NotTo(HaveKey(xccv1.DNSClusterLabel))
	}).Should(Succeed(), "our label goes")
	name := client.ObjectKey{Namespace: n.namespace, Name: object.Name + "-xcc-dns"}
	n.Eventually(func() error { return management.Get(ctx, name, &addonsv1.ClusterResourceSet{}) }).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	n.Eventually(func() error { return management.Get(ctx, name, &corev1.Secret{}) }).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	n.Expect(management.Get(ctx, client.ObjectKeyFromObject(object), &addonsv1.ClusterResourceSetBinding{})).To(MatchError(apierrors.IsNotFound, "NotFound"))
}

// awaitAsked waits until the patcher of a workload cluster has been asked to remove its server block.
func (n *tenant) awaitAsked(workload *cluster) *appsv1.Deployment {
	n.t.Helper()
	patcher := &appsv1.Deployment{}
	n.Eventually(func(g Gomega) map[string]string {
		key := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}
		g.Expect(workload.Get(n.t.Context(), key, patcher)).To(Succeed())
		return patcher.Annotations
	}).Should(HaveKey(xccv1.RemoveAnnotation))
	return patcher
}

func TestARemovalLeavesNothing(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	restartManager(t, func() {}, func(options *manager.Options) { options.DrainTime = 5 * time.Second })
	t.Cleanup(func() { restartManager(t, func() {}) })
	workload := newLiveWorkload(t)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.150")
	object := n.addInstalled("cluster-a", workload)
	n.addCluster("cluster-g", workloadA.kubeconfig, hasGateway())
	n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(published(ctx, workload, n.hostname("cluster-g"))).Should(ConsistOf("192.0.2.150"))
	all := n.objects("cluster-a")
	patcher := &node{WithT: n.WithT, t: t, workload: workload}
	patcher.report(report.Forwarding, "", "")

	t.Log("Nothing is deleted before the patcher says that the Corefile is clean")
	n.setLabel(object, "")
	n.awaitAsked(workload)
	n.Eventually(n.removing("cluster-a")).Should(ContainSubstring("dns-config-patcher"))
	deployment := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}
	n.Expect(workload.Get(ctx, deployment, &appsv1.Deployment{})).To(Succeed())

	t.Log("Nothing is deleted while CoreDNS may still ask, also not by another manager")
	patcher.report(report.Removed, "", "")
	n.Eventually(n.removing("cluster-a")).Should(ContainSubstring("until"))
	removed := time.Now()
	setAddresses(t, workloadA, service, "192.0.2.149")
	n.Eventually(published(ctx, workload, n.hostname("cluster-g"))).Should(ConsistOf("192.0.2.149"), "who still asks is told the truth")
	restartManager(t, func() {}, func(options *manager.Options) { options.DrainTime = 5 * time.Second })
	n.Eventually(func() error { return workload.Get(ctx, deployment, &appsv1.Deployment{}) }).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	n.Expect(time.Since(removed)).To(BeNumerically(">", 4*time.Second))

	n.expectForgotten(object)
	for _, object := range all {
		n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(object), object)).To(MatchError(apierrors.IsNotFound, "NotFound"), object.GetName())
	}

	t.Log("Labelled again, it is installed again")
	n.setLabel(object, xccv1.DNSEnabled)
	n.awaitInstalled("cluster-a", workload)
	n.Eventually(published(ctx, workload, n.hostname("cluster-g"))).Should(ConsistOf("192.0.2.149"))
}

// reportRemoved writes what dns-config-patcher would report when it took the last block out at a time.
func (n *node) reportRemoved(since, written string) {
	n.t.Helper()
	n.report(report.Removed, "", "")
	configMap := &corev1.ConfigMap{}
	name := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}
	n.Expect(n.workload.Get(n.t.Context(), name, configMap)).To(Succeed())
	configMap.Data[report.KeySince], configMap.Data[report.KeyWritten] = since, written
	n.Expect(n.workload.Update(n.t.Context(), configMap)).To(Succeed())
}

func TestABlockThatComesBackIsTakenOutAndDrainedAgain(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	restartManager(t, func() {}, func(options *manager.Options) { options.DrainTime = 3 * time.Second })
	t.Cleanup(func() { restartManager(t, func() {}) })
	workload := newWorkload(t)
	object := n.addInstalled("cluster-a", workload)
	patcher := &node{WithT: n.WithT, t: t, workload: workload}
	draining := func() string {
		return n.payload("cluster-a").Annotations["connectivity.tanzu.vmware.com/draining-since"]
	}
	const block = "xcc.test:53 {\n    errors\n    forward . 10.0.0.99 {\n        max_concurrent 1000\n    }\n}\n"

	n.setLabel(object, "")
	n.awaitAsked(workload)
	patcher.reportRemoved("2026-01-01T00:00:00Z", block)
	n.Eventually(draining).Should(HaveSuffix(" 2026-01-01T00:00:00Z"))
	first := draining()
	coreDNS := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns"},
		Data:       map[string]string{"Corefile": ".:53 {\n    errors\n}\n" + block},
	}
	n.Expect(workload.Create(ctx, coreDNS)).To(Succeed())
	n.Eventually(n.removing("cluster-a")).Should(ContainSubstring("came back"), "nobody waited for this one")
	deployment := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}
	n.Expect(workload.Get(ctx, deployment, &appsv1.Deployment{})).To(Succeed())

	coreDNS.Data["Corefile"] = ".:53 {\n    errors\n}\n"
	n.Expect(workload.Update(ctx, coreDNS)).To(Succeed())
	patcher.reportRemoved("2026-01-01T00:05:00Z", block)
	n.Eventually(draining).Should(And(HaveSuffix(" 2026-01-01T00:05:00Z"), Not(Equal(first))))
	n.Eventually(func() error { return workload.Get(ctx, deployment, &appsv1.Deployment{}) }).Should(MatchError(apierrors.IsNotFound, "NotFound"))
}

func TestARemovalWithoutThePayloadDrainsToo(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	restartManager(t, func() {}, func(options *manager.Options) { options.DrainTime = time.Hour })
	t.Cleanup(func() { restartManager(t, func() {}) })
	workload := newWorkload(t)
	object := n.addInstalled("cluster-a", workload)
	n.setLabel(object, "")
	n.awaitAsked(workload)
	n.Expect(management.Delete(ctx, n.payload("cluster-a"))).To(Succeed())
	(&node{WithT: n.WithT, t: t, workload: workload}).reportRemoved("2026-01-01T00:00:00Z", "")
	n.Eventually(n.removing("cluster-a")).Should(ContainSubstring("until"))
}

func TestALabelThatComesBackEndsTheRemoval(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	workload := newWorkload(t)
	object := n.addInstalled("cluster-a", workload)
	n.setLabel(object, "")
	patcher := n.awaitAsked(workload)
	n.setLabel(object, xccv1.DNSEnabled)
	n.Eventually(func(g Gomega) map[string]string {
		g.Expect(workload.Get(ctx, client.ObjectKeyFromObject(patcher), patcher)).To(Succeed())
		return patcher.Annotations
	}, repairTime).ShouldNot(HaveKey(xccv1.RemoveAnnotation), "the patcher writes its block again")
	n.Eventually(n.removing("cluster-a")).Should(BeEmpty())
}

func TestARemovalLeavesWhatIsNotOurs(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	workload := newLiveWorkload(t)
	object := n.addInstalled("cluster-a", workload)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.151")
	n.addCluster("cluster-g", workloadA.kubeconfig, hasGateway())
	n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(published(ctx, workload, n.hostname("cluster-g"))).Should(ConsistOf("192.0.2.151"))
	byHand := newSlice("by-hand", nil, "192.0.2.152")
	n.Expect(workload.Create(ctx, byHand)).To(Succeed())
	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: "theirs"}}
	n.Expect(workload.Create(ctx, theirs)).To(Succeed())
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "xcc-dns-config-patcher"}}

	n.setLabel(object, "")
	n.awaitAsked(workload)
	(&node{WithT: n.WithT, t: t, workload: workload}).report(report.Removed, "", "")
	n.expectForgotten(object)
	n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(byHand), byHand)).To(Succeed())
	n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(theirs), theirs)).To(Succeed())
	n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(role), role)).To(MatchError(apierrors.IsNotFound, "NotFound"))
	namespace := &corev1.Namespace{}
	n.Expect(workload.Get(ctx, client.ObjectKey{Name: xccv1.WorkloadNamespace}, namespace)).To(Succeed())
	n.Expect(namespace.DeletionTimestamp).To(BeNil())

	t.Log("What is left of the namespace is no reason to publish there")
	ensureConsumer(t, workloadB)
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.proveProgress("removed", "192.0.2.153")
	slices := &discoveryv1.EndpointSliceList{}
	n.Expect(workload.List(ctx, slices, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
	n.Expect(slices.Items).To(HaveLen(1))
}

func TestWithoutThePatcherTheManagerTakesTheBlockOut(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	workload := newLiveWorkload(t)
	const before = ".:53 {\n    errors\n    forward . /etc/resolv.conf\n}\n"
	object := n.addInstalled("cluster-a", workload)
	service := &corev1.Service{}
	n.Expect(workload.Get(ctx, client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}, service)).To(Succeed())
	coreDNS := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns"},
		Data:       map[string]string{"Corefile": before + "\nxcc.test:53 {\n    errors\n    forward . " + service.Spec.ClusterIP + "\n}\n"},
	}
	n.Expect(workload.Create(ctx, coreDNS)).To(Succeed())

	n.setLabel(object, "")
	patcher := n.awaitAsked(workload)
	original := patcher.DeepCopy()
	patcher.Annotations[xccv1.RemoveAnnotation] = time.Now().Add(-time.Hour).Format(time.RFC3339)
	n.Expect(workload.Patch(ctx, patcher, client.MergeFrom(original))).To(Succeed())
	n.expectForgotten(object)
	n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(coreDNS), coreDNS)).To(Succeed())
	n.Expect(coreDNS.Data).To(HaveKeyWithValue("Corefile", before))
}

func TestARemovalWaitsForAnUnreachableClusterAndHoldsNobodyUp(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	workload := newWorkload(t)
	object := n.addInstalled("cluster-a", workload)
	kubeconfig := &corev1.Secret{}
	n.Expect(management.Get(ctx, client.ObjectKey{Namespace: n.namespace, Name: "cluster-a-kubeconfig"}, kubeconfig)).To(Succeed())
	// Its API server is gone, as far as the manager that starts now can tell.
	restartManager(t, func() {
		n.Expect(management.Delete(ctx, kubeconfig)).To(Succeed())
		n.setLabel(object, "")
	})
	n.Eventually(n.removing("cluster-a")).Should(ContainSubstring("can be reached"))
	n.Expect(n.payload("cluster-a").Data).NotTo(BeEmpty())
	ensureConsumer(t, workloadB)
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.proveProgress("meanwhile", "192.0.2.154")

	t.Log("A Cluster that is deleted is not held up")
	n.Expect(management.Delete(ctx, object)).To(Succeed())
	n.Eventually(func() error {
		return management.Get(ctx, client.ObjectKeyFromObject(object), object)
	}).Should(MatchError(apierrors.IsNotFound, "NotFound"))
}

func TestAClusterThatWasNeverReachedIsForgotten(t *testing.T) {
	n := newTenant(t)
	object := n.addCluster("cluster-a", nil, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	n.payload("cluster-a")
	n.Eventually(func() error {
		return management.Get(t.Context(), client.ObjectKey{Namespace: n.namespace, Name: "cluster-a-xcc-dns"}, &addonsv1.ClusterResourceSet{})
	}).Should(Succeed())
	n.setLabel(object, "")
	n.expectForgotten(object)
}
