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

package fleet

import (
	"context"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Consumers returns status.consumers as "current/total, cluster: reason, ...".
func (n *Tenant) Consumers(name string) func(Gomega) string {
	return func(g Gomega) string {
		gatewayDNS := &xccv1.GatewayDNS{}
		g.Expect(Management.Get(n.T.Context(), client.ObjectKey{Namespace: n.Namespace, Name: name}, gatewayDNS)).To(Succeed())
		consumers := ptr.Deref(gatewayDNS.Status.Consumers, xccv1.ConsumersStatus{})
		parts := []string{fmt.Sprintf("%d/%d", ptr.Deref(consumers.Current, -1), ptr.Deref(consumers.Total, -1))}
		for _, consumer := range consumers.Lagging {
			parts = append(parts, consumer.Cluster+": "+string(consumer.Reason))
		}
		return strings.Join(parts, ", ")
	}
}

// Settled returns when the consumers have been counted after the last change of a GatewayDNS.
func (n *Tenant) Settled(name, want string) {
	n.T.Helper()
	n.Eventually(func(g Gomega) {
		gatewayDNS := &xccv1.GatewayDNS{}
		g.Expect(Management.Get(n.T.Context(), client.ObjectKey{Namespace: n.Namespace, Name: name}, gatewayDNS)).To(Succeed())
		g.Expect(gatewayDNS.Status.Gateways).NotTo(BeEmpty())
		g.Expect(gatewayDNS.Status.Consumers).NotTo(BeNil())
		g.Expect(gatewayDNS.Status.Consumers.ChangeTime).To(Equal(&gatewayDNS.Status.Gateways[0].LastTransitionTime))
		g.Expect(n.Consumers(name)(g)).To(Equal(want))
	}).Should(Succeed())
}

// NeedAdmissionPolicies skips a test if the API servers do not have the admission policies that it
// refuses writes with.
func NeedAdmissionPolicies(t *testing.T) {
	t.Helper()
	kind := admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy")
	if _, err := Management.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version); meta.IsNoMatchError(err) {
		t.Skip("The test refuses writes with a ValidatingAdmissionPolicy v1, which Kubernetes has since v1.30: " + err.Error())
	} else {
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
	}
}

// Refuse makes a workload cluster's API server refuse the slices of a GatewayDNS.
func (n *Tenant) Refuse(workload *Cluster, gatewayDNS string) {
	n.T.Helper()
	NeedAdmissionPolicies(n.T)
	ref := n.Namespace + "/" + gatewayDNS
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: n.Namespace},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule:       admissionv1.Rule{APIGroups: []string{"discovery.k8s.io"}, APIVersions: []string{"v1"}, Resources: []string{"endpointslices"}},
				},
			}}},
			Validations: []admissionv1.Validation{{
				Expression: fmt.Sprintf("object.metadata.?annotations[?%q].orValue('') != %q", xccv1.GatewayDNSRefAnnotation, ref),
			}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: n.Namespace},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: policy.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
	for _, object := range []client.Object{policy, binding} {
		n.Expect(workload.Create(n.T.Context(), object)).To(Succeed())
		n.T.Cleanup(func() { NewWithT(n.T).Expect(workload.Delete(context.Background(), object)).To(Succeed()) })
	}
	probe := NewSlice("probe-"+n.Namespace, map[string]string{xccv1.GatewayDNSRefAnnotation: ref}, "192.0.2.1")
	n.Eventually(func() error {
		return workload.Create(n.T.Context(), probe.DeepCopy(), client.DryRunAll)
	}).Should(MatchError(apierrors.IsInvalid, "refused by the policy"))
}
