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
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

func TestARemovalLeavesNothing(t *testing.T) {
	t.Parallel()
	n := newTenant(t, func(options *manager.Options) { options.DrainTime = 5 * time.Second })
	ctx := t.Context()
	workload := n.NewLiveWorkload()
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.150")
	object := n.AddInstalled("cluster-a", workload)
	n.AddCluster("cluster-g", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(fleet.Published(ctx, workload, n.Hostname("cluster-g"))).Should(ConsistOf("192.0.2.150"))
	all := n.Objects("cluster-a")
	patcher := n.node(workload)
	patcher.Report(report.Forwarding, "", "")

	t.Log("Nothing is deleted before the patcher says that the Corefile is clean")
	n.SetLabel(object, "")
	n.AwaitAsked(workload)
	n.Eventually(n.Removing("cluster-a")).Should(ContainSubstring("dns-config-patcher"))
	deployment := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}
	n.Expect(workload.Get(ctx, deployment, &appsv1.Deployment{})).To(Succeed())

	t.Log("Nothing is deleted while CoreDNS may still ask, also not by another manager")
	patcher.Report(report.Removed, "", "")
	n.Eventually(n.Removing("cluster-a")).Should(ContainSubstring("until"))
	removed := time.Now()
	fleet.SetAddresses(t, fleet.WorkloadA, service, "192.0.2.149")
	n.Eventually(fleet.Published(ctx, workload, n.Hostname("cluster-g"))).Should(ConsistOf("192.0.2.149"), "who still asks is told the truth")
	n.RestartManager(func() {}, func(options *manager.Options) { options.DrainTime = 5 * time.Second })
	n.Eventually(func() error { return workload.Get(ctx, deployment, &appsv1.Deployment{}) }).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	n.Expect(time.Since(removed)).To(BeNumerically(">", 4*time.Second))

	n.ExpectForgotten(object)
	for _, object := range all {
		n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(object), object)).To(MatchError(apierrors.IsNotFound, "NotFound"), object.GetName())
	}

	t.Log("Labelled again, it is installed again")
	n.SetLabel(object, xccv1.DNSEnabled)
	n.AwaitInstalled("cluster-a", workload)
	n.Eventually(fleet.Published(ctx, workload, n.Hostname("cluster-g"))).Should(ConsistOf("192.0.2.149"))
}

// reportRemoved writes what dns-config-patcher would report when it took the last block out at a
// time.
func (n *node) reportRemoved(since, written string) {
	n.T.Helper()
	n.Report(report.Removed, "", "")
	configMap := &corev1.ConfigMap{}
	name := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}
	n.Expect(n.Workload.Get(n.T.Context(), name, configMap)).To(Succeed())
	configMap.Data[report.KeySince], configMap.Data[report.KeyWritten] = since, written
	n.Expect(n.Workload.Update(n.T.Context(), configMap)).To(Succeed())
}

func TestABlockThatComesBackIsTakenOutAndDrainedAgain(t *testing.T) {
	t.Parallel()
	n := newTenant(t, func(options *manager.Options) { options.DrainTime = 3 * time.Second })
	ctx := t.Context()
	workload := n.NewWorkload()
	object := n.AddInstalled("cluster-a", workload)
	patcher := n.node(workload)
	draining := func() install.Removal {
		if removal := n.State("cluster-a").Removal; removal != nil {
			return install.Removal{CleanSince: removal.CleanSince, ReportedSince: removal.ReportedSince}
		}
		return install.Removal{}
	}
	const block = "xcc.test:53 {\n    errors\n    forward . 10.0.0.99 {\n        max_concurrent 1000\n    }\n}\n"

	n.SetLabel(object, "")
	n.AwaitAsked(workload)
	patcher.reportRemoved("2026-01-01T00:00:00Z", block)
	n.Eventually(draining).Should(HaveField("ReportedSince", "2026-01-01T00:00:00Z"))
	first := draining()
	coreDNS := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns"},
		Data:       map[string]string{"Corefile": ".:53 {\n    errors\n}\n" + block},
	}
	n.Expect(workload.Create(ctx, coreDNS)).To(Succeed())
	n.Eventually(n.Removing("cluster-a")).Should(ContainSubstring("came back"), "nobody waited for this one")
	deployment := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}
	n.Expect(workload.Get(ctx, deployment, &appsv1.Deployment{})).To(Succeed())

	coreDNS.Data["Corefile"] = ".:53 {\n    errors\n}\n"
	n.Expect(workload.Update(ctx, coreDNS)).To(Succeed())
	patcher.reportRemoved("2026-01-01T00:05:00Z", block)
	n.Eventually(draining).Should(And(HaveField("ReportedSince", "2026-01-01T00:05:00Z"), HaveField("CleanSince", Not(Equal(first.CleanSince)))))
	n.Eventually(func() error { return workload.Get(ctx, deployment, &appsv1.Deployment{}) }).Should(MatchError(apierrors.IsNotFound, "NotFound"))
}

func TestARemovalWithoutThePayloadDrainsToo(t *testing.T) {
	t.Parallel()
	n := newTenant(t, func(options *manager.Options) { options.DrainTime = time.Hour })
	ctx := t.Context()
	workload := n.NewWorkload()
	object := n.AddInstalled("cluster-a", workload)
	n.SetLabel(object, "")
	n.AwaitAsked(workload)
	n.Expect(fleet.Management.Delete(ctx, n.Payload("cluster-a"))).To(Succeed())
	n.node(workload).reportRemoved("2026-01-01T00:00:00Z", "")
	n.Eventually(n.Removing("cluster-a")).Should(ContainSubstring("until"))
}

