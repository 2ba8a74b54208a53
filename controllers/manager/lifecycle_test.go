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
)

// deleteCluster deletes a Cluster and its kubeconfig, and returns when they are gone.
func (n *tenant) deleteCluster(cluster *clusterv1.Cluster) {
	n.t.Helper()
	kubeconfig := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: cluster.Name + "-kubeconfig"}}
	for _, object := range []client.Object{cluster, kubeconfig} {
		n.Expect(management.Delete(n.t.Context(), object)).To(Succeed())
		n.Eventually(func() error {
			return management.Get(n.t.Context(), client.ObjectKeyFromObject(object), object)
		}).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	}
}

// The Cluster of the same name is another one: it has another API server, and nothing in it yet.
func TestAClusterCreatedAnewUnderTheSameNameIsAnotherOne(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	former, later := newWorkload(t), newWorkload(t)
	ensureConsumer(t, former)
	ensureConsumer(t, later)
	labels := map[string]string{"gateway": "true"}
	addGateway := func(workload *cluster, address string) *corev1.Service {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ingress"}}
		n.Expect(workload.Create(ctx, namespace)).To(Succeed())
		service := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ingress", Name: "envoy"},
			Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}},
		}
		n.Expect(workload.Create(ctx, service)).To(Succeed())
		setAddresses(t, workload, service, address)
		return service
	}
	formerService := addGateway(former, "192.0.2.170")
	addGateway(later, "192.0.2.171")
	object := n.addCluster("cluster-a", former.kubeconfig, labels)
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.addGatewayDNS("gw", "ingress/envoy")
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("192.0.2.170"))

	n.deleteCluster(object)
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(BeEmpty())
	anew := n.addCluster("cluster-a", later.kubeconfig, labels)
	t.Log("Cluster API goes on to write its status")
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayUnknown)))
	n.Eventually(func(g Gomega) {
		original := anew.DeepCopy()
		anew.Status.Phase = map[string]string{"Provisioning": "Provisioned"}[original.Status.Phase]
		if anew.Status.Phase == "" {
			anew.Status.Phase = "Provisioning"
		}
		g.Expect(management.Status().Patch(ctx, anew, client.MergeFrom(original))).To(Succeed())
		g.Expect(published(ctx, workloadB, n.hostname("cluster-a"))(g)).To(ConsistOf("192.0.2.171"))
	}).Should(Succeed())
	n.Eventually(published(ctx, later, n.hostname("cluster-a"))).Should(ConsistOf("192.0.2.171"))

	t.Log("What happens in the former cluster is nobody's business any more")
	setAddresses(t, former, formerService, "192.0.2.172")
	n.proveProgress("anew", "192.0.2.173")
	n.Expect(published(ctx, workloadB, n.hostname("cluster-a"))(n)).To(ConsistOf("192.0.2.171"))
	n.Expect(published(ctx, former, n.hostname("prove-anew"))(n)).To(BeEmpty())
}

func TestARotatedKubeconfigIsFollowedAndChangesNoAnswer(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	gatewayFront, consumerFront := newFront(t, workloadA, "one"), newFront(t, workloadB, "one")
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.180")
	n.addCluster("cluster-a", gatewayFront.kubeconfig(n, "one"), hasGateway())
	n.addCluster("cluster-b", consumerFront.kubeconfig(n, "one"), nil)
	n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("192.0.2.180"))
	before := n.sliceOf(workloadB, n.hostname("cluster-a"))

	t.Log("The old credentials are revoked before the new ones are there")
	gatewayFront.revoke("two")
	consumerFront.revoke("two")
	n.Eventually(gatewayFront.denied.Load).Should(BeNumerically(">", 0))
	n.Eventually(consumerFront.denied.Load).Should(BeNumerically(">", 0))
	n.Expect(n.sliceOf(workloadB, n.hostname("cluster-a"))).To(Equal(before))

	t.Log("With the new ones, changes are followed")
	for name, front := range map[string]*front{"cluster-a": gatewayFront, "cluster-b": consumerFront} {
		kubeconfig := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: name + "-kubeconfig"}}
		n.Expect(management.Get(ctx, client.ObjectKeyFromObject(kubeconfig), kubeconfig)).To(Succeed())
		kubeconfig.Data = map[string][]byte{"value": front.kubeconfig(n, "two")}
		n.Expect(management.Update(ctx, kubeconfig)).To(Succeed())
	}
	// Cluster API tries to connect again every 30 seconds.
	const reconnected = 90 * time.Second
	setAddresses(t, workloadA, service, "192.0.2.181")
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a")), reconnected).Should(ConsistOf("192.0.2.181"))
	n.Expect(n.sliceOf(workloadB, n.hostname("cluster-a")).UID).To(Equal(before.UID), "the slice was changed, not written anew")
}

