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
	"fmt"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// installKind installs a kind of the Gateway API, as it is released, for the time of the test.
func installKind(t *testing.T, workload *fleet.Cluster, plural string) (uninstall func()) {
	t.Helper()
	g := NewWithT(t)
	source, err := components.SourceDir(t.Context(), "gateway-api")
	g.Expect(err).NotTo(HaveOccurred())
	options := envtest.CRDInstallOptions{
		Paths: []string{filepath.Join(source, "config", "crd", "standard", "gateway.networking.k8s.io_"+plural+".yaml")}, ErrorIfPathMissing: true,
	}
	_, err = envtest.InstallCRDs(workload.Config, options)
	g.Expect(err).NotTo(HaveOccurred())
	uninstall = func() { _ = envtest.UninstallCRDs(workload.Config, options) }
	t.Cleanup(uninstall)
	return uninstall
}

// addListenerSet creates a ListenerSet with a listener that its Gateway's controller has accepted.
func addListenerSet(t *testing.T, workload *fleet.Cluster, namespace string, gateway *unstructured.Unstructured, name string, port int64) *unstructured.Unstructured {
	t.Helper()
	set := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet",
		"metadata": map[string]any{"namespace": namespace, "name": name},
		"spec": map[string]any{
			"parentRef": map[string]any{"name": gateway.GetName(), "namespace": gateway.GetNamespace()},
			"listeners": []any{map[string]any{"name": name, "port": port, "protocol": "HTTP"}},
		},
	}}
	g := NewWithT(t)
	g.Expect(workload.Create(t.Context(), set)).To(Succeed())
	accept(t, workload, set, "True")
	return set
}

func accept(t *testing.T, workload *fleet.Cluster, set *unstructured.Unstructured, status string) {
	t.Helper()
	patch := fmt.Sprintf(`{"status": {"conditions": [
		{"type": "Accepted", "status": %q, "reason": "Test", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}`, status)
	NewWithT(t).Expect(workload.Status().Patch(t.Context(), set, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
}

func TestTheListenerSetsOfAGatewayAreFollowed(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	installKind(t, workloadA, "gateways")
	namespace := fleet.AddService(t, workloadA, corev1.ServiceTypeClusterIP).Namespace
	elsewhere := fleet.AddService(t, workloadA, corev1.ServiceTypeClusterIP).Namespace
	gateway := newGateway(namespace)
	n.Expect(unstructured.SetNestedField(gateway.Object, "eg", "spec", "gatewayClassName")).To(Succeed())
	n.Expect(workloadA.Create(ctx, gateway)).To(Succeed())
	setGatewayAddress(t, workloadA, gateway, "IPAddress", "192.0.2.7")
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	gatewayDNS := &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: "gw"},
		Spec:       xccv1.GatewayDNSSpec{ClusterSelector: metav1.LabelSelector{MatchLabels: fleet.HasGateway()}, Gateway: namespace + "/eg"},
	}
	n.Expect(fleet.Management.Create(ctx, gatewayDNS)).To(Succeed())
	ports := func(want ...any) {
		t.Helper()
		var matchers []any
		for _, port := range want {
			matchers = append(matchers, HaveField("Port", BeNumerically("==", port)))
		}
		n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
			HaveField("State", xccv1.GatewayResolved), HaveField("Addresses", ConsistOf("192.0.2.7")), HaveField("Ports", ConsistOf(matchers...)),
		)))
	}
	allow := func(from string) {
		t.Helper()
		patch := client.RawPatch(types.MergePatchType, []byte(`{"spec": {"allowedListeners": {"namespaces": {"from": "`+from+`"}}}}`))
		n.Expect(workloadA.Patch(ctx, gateway, patch)).To(Succeed())
	}
	ports(443)

	t.Log("The Gateway allows them before their kind is installed")
	allow("Same")
	n.Eventually(watches(workloadA, "customresourcedefinitions")).Should(BeNumerically(">=", 2), "the kind is waited for")
	ports(443)
	n.Expect(watches(workloadA, "listenersets")(n)).To(Equal(0))
	uninstall := installKind(t, workloadA, "listenersets")
	set := addListenerSet(t, workloadA, namespace, gateway, "same", 8443)
	addListenerSet(t, workloadA, elsewhere, gateway, "elsewhere", 9443)
	ports(443, 8443)
	n.Expect(watches(workloadA, "listenersets")(n)).To(Equal(1))

	t.Log("Its controller changes its mind")
	accept(t, workloadA, set, "False")
	ports(443)
	accept(t, workloadA, set, "True")
	ports(443, 8443)

	t.Log("Those of other namespaces are allowed")
	allow("All")
	ports(443, 8443, 9443)
	n.Expect(workloadA.Delete(ctx, set)).To(Succeed())
	ports(443, 9443)
	n.Eventually(watches(workloadA, "listenersets")).Should(Equal(1))

	t.Log("None are, and nothing is asked for any more")
	allow("None")
	ports(443)
	n.Eventually(watches(workloadA, "listenersets")).Should(Equal(0))
	allow("All")
	ports(443, 9443)
	uninstall()
	ports(443)
	n.Eventually(watches(workloadA, "listenersets")).Should(Equal(0))
}
