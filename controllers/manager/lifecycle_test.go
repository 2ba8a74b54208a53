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
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// The Cluster of the same name is another one: it has another API server, and nothing in it yet.
func TestAClusterCreatedAnewUnderTheSameNameIsAnotherOne(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	former, later := n.NewWorkload(), n.NewWorkload()
	fleet.EnsureConsumer(t, former)
	fleet.EnsureConsumer(t, later)
	labels := map[string]string{"gateway": "true"}
	addGateway := func(workload *fleet.Cluster, address string) *corev1.Service {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ingress"}}
		n.Expect(workload.Create(ctx, namespace)).To(Succeed())
		service := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ingress", Name: "envoy"},
			Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}},
		}
		n.Expect(workload.Create(ctx, service)).To(Succeed())
		fleet.SetAddresses(t, workload, service, address)
		return service
	}
	formerService := addGateway(former, "192.0.2.170")
	addGateway(later, "192.0.2.171")
	object := n.AddCluster("cluster-a", former.Kubeconfig, labels)
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", "ingress/envoy")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.170"))

	n.DeleteCluster(object)
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(BeEmpty())
	anew := n.AddCluster("cluster-a", later.Kubeconfig, labels)
	t.Log("Cluster API goes on to write its status")
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayUnknown)))
	n.Eventually(func(g Gomega) {
		original := anew.DeepCopy()
		anew.Status.Phase = map[string]string{"Provisioning": "Provisioned"}[original.Status.Phase]
		if anew.Status.Phase == "" {
			anew.Status.Phase = "Provisioning"
		}
		g.Expect(fleet.Management.Status().Patch(ctx, anew, client.MergeFrom(original))).To(Succeed())
		g.Expect(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))(g)).To(ConsistOf("192.0.2.171"))
	}).Should(Succeed())
	n.Eventually(fleet.Published(ctx, later, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.171"))

	t.Log("What happens in the former cluster is nobody's business any more")
	fleet.SetAddresses(t, former, formerService, "192.0.2.172")
	n.ProveProgress("anew", "192.0.2.173")
	n.Expect(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))(n)).To(ConsistOf("192.0.2.171"))
	n.Expect(fleet.Published(ctx, former, n.Hostname("prove-anew"))(n)).To(BeEmpty())
}

func TestARotatedKubeconfigIsFollowedAndChangesNoAnswer(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	gatewayFront, consumerFront := fleet.NewFront(t, fleet.WorkloadA, "one"), fleet.NewFront(t, fleet.WorkloadB, "one")
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.180")
	n.AddCluster("cluster-a", gatewayFront.Kubeconfig(n, "one"), fleet.HasGateway())
	n.AddCluster("cluster-b", consumerFront.Kubeconfig(n, "one"), nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.180"))
	before := n.SliceOf(fleet.WorkloadB, n.Hostname("cluster-a"))

	t.Log("The old credentials are revoked before the new ones are there")
	gatewayFront.Revoke("two")
	consumerFront.Revoke("two")
	n.Eventually(gatewayFront.Denied.Load).Should(BeNumerically(">", 0))
	n.Eventually(consumerFront.Denied.Load).Should(BeNumerically(">", 0))
	n.Expect(n.SliceOf(fleet.WorkloadB, n.Hostname("cluster-a"))).To(Equal(before))

	t.Log("With the new ones, changes are followed")
	for name, front := range map[string]*fleet.Front{"cluster-a": gatewayFront, "cluster-b": consumerFront} {
		kubeconfig := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: name + "-kubeconfig"}}
		n.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(kubeconfig), kubeconfig)).To(Succeed())
		kubeconfig.Data = map[string][]byte{"value": front.Kubeconfig(n, "two")}
		n.Expect(fleet.Management.Update(ctx, kubeconfig)).To(Succeed())
	}
	fleet.SetAddresses(t, fleet.WorkloadA, service, "192.0.2.181")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a")), fleet.Reconnected).Should(ConsistOf("192.0.2.181"))
	n.Expect(n.SliceOf(fleet.WorkloadB, n.Hostname("cluster-a")).UID).To(Equal(before.UID), "the slice was changed, not written anew")
}

