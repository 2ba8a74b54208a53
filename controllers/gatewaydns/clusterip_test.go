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

package gatewaydns_test

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// installGatewayAPI installs the Gateway API for the time of a test.
func installGatewayAPI(t *testing.T, workload *fleet.Cluster) {
	t.Helper()
	g := NewWithT(t)
	definitions, err := apiextensions.NewForConfig(workload.Config)
	g.Expect(err).NotTo(HaveOccurred())
	crds := definitions.ApiextensionsV1().CustomResourceDefinitions()
	gone := func() {
		g.Eventually(func() error {
			_ = crds.Delete(context.Background(), gatewayCRD().Name, metav1.DeleteOptions{})
			_, err := crds.Get(context.Background(), gatewayCRD().Name, metav1.GetOptions{})
			return err
		}).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	}
	gone()
	t.Cleanup(gone)
	_, err = crds.Create(t.Context(), gatewayCRD(), metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
}

// Envoy Gateway reports the ClusterIP of a Gateway's Service, and Istio its name. In a consumer with the same ranges these are
// another application.
func TestAGatewayThatOnlyItsOwnClusterReachesIsNotPublished(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	installGatewayAPI(t, workloadA)
	namespace := fleet.AddService(t, workloadA, corev1.ServiceTypeClusterIP).Namespace
	gateway := newGateway(namespace)
	n.Eventually(func() error { return workloadA.Create(ctx, gateway) }).Should(Succeed())
	object := n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.Expect(fleet.Management.Create(ctx, &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: "gw"},
		Spec:       xccv1.GatewayDNSSpec{ClusterSelector: metav1.LabelSelector{MatchLabels: fleet.HasGateway()}, Gateway: namespace + "/eg"},
	})).To(Succeed())
	hostname := n.Hostname("cluster-a")
	refused := func(why string) {
		t.Helper()
		n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
			HaveField("State", xccv1.GatewayNoAddress), HaveField("Addresses", BeEmpty()),
			HaveField("Message", And(ContainSubstring(why), ContainSubstring("Expose it with a Service of type LoadBalancer"))),
		)))
		n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(BeEmpty())
	}

	t.Log("Its Service is known by a label, whatever the Cluster declares")
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "eg-nginx", Labels: map[string]string{"gateway.networking.k8s.io/gateway-name": "eg"}},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}
	n.Expect(workloadA.Create(ctx, service)).To(Succeed())
	setGatewayAddress(t, workloadA, gateway, "IPAddress", service.Spec.ClusterIP)
	refused(service.Spec.ClusterIP + " is a ClusterIP of this cluster")
	elsewhere := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", GenerateName: "envoy-", Labels: map[string]string{
			"gateway.envoyproxy.io/owning-gateway-name": "eg", "gateway.envoyproxy.io/owning-gateway-namespace": namespace,
		}},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}
	n.Expect(workloadA.Create(ctx, elsewhere)).To(Succeed())
	t.Cleanup(func() { _ = workloadA.Delete(context.Background(), elsewhere) })
	setGatewayAddress(t, workloadA, gateway, "IPAddress", elsewhere.Spec.ClusterIP)
	refused(elsewhere.Spec.ClusterIP + " is a ClusterIP of this cluster")

	setGatewayAddress(t, workloadA, gateway, "IPAddress", "10.77.0.9")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.77.0.9"))

	t.Log("The Cluster says later which range its Services have")
	original := object.DeepCopy()
	object.Spec.ClusterNetwork.Services.CIDRBlocks = []string{"10.77.0.0/16"}
	n.Expect(fleet.Management.Patch(ctx, object, client.MergeFrom(original))).To(Succeed())
	refused("10.77.0.9 is in the range of Services that the Cluster declares")

	setGatewayAddress(t, workloadA, gateway, "IPAddress", "192.0.2.7")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.7"))
	setGatewayAddress(t, workloadA, gateway, "Hostname", "eg-istio."+namespace+".svc.cluster.local")
	refused("is a name of the cluster's own DNS")

	t.Log("An administrator knows better")
	n.Annotate(object, xccv1.GatewayAddressesAnnotation, "10.77.3.3")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.77.3.3"))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayOverridden), HaveField("Message", ContainSubstring("In the Service or Pod ranges of the Cluster: 10.77.3.3")),
	)))
	original = object.DeepCopy()
	object.Spec.ClusterNetwork = clusterv1.ClusterNetwork{ServiceDomain: "cluster.test"}
	n.Expect(fleet.Management.Patch(ctx, object, client.MergeFrom(original))).To(Succeed())
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("Message", Not(ContainSubstring("In the Service or Pod ranges")))))
}

// The ClusterIP of a Service is known from the Service itself, whatever the Cluster declares.
func TestALoadBalancerThatReportsItsClusterIPIsNotPublished(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer)
	n.Expect(service.Spec.ClusterIP).NotTo(BeEmpty())
	fleet.SetAddresses(t, fleet.WorkloadA, service, "192.0.2.8", service.Spec.ClusterIP)
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", service.Namespace+"/"+service.Name)
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.8"))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("Message", Equal(
		"Left out: "+service.Spec.ClusterIP+" is a ClusterIP of this cluster"))))
	fleet.SetAddresses(t, fleet.WorkloadA, service, service.Spec.ClusterIP)
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayNoAddress)))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(BeEmpty())
}
