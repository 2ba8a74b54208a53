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
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// rivals are two GatewayDNS that claim the name of one Cluster, and the addresses of their gateways.
type rivals struct {
	*tenant
	cluster       *clusterv1.Cluster
	first, second *xccv1.GatewayDNS
}

const firstAddress, secondAddress = "192.0.2.160", "192.0.2.161"

func newRivals(t *testing.T) *rivals {
	t.Helper()
	n := newTenant(t)
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	one := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, firstAddress)
	two := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, secondAddress)
	r := &rivals{tenant: n}
	r.cluster = n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	// The name of the first comes last, so that only the time of its claim can be why it wins.
	r.first = n.AddGatewayDNS("x-first", fleet.ServiceRef(one))
	n.Eventually(fleet.Published(t.Context(), fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf(firstAddress))
	r.second = n.AddGatewayDNS("second", fleet.ServiceRef(two))
	n.Eventually(n.Gateways("second")).Should(HaveKeyWithValue("cluster-a", r.isConflicted("x-first")))
	n.Expect(fleet.Published(t.Context(), fleet.WorkloadB, n.Hostname("cluster-a"))(n)).To(ConsistOf(firstAddress))
	return r
}

func (r *rivals) isConflicted(with string) OmegaMatcher {
	return And(
		HaveField("State", xccv1.GatewayConflicted), HaveField("Hostname", r.Hostname("cluster-a")), HaveField("Addresses", BeEmpty()),
		HaveField("Message", ContainSubstring("GatewayDNS "+with+" has claimed this name since")),
	)
}

func TestTheEarlierClaimWinsAndTheLaterTakesOver(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*rivals){
		"deleted": func(r *rivals) { r.Expect(fleet.Management.Delete(r.T.Context(), r.first)).To(Succeed()) },
		"deselects": func(r *rivals) {
			r.change(r.first, func(g *xccv1.GatewayDNS) { g.Spec.ClusterSelector.MatchLabels = map[string]string{"other": ""} })
		},
		"renamed": func(r *rivals) { r.change(r.first, fleet.Subdomain("elsewhere")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRivals(t)
			r.Eventually(r.Condition(r.second, xccv1.ReadyCondition)).Should(And(
				HaveField("Status", metav1.ConditionFalse), HaveField("Message", ContainSubstring("cluster-a: Conflicted: GatewayDNS x-first")),
			))
			end(r)
			r.Eventually(fleet.Published(t.Context(), fleet.WorkloadB, r.Hostname("cluster-a"))).Should(ConsistOf(secondAddress))
			r.Eventually(r.Gateways("second")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayResolved)))
		})
	}
}

func TestAClaimThatEndedIsTheLastInLineWhenItComesBack(t *testing.T) {
	t.Parallel()
	r := newRivals(t)
	r.change(r.first, fleet.Subdomain("elsewhere"))
	r.Eventually(fleet.Published(t.Context(), fleet.WorkloadB, r.Hostname("cluster-a"))).Should(ConsistOf(secondAddress))
	r.change(r.first, fleet.Subdomain("gateway"))
	r.Eventually(r.Gateways("x-first")).Should(HaveKeyWithValue("cluster-a", r.isConflicted("second")))
	r.Eventually(fleet.Published(t.Context(), fleet.WorkloadB, r.Hostname("cluster-a"))).Should(ConsistOf(secondAddress))
}

// clusterctl move creates GatewayDNS and Clusters in any order, with new creation times and without a status. The Clusters
// are paused.
func TestAMoveChangesNoWinner(t *testing.T) {
	t.Parallel()
	r := newRivals(t)
	ctx := t.Context()
	before := r.SliceOf(fleet.WorkloadB, r.Hostname("cluster-a"))
	consumer := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: "cluster-b"}}
	r.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(consumer), consumer)).To(Succeed())
	r.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(r.cluster), r.cluster)).To(Succeed())
	moved := func(object client.Object) {
		object.SetResourceVersion("")
		object.SetUID("")
		object.SetManagedFields(nil)
		if gatewayDNS, ok := object.(*xccv1.GatewayDNS); ok {
			gatewayDNS.Status = xccv1.GatewayDNSStatus{}
		}
		r.Expect(fleet.Management.Create(ctx, object)).To(Succeed())
	}
	r.RestartManager(func() {
		for _, object := range []client.Object{r.first, r.second} {
			r.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
			r.Expect(fleet.Management.Delete(ctx, object)).To(Succeed())
		}
		r.SetPaused(consumer, true)
		r.SetPaused(r.cluster, true)
	})
	t.Log("The loser comes first, and its claim is kept as it is")
	claim := r.second.Annotations[xccv1.ClaimsAnnotation]
	moved(r.second)
	r.Eventually(r.Gateways("second")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayUnknown)))
	moved(r.first)
	r.Eventually(r.Gateways("second")).Should(HaveKeyWithValue("cluster-a", r.isConflicted("x-first")))
	r.SetPaused(consumer, false)
	r.ProveProgress("unpaused", "192.0.2.165")
	r.SetPaused(r.cluster, false)
	r.Eventually(r.Gateways("x-first")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayResolved)))
	r.ProveProgress("moved", "192.0.2.166")
	r.Expect(r.SliceOf(fleet.WorkloadB, r.Hostname("cluster-a"))).To(Equal(before))
	r.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(r.second), r.second)).To(Succeed())
	r.Expect(r.second.Annotations).To(HaveKeyWithValue(xccv1.ClaimsAnnotation, claim))
}

func TestAClaimOutlivesAClusterThatDoesNotExistYet(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.168")
	claimed := `{"gateway.cluster-a":"2020-01-01T00:00:00Z"}`
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service), func(g *xccv1.GatewayDNS) {
		g.Annotations = map[string]string{xccv1.ClaimsAnnotation: claimed}
	})
	n.Eventually(n.Condition(gatewayDNS, xccv1.ClustersSelectedCondition)).Should(HaveField("Status", metav1.ConditionFalse))
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayResolved)))
	n.Expect(fleet.Management.Get(t.Context(), client.ObjectKeyFromObject(gatewayDNS), gatewayDNS)).To(Succeed())
	n.Expect(gatewayDNS.Annotations).To(HaveKeyWithValue(xccv1.ClaimsAnnotation, claimed))
}