func TestAnAPIServerThatMisbehavesCostsItsOwnClusterOnly(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.190")
	slow, impostor := fleet.NewFront(t, fleet.WorkloadA, "token"), fleet.NewFront(t, fleet.WorkloadA, "token")
	slow.Delay.Store(int64(2 * time.Second))
	bad := map[string][]byte{
		"refusing": fleet.KubeconfigFor("https://127.0.0.1:1"),
		"silent":   fleet.KubeconfigFor(fleet.NewSilentServer(t)),
		"impostor": impostor.KubeconfigTrusting(n, "token", fleet.WorkloadA.Config.CAData),
		"denying":  impostor.Kubeconfig(n, "another token"),
	}
	labels := map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled}
	for name, kubeconfig := range bad {
		n.SetInitialized(n.AddCluster(name, kubeconfig, labels))
	}
	n.AddCluster("slow", slow.Kubeconfig(n, "token"), fleet.HasGateway())
	n.AddCluster("healthy", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("consumer", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))

	t.Log("The healthy cluster is published and followed as if it were alone")
	const atOnce = 5 * time.Second
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("healthy"))).Should(ConsistOf("192.0.2.190"))
	for _, address := range []string{"192.0.2.191", "192.0.2.192"} {
		fleet.SetAddresses(t, fleet.WorkloadA, service, address)
		n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("healthy")), atOnce).Should(ConsistOf(address))
	}
	t.Log("The slow one takes longer, and each bad one says what it is")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("slow"))).Should(ConsistOf("192.0.2.192"))
	for name := range bad {
		n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue(name, HaveField("State", xccv1.GatewayUnknown)), name)
		n.Eventually(n.DNSReady(name)).Should(fleet.Says(metav1.ConditionUnknown, xccv1.ClusterUnreachableReason, "check its kubeconfig Secret "+name+"-kubeconfig"), name)
	}
	n.Expect(impostor.Denied.Load()).To(BeNumerically(">", 0))
}

// A Cluster that is being deleted still exists for as long as Cluster API needs to take its machines down.
func TestAClusterBeingDeletedLosesItsNamesAtOnceAndIsNotHeldUp(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.200")
	object := n.AddCluster("cluster-a", workloadA.Kubeconfig, map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled})
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.200"))
	n.Eventually(n.DNSReady("cluster-a")).Should(HaveField("Reason", xccv1.DNSServerUnavailableReason))

	n.Eventually(func(g Gomega) {
		g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		g.Expect(object.Finalizers).To(BeEmpty(), "nothing of ours holds a Cluster")
		controllerutil.AddFinalizer(object, clusterv1.ClusterFinalizer)
		g.Expect(fleet.Management.Update(ctx, object)).To(Succeed())
	}).Should(Succeed())
	t.Cleanup(func() {
		current := &clusterv1.Cluster{}
		if err := fleet.Management.Get(context.Background(), client.ObjectKeyFromObject(object), current); err == nil {
			controllerutil.RemoveFinalizer(current, clusterv1.ClusterFinalizer)
			NewWithT(t).Expect(fleet.Management.Update(context.Background(), current)).To(Succeed())
		}
	})
	n.Expect(fleet.Management.Delete(ctx, object)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(BeEmpty())

	t.Log("When Cluster API is done, the Cluster is gone, and all that belonged to it")
	n.Eventually(func(g Gomega) {
		g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		controllerutil.RemoveFinalizer(object, clusterv1.ClusterFinalizer)
		g.Expect(fleet.Management.Update(ctx, object)).To(Succeed())
	}).Should(Succeed())
	n.Eventually(func() error {
		return fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), object)
	}).Should(MatchError(apierrors.IsNotFound, "NotFound"))
}
