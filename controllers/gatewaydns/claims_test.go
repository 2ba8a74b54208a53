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
	"testing"
	"time"

	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// Both are there when the manager starts, without a claim, as after the old project.
func TestOfTwoThatNeverClaimedTheOneThatWasCreatedFirstWins(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	one := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.230")
	two := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.231")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	var first, second *xccv1.GatewayDNS
	n.RestartManager(func() {
		first = n.AddGatewayDNS("x-first", fleet.ServiceRef(one))
		n.Eventually(func() time.Duration { return time.Since(first.CreationTimestamp.Time) }).Should(BeNumerically(">", time.Second))
		second = n.AddGatewayDNS("second", fleet.ServiceRef(two))
	})
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.230"))
	n.Eventually(n.Gateways("second")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayConflicted)))

	t.Log("The second waits in line")
	n.Eventually(n.claims(second)).Should(ContainSubstring("gateway.cluster-a"))
	n.Expect(n.claims(first)(n)).To(Equal(fmt.Sprintf(`{"gateway.cluster-a":%q}`, first.CreationTimestamp.UTC().Format(time.RFC3339))))
	n.Expect(fleet.Management.Delete(ctx, first)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.231"))
}

func TestAClaimOfAClockThatIsAheadIsNotTakenOver(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	one := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.235")
	two := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.236")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	ahead := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	n.AddGatewayDNS("x-first", fleet.ServiceRef(one), func(g *xccv1.GatewayDNS) {
		g.Annotations = map[string]string{xccv1.ClaimsAnnotation: fmt.Sprintf(`{"gateway.cluster-a":%q}`, ahead)}
	})
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.235"))
	n.AddGatewayDNS("second", fleet.ServiceRef(two))
	n.Eventually(n.Gateways("second")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayConflicted)))
	n.ProveProgress("ahead", "192.0.2.237")
	n.Expect(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))(n)).To(ConsistOf("192.0.2.235"))
}

func TestClaimsThatAreRefusedKeepNoNameFromBeingPublished(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	allow := n.refuseClaims()
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.240")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(n.Condition(gatewayDNS, xccv1.NamesClaimedCondition)).Should(And(
		HaveField("Reason", xccv1.ClaimsNotWrittenReason), HaveField("Message", ContainSubstring("no claims here")),
	))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.240"))
	fleet.SetAddresses(t, fleet.WorkloadA, service, "192.0.2.241")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.241"))
	n.Expect(n.Condition(gatewayDNS, xccv1.ReadyCondition)(n).Status).To(Equal(metav1.ConditionFalse))

	allow()
	n.Eventually(n.Condition(gatewayDNS, xccv1.ReadyCondition)).Should(HaveField("Status", metav1.ConditionTrue))
	n.Expect(n.claims(gatewayDNS)(n)).To(ContainSubstring("gateway.cluster-a"))
}

// claims returns the annotation of a GatewayDNS.
func (n *tenant) claims(gatewayDNS *xccv1.GatewayDNS) func(Gomega) string {
	return func(g Gomega) string {
		current := &xccv1.GatewayDNS{}
		g.Expect(fleet.Management.Get(n.T.Context(), client.ObjectKeyFromObject(gatewayDNS), current)).To(Succeed())
		return current.Annotations[xccv1.ClaimsAnnotation]
	}
}

// refuseClaims makes the management cluster refuse the claims of the tenant until it is told to allow them.
func (n *tenant) refuseClaims() (allow func()) {
	n.T.Helper()
	fleet.NeedAdmissionPolicies(n.T)
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: n.Namespace},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{xccv1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"gatewaydns"}},
				},
			}}},
			Validations: []admissionv1.Validation{{
				Expression: fmt.Sprintf("request.namespace != %q || !object.metadata.?annotations[?%q].hasValue()", n.Namespace, xccv1.ClaimsAnnotation),
				Message:    "no claims here",
			}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: n.Namespace},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: policy.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
	objects := []client.Object{binding, policy}
	allow = func() {
		for _, object := range objects {
			n.Expect(client.IgnoreNotFound(fleet.Management.Delete(context.Background(), object))).To(Succeed())
		}
	}
	n.T.Cleanup(allow)
	for _, object := range objects {
		n.Expect(fleet.Management.Create(n.T.Context(), object)).To(Succeed())
	}
	probe := &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: "probe", Annotations: map[string]string{xccv1.ClaimsAnnotation: "{}"}},
		Spec:       xccv1.GatewayDNSSpec{Service: "a/b"},
	}
	n.Eventually(func() error {
		return fleet.Management.Create(n.T.Context(), probe.DeepCopy(), client.DryRunAll)
	}).Should(MatchError(ContainSubstring("no claims here")))
	return allow
}
