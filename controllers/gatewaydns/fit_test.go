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
	"fmt"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// addHostNetworkPod creates a Pod whose every port is a port of its node.
func addHostNetworkPod(t *testing.T, workload *fleet.Cluster, service *corev1.Service, name, node string) {
	t.Helper()
	g := NewWithT(t)
	serviceAccount := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: service.Namespace, Name: "default"}}
	g.Expect(client.IgnoreAlreadyExists(workload.Create(t.Context(), serviceAccount))).To(Succeed())
	g.Expect(workload.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: service.Namespace, Name: name, Labels: service.Spec.Selector},
		Spec: corev1.PodSpec{
			NodeName: node, HostNetwork: true, AutomountServiceAccountToken: new(false), TerminationGracePeriodSeconds: new(int64(0)),
			Containers: []corev1.Container{{Name: "envoy", Image: "envoy"}},
		},
	})).To(Succeed())
}

func TestABadValueOfOneClusterFreezesNoOther(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	bad := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeClusterIP)
	bad.Spec.Selector = map[string]string{"app": "envoy"}
	n.Expect(fleet.WorkloadA.Update(ctx, bad)).To(Succeed())
	node := addNode(t, fleet.WorkloadA, n.Namespace+"-a", internalIP("10.0.7.1"))
	addHostNetworkPod(t, fleet.WorkloadA, bad, "a", node.Name)
	slice := addEndpoints(t, fleet.WorkloadA, bad, endpoint("10.0.7.1", "a", node.Name, true))

	// The other cluster has a Service of the same name, on which its own gateway stands.
	n.Expect(client.IgnoreAlreadyExists(fleet.WorkloadB.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: bad.Namespace}}))).To(Succeed())
	good := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: bad.Namespace, Name: bad.Name},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}, Selector: bad.Spec.Selector},
	}
	n.Expect(fleet.WorkloadB.Create(ctx, good)).To(Succeed())
	other := addNode(t, fleet.WorkloadB, n.Namespace+"-b", internalIP("10.0.7.2"))
	addHostNetworkPod(t, fleet.WorkloadB, good, "b", other.Name)
	goodSlice := addEndpoints(t, fleet.WorkloadB, good, endpoint("10.0.7.2", "b", other.Name, true))

	n.AddCluster("bad", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("good", fleet.WorkloadB.Kubeconfig, fleet.HasGateway())
	n.addGatewayOf("gw", bad, xccv1.ResolutionTypeHostPort)
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("bad"))).Should(ConsistOf("10.0.7.1"))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("good"))).Should(ConsistOf("10.0.7.2"))
	n.Expect(n.Gateways("gw")(n)["bad"].Ports).To(HaveLen(1))

	withdraw := func(ready bool) {
		goodSlice.Endpoints[0].Conditions.Ready = &ready
		n.Expect(fleet.WorkloadB.Update(ctx, goodSlice)).To(Succeed())
		if ready {
			n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("good"))).Should(ConsistOf("10.0.7.2"))
		} else {
			n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("good"))).Should(BeEmpty())
		}
	}
	for _, test := range []struct {
		name    string
		port    discoveryv1.EndpointPort
		message string
	}{
		{"too high", discoveryv1.EndpointPort{Name: new("http"), Port: new(int32(70000))}, "Left out: port 70000 is not within 1 to 65535"},
		{"negative", discoveryv1.EndpointPort{Name: new("http"), Port: new(int32(-1))}, "Left out: port -1 is not within 1 to 65535"},
	} {
		t.Log(test.name)
		slice.Ports = []discoveryv1.EndpointPort{test.port}
		n.Expect(fleet.WorkloadA.Update(ctx, slice)).To(Succeed(), "Kubernetes accepts it")
		n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("bad", And(
			HaveField("State", xccv1.GatewayResolved), HaveField("Ports", BeEmpty()), HaveField("Message", test.message),
		)))
		withdraw(false)
		withdraw(true)
	}

	t.Log("An endpoint whose Pod has a very long name")
	slice.Endpoints = []discoveryv1.Endpoint{endpoint("10.0.7.1", strings.Repeat("x", 2000), node.Name, true)}
	n.Expect(fleet.WorkloadA.Update(ctx, slice)).To(Succeed(), "Kubernetes accepts it")
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("bad", And(
		HaveField("State", xccv1.GatewayUnknown), HaveField("Message", And(ContainSubstring("with the Pod xxx"), HaveSuffix("…"))),
	)))
	withdraw(false)
	withdraw(true)
	n.Expect(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("bad"))(n)).To(ConsistOf("10.0.7.1"), "what it had stays")
}

// refusedAddress is one that the tests below make the management cluster refuse.
const refusedAddress = "203.0.113.66"