func TestALabelThatComesBackEndsTheRemoval(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	object := n.AddInstalled("cluster-a", workload)
	n.SetLabel(object, "")
	patcher := n.AwaitAsked(workload)
	n.SetLabel(object, xccv1.DNSEnabled)
	n.Eventually(func(g Gomega) map[string]string {
		g.Expect(workload.Get(ctx, client.ObjectKeyFromObject(patcher), patcher)).To(Succeed())
		return patcher.Annotations
	}, repairTime).ShouldNot(HaveKey(xccv1.RemoveAnnotation), "the patcher writes its block again")
	n.Eventually(n.Removing("cluster-a")).Should(BeEmpty())
}

func TestARemovalLeavesWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewLiveWorkload()
	object := n.AddInstalled("cluster-a", workload)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.151")
	n.AddCluster("cluster-g", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(fleet.Published(ctx, workload, n.Hostname("cluster-g"))).Should(ConsistOf("192.0.2.151"))
	byHand := fleet.NewSlice("by-hand", nil, "192.0.2.152")
	n.Expect(workload.Create(ctx, byHand)).To(Succeed())
	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: "theirs"}}
	n.Expect(workload.Create(ctx, theirs)).To(Succeed())
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "xcc-dns-config-patcher"}}

	n.SetLabel(object, "")
	n.AwaitAsked(workload)
	n.node(workload).Report(report.Removed, "", "")
	n.ExpectForgotten(object)
	n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(byHand), byHand)).To(Succeed())
	n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(theirs), theirs)).To(Succeed())
	n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(role), role)).To(MatchError(apierrors.IsNotFound, "NotFound"))
	namespace := &corev1.Namespace{}
	n.Expect(workload.Get(ctx, client.ObjectKey{Name: xccv1.WorkloadNamespace}, namespace)).To(Succeed())
	n.Expect(namespace.DeletionTimestamp).To(BeNil())

	t.Log("What is left of the namespace is no reason to publish there")
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.ProveProgress("removed", "192.0.2.153")
	slices := &discoveryv1.EndpointSliceList{}
	n.Expect(workload.List(ctx, slices, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
	n.Expect(slices.Items).To(HaveLen(1))
}

func TestWithoutThePatcherTheManagerTakesTheBlockOut(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewLiveWorkload()
	const before = ".:53 {\n    errors\n    forward . /etc/resolv.conf\n}\n"
	object := n.AddInstalled("cluster-a", workload)
	service := &corev1.Service{}
	n.Expect(workload.Get(ctx, client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}, service)).To(Succeed())
	coreDNS := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns"},
		Data:       map[string]string{"Corefile": before + "\nxcc.test:53 {\n    errors\n    forward . " + service.Spec.ClusterIP + "\n}\n"},
	}
	n.Expect(workload.Create(ctx, coreDNS)).To(Succeed())

	n.SetLabel(object, "")
	patcher := n.AwaitAsked(workload)
	original := patcher.DeepCopy()
	patcher.Annotations[xccv1.RemoveAnnotation] = time.Now().Add(-time.Hour).Format(time.RFC3339)
	n.Expect(workload.Patch(ctx, patcher, client.MergeFrom(original))).To(Succeed())
	n.ExpectForgotten(object)
	n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(coreDNS), coreDNS)).To(Succeed())
	n.Expect(coreDNS.Data).To(HaveKeyWithValue("Corefile", before))
}

func TestARemovalWaitsForAnUnreachableClusterAndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	object := n.AddInstalled("cluster-a", workload)
	kubeconfig := &corev1.Secret{}
	n.Expect(fleet.Management.Get(ctx, client.ObjectKey{Namespace: n.Namespace, Name: "cluster-a-kubeconfig"}, kubeconfig)).To(Succeed())
	// Its API server is gone, as far as the manager that starts now can tell.
	n.RestartManager(func() {
		n.Expect(fleet.Management.Delete(ctx, kubeconfig)).To(Succeed())
		n.SetLabel(object, "")
	})
	n.Eventually(n.Removing("cluster-a")).Should(ContainSubstring("can be reached"))
	n.Expect(n.Payload("cluster-a").Data).NotTo(BeEmpty())
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.ProveProgress("meanwhile", "192.0.2.154")

	t.Log("A Cluster that is deleted is not held up")
	n.Expect(fleet.Management.Delete(ctx, object)).To(Succeed())
	n.Eventually(func() error {
		return fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), object)
	}).Should(MatchError(apierrors.IsNotFound, "NotFound"))
}

func TestAClusterThatWasNeverReachedIsForgotten(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	object := n.AddCluster("cluster-a", nil, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	n.Payload("cluster-a")
	n.Eventually(func() error {
		return fleet.Management.Get(t.Context(), client.ObjectKey{Namespace: n.Namespace, Name: "cluster-a-xcc-dns"}, &addonsv1.ClusterResourceSet{})
	}).Should(Succeed())
	n.SetLabel(object, "")
	n.ExpectForgotten(object)
}
