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
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// gatewayCRD is the Gateway API's CustomResourceDefinition of Gateways, without its schema.
func gatewayCRD() *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{
			Name: "gateways.gateway.networking.k8s.io", Annotations: map[string]string{"api-approved.kubernetes.io": "unapproved, for a test"},
		},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "gateway.networking.k8s.io", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: "Gateway", ListKind: "GatewayList", Plural: "gateways", Singular: "gateway"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: new(true),
				}},
			}},
		},
	}
}

func newGateway(namespace string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
		"metadata": map[string]any{"namespace": namespace, "name": "eg"},
		"spec":     map[string]any{"listeners": []any{map[string]any{"name": "https", "port": int64(443), "protocol": "HTTPS"}}},
	}}
}

func setGatewayAddress(t *testing.T, workload *fleet.Cluster, gateway *unstructured.Unstructured, addressType, value string) {
	t.Helper()
	gateway.Object["status"] = map[string]any{"addresses": []any{map[string]any{"type": addressType, "value": value}}}
	NewWithT(t).Expect(workload.Status().Update(t.Context(), gateway)).To(Succeed())
}

func TestAGatewayOfTheGatewayAPIIsFollowedFromBeforeItsKindIsInstalled(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	definitions, err := apiextensions.NewForConfig(workloadA.Config)
	n.Expect(err).NotTo(HaveOccurred())
	crds := definitions.ApiextensionsV1().CustomResourceDefinitions()
	t.Cleanup(func() { _ = crds.Delete(context.Background(), gatewayCRD().Name, metav1.DeleteOptions{}) })
	namespace := fleet.AddService(t, workloadA, corev1.ServiceTypeClusterIP).Namespace
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: "gw"},
		Spec:       xccv1.GatewayDNSSpec{ClusterSelector: metav1.LabelSelector{MatchLabels: fleet.HasGateway()}, Gateway: namespace + "/eg"},
	}
	n.Expect(fleet.Management.Create(ctx, gatewayDNS)).To(Succeed())
	state := func(state xccv1.GatewayState) {
		t.Helper()
		n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("State", state)))
	}
	state(xccv1.GatewayGatewayAPINotInstalled)

	t.Log("A version that is too old is installed")
	tooOld := gatewayCRD()
	tooOld.Spec.Versions[0].Name = "v1beta1"
	_, err = crds.Create(ctx, tooOld, metav1.CreateOptions{})
	n.Expect(err).NotTo(HaveOccurred())
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayGatewayAPINotInstalled), HaveField("Message", ContainSubstring("only in version v1beta1, and v1 is needed")),
	)))

	t.Log("The Gateway API is upgraded later")
	upgrade := []byte(`[{"op": "add", "path": "/spec/versions/-", "value": {"name": "v1", "served": true, "storage": false,
		"subresources": {"status": {}}, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}]`)
	_, err = crds.Patch(ctx, gatewayCRD().Name, types.JSONPatchType, upgrade, metav1.PatchOptions{})
	n.Expect(err).NotTo(HaveOccurred())
	state(xccv1.GatewayGatewayNotFound)
	n.Expect(watches(workloadA, "gateways")(n)).To(Equal(1))
	gateway := newGateway(namespace)
	n.Eventually(func() error { return workloadA.Create(ctx, gateway) }).Should(Succeed())
	state(xccv1.GatewayNoAddress)
	setGatewayAddress(t, workloadA, gateway, "IPAddress", "192.0.2.7")
	hostname := n.Hostname("cluster-a")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.7"))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("Ports", ConsistOf(And(
		HaveField("Name", "https"), HaveField("Port", int32(443)),
	)))))
	setGatewayAddress(t, workloadA, gateway, "Hostname", "lb.example.com")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("lb.example.com"))

	t.Log("It is deleted, and its controller has yet to remove what is behind it")
	n.Expect(workloadA.Patch(ctx, gateway, finalizers("example.com/infrastructure"))).To(Succeed())
	n.Expect(workloadA.Delete(ctx, gateway)).To(Succeed())
	state(xccv1.GatewayGatewayNotFound)
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(BeEmpty())
	n.Expect(workloadA.Patch(ctx, gateway, finalizers())).To(Succeed())

	t.Log("Its kind is taken away, and nothing is asked for any more")
	n.Expect(crds.Delete(ctx, gatewayCRD().Name, metav1.DeleteOptions{})).To(Succeed())
	state(xccv1.GatewayGatewayAPINotInstalled)
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(BeEmpty())
	n.Eventually(watches(workloadA, "gateways")).Should(Equal(0))
	n.Eventually(func() error {
		_, err := crds.Get(ctx, gatewayCRD().Name, metav1.GetOptions{})
		return err
	}).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	_, err = crds.Create(ctx, gatewayCRD(), metav1.CreateOptions{})
	n.Expect(err).NotTo(HaveOccurred())
	state(xccv1.GatewayGatewayNotFound)
}