func TestAStatusThatIsRefusedAllTheSameFreezesNoOther(t *testing.T) {
	for name, refuse := range map[string]func(*testing.T, *tenant){
		"by the schema, which names the entry":         refuseBySchema,
		"by a policy, which names none of the entries": refuseByPolicy,
	} {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t)
			ctx := t.Context()
			fleet.EnsureConsumer(t, fleet.WorkloadB)
			refuse(t, n)
			bad := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.161")
			n.Expect(client.IgnoreAlreadyExists(fleet.WorkloadB.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: bad.Namespace}}))).To(Succeed())
			good := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: bad.Namespace, Name: bad.Name}, Spec: bad.Spec}
			good.Spec.ClusterIP, good.Spec.ClusterIPs, good.Spec.Ports[0].NodePort = "", nil, 0
			n.Expect(fleet.WorkloadB.Create(ctx, good)).To(Succeed())
			fleet.SetAddresses(t, fleet.WorkloadB, good, "192.0.2.162")
			for _, cluster := range []string{"bad", "bad-too"} {
				n.AddCluster(cluster, fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
			}
			for _, cluster := range []string{"good", "good-too", "also-good"} {
				n.AddCluster(cluster, fleet.WorkloadB.Kubeconfig, fleet.HasGateway())
			}
			n.AddGatewayDNS("gw", fleet.ServiceRef(bad))
			holds := func(cluster string, addresses ...any) {
				t.Helper()
				n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname(cluster))).Should(ConsistOf(addresses...), cluster)
			}
			holds("bad", "192.0.2.161")
			holds("good", "192.0.2.162")

			t.Log("What is refused stays as it was, and the others are followed")
			fleet.SetAddresses(t, fleet.WorkloadA, bad, refusedAddress)
			for _, cluster := range []string{"bad", "bad-too"} {
				n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue(cluster, And(
					HaveField("State", xccv1.GatewayUnknown), HaveField("Addresses", ConsistOf("192.0.2.161")),
					HaveField("Message", ContainSubstring("API server refuses the new entry")),
				)), cluster)
			}
			fleet.SetAddresses(t, fleet.WorkloadB, good, "192.0.2.163")
			holds("good", "192.0.2.163")
			holds("also-good", "192.0.2.163")
			fleet.SetAddresses(t, fleet.WorkloadB, good)
			holds("good")
			holds("bad", "192.0.2.161")
			for _, cluster := range []string{"good", "good-too", "also-good"} {
				n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue(cluster, HaveField("State", xccv1.GatewayNoAddress)))
			}

			t.Log("At rest nothing is tried again")
			ours := func() []string {
				writes := n.Requests.Matching("/namespaces/"+n.Namespace+"/gatewaydns/gw/status", fleet.Writes...)
				return slices.DeleteFunc(writes, func(write string) bool { return strings.HasSuffix(write, fleet.ByConsumers) })
			}
			before := ours()
			n.ProveProgress("rest", "192.0.2.164")
			n.Expect(ours()).To(Equal(before))

			t.Log("A value that is accepted ends it")
			fleet.SetAddresses(t, fleet.WorkloadA, bad, "192.0.2.165")
			holds("bad", "192.0.2.165")
			holds("bad-too", "192.0.2.165")
		})
	}
}

// refuseBySchema changes the CustomResourceDefinition for as long as a test runs.
func refuseBySchema(t *testing.T, n *tenant) {
	t.Helper()
	crds, err := apiextensions.NewForConfig(fleet.Management.Config)
	n.Expect(err).NotTo(HaveOccurred())
	set := func(ctx context.Context, pattern string) {
		patch := fmt.Sprintf(`[{"op":"add","path":"/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/gateways/items/properties/addresses/items/pattern","value":%q}]`, pattern)
		_, err := crds.ApiextensionsV1().CustomResourceDefinitions().Patch(ctx, "gatewaydns.connectivity.tanzu.vmware.com", types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
		n.Expect(err).NotTo(HaveOccurred())
	}
	set(t.Context(), "[^6]$") // The refused address ends in a 6, the others of this test do not.
	t.Cleanup(func() { set(context.Background(), "") })
	n.eventuallyRefused()
}

// refuseByPolicy adds an admission policy for as long as a test runs.
func refuseByPolicy(t *testing.T, n *tenant) {
	t.Helper()
	fleet.NeedAdmissionPolicies(t)
	name := "refuse-" + n.Namespace
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Update},
					Rule: admissionv1.Rule{
						APIGroups: []string{xccv1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"gatewaydns/status"},
					},
				},
			}}},
			Validations: []admissionv1.Validation{{
				Expression: fmt.Sprintf("!has(object.status.gateways) || object.status.gateways.all(g, !has(g.addresses) || !(%q in g.addresses))", refusedAddress),
			}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{corev1.LabelMetadataName: n.Namespace},
			}},
		},
	}
	for _, object := range []client.Object{policy, binding} {
		n.Expect(fleet.Management.Create(t.Context(), object)).To(Succeed())
		t.Cleanup(func() { n.Expect(fleet.Management.Delete(context.Background(), object)).To(Succeed()) })
	}
	n.eventuallyRefused()
}

// eventuallyRefused waits until the management cluster refuses the address.
func (n *tenant) eventuallyRefused() {
	n.T.Helper()
	gatewayDNS := n.AddGatewayDNS("refused", "nowhere/envoy", fleet.Subdomain("refused"), func(g *xccv1.GatewayDNS) {
		g.Annotations = map[string]string{clusterv1.PausedAnnotation: "true"} // The manager writes nothing to it.
	})
	n.Eventually(func(g Gomega) {
		g.Expect(fleet.Management.Get(n.T.Context(), client.ObjectKeyFromObject(gatewayDNS), gatewayDNS)).To(Succeed())
		gatewayDNS.Status.Gateways = []xccv1.GatewayStatus{{
			Cluster: "x", State: xccv1.GatewayResolved, Addresses: []string{refusedAddress}, LastTransitionTime: metav1.Now(),
		}}
		err := fleet.Management.Status().Update(n.T.Context(), gatewayDNS, client.DryRunAll)
		g.Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
	}).Should(Succeed(), "the rule takes effect a moment after it is written")
	n.Expect(fleet.Management.Delete(n.T.Context(), gatewayDNS)).To(Succeed())
}