func TestAnAPIServerThatMisbehavesCostsItsOwnClusterOnly(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.190")
	slow, impostor := newFront(t, workloadA, "token"), newFront(t, workloadA, "token")
	slow.delay.Store(int64(2 * time.Second))
	bad := map[string][]byte{
		"refusing": kubeconfigFor("https://127.0.0.1:1"),
		"silent":   kubeconfigFor(newSilentServer(t)),
		"impostor": impostor.kubeconfigTrusting(n, "token", workloadA.config.CAData),
		"denying":  impostor.kubeconfig(n, "another token"),
	}
	labels := map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled}
	for name, kubeconfig := range bad {
		n.setInitialized(n.addCluster(name, kubeconfig, labels))
	}
	n.addCluster("slow", slow.kubeconfig(n, "token"), hasGateway())
	n.addCluster("healthy", workloadA.kubeconfig, hasGateway())
	n.addCluster("consumer", workloadB.kubeconfig, nil)
	n.addGatewayDNS("gw", serviceRef(service))

	t.Log("The healthy cluster is published and followed as if it were alone")
	const atOnce = 5 * time.Second
	n.Eventually(published(ctx, workloadB, n.hostname("healthy"))).Should(ConsistOf("192.0.2.190"))
	for _, address := range []string{"192.0.2.191", "192.0.2.192"} {
		setAddresses(t, workloadA, service, address)
		n.Eventually(published(ctx, workloadB, n.hostname("healthy")), atOnce).Should(ConsistOf(address))
	}
	t.Log("The slow one takes longer, and each bad one says what it is")
	n.Eventually(published(ctx, workloadB, n.hostname("slow"))).Should(ConsistOf("192.0.2.192"))
	for name := range bad {
		n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue(name, HaveField("State", xccv1.GatewayUnknown)), name)
		n.Eventually(n.dnsReady(name)).Should(says(metav1.ConditionUnknown, xccv1.ClusterUnreachableReason, "check its kubeconfig Secret "+name+"-kubeconfig"), name)
	}
	n.Expect(impostor.denied.Load()).To(BeNumerically(">", 0))
}

// A Cluster that is being deleted still exists for as long as Cluster API needs to take its machines down.
func TestAClusterBeingDeletedLosesItsNamesAtOnceAndIsNotHeldUp(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.200")
	object := n.addCluster("cluster-a", workloadA.kubeconfig, map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled})
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("192.0.2.200"))
	n.Eventually(n.dnsReady("cluster-a")).Should(HaveField("Reason", xccv1.DNSServerUnavailableReason))

	n.Eventually(func(g Gomega) {
		g.Expect(management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		g.Expect(object.Finalizers).To(BeEmpty(), "nothing of ours holds a Cluster")
		controllerutil.AddFinalizer(object, clusterv1.ClusterFinalizer)
		g.Expect(management.Update(ctx, object)).To(Succeed())
	}).Should(Succeed())
	t.Cleanup(func() {
		current := &clusterv1.Cluster{}
		if err := management.Get(context.Background(), client.ObjectKeyFromObject(object), current); err == nil {
			controllerutil.RemoveFinalizer(current, clusterv1.ClusterFinalizer)
			NewWithT(t).Expect(management.Update(context.Background(), current)).To(Succeed())
		}
	})
	n.Expect(management.Delete(ctx, object)).To(Succeed())
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(BeEmpty())

	t.Log("When Cluster API is done, the Cluster is gone, and all that belonged to it")
	n.Eventually(func(g Gomega) {
		g.Expect(management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		controllerutil.RemoveFinalizer(object, clusterv1.ClusterFinalizer)
		g.Expect(management.Update(ctx, object)).To(Succeed())
	}).Should(Succeed())
	n.Eventually(func() error {
		return management.Get(ctx, client.ObjectKeyFromObject(object), object)
	}).Should(MatchError(apierrors.IsNotFound, "NotFound"))
}
