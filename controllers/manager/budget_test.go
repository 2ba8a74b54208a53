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
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/hostile"
)

func TestAClusterBeyondItsBudgetSaysSoEverywhere(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	server := hostile.New(t, workloadA.Config)
	tooDeep := hostile.Text(http.StatusOK, "application/json", strings.Repeat("[", 300))
	server.Override(hostile.Watch, "/apis/apps/v1/namespaces/xcc-dns/deployments", tooDeep)
	server.Override(http.MethodGet, "/apis/apps/v1/namespaces/xcc-dns/deployments", tooDeep)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.154")
	object := n.AddCluster("cluster-a", server.Kubeconfig(), map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled})
	n.SetInitialized(object)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))

	beyond := MatchRegexp(`^Cluster is beyond its budget: more than 256 levels of JSON; next try at 2[0-9-]+T[0-9:]+Z`)
	n.Eventually(n.DNSReady("cluster-a")).Should(And(
		HaveField("Status", metav1.ConditionUnknown), HaveField("Reason", xccv1.ClusterUnreachableReason),
		HaveField("Message", And(beyond, HaveSuffix("Z. Pods there resolve what they resolved before"))),
	))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayUnknown), HaveField("Message", beyond),
	)))
	n.Eventually(func(g Gomega) []xccv1.LaggingConsumer {
		gatewayDNS := &xccv1.GatewayDNS{}
		g.Expect(fleet.Management.Get(t.Context(), client.ObjectKey{Namespace: n.Namespace, Name: "gw"}, gatewayDNS)).To(Succeed())
		return ptr.Deref(gatewayDNS.Status.Consumers, xccv1.ConsumersStatus{}).Lagging
	}).Should(ConsistOf(And(
		HaveField("Cluster", "cluster-a"), HaveField("Reason", xccv1.LagUnreachable), HaveField("Message", beyond),
	)))

	t.Log("Cluster API has sent it something, so there is something to remove")
	n.Eventually(func(g Gomega) {
		binding := &addonsv1.ClusterResourceSetBinding{}
		g.Expect(fleet.Management.Get(t.Context(), client.ObjectKeyFromObject(object), binding)).To(Succeed())
		g.Expect(binding.Spec.Bindings).To(ContainElement(HaveField("Resources", Not(BeEmpty()))))
	}).Should(Succeed())

	t.Log("A removal that waits for the cluster says why")
	n.SetLabel(object, "")
	n.Eventually(n.Removing("cluster-a")).Should(ContainSubstring("Waiting until the workload cluster can be read. Cluster is beyond its budget"))
}
