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
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
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
	ensureConsumer(t, workloadB)
	one := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, firstAddress)
	two := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, secondAddress)
	r := &rivals{tenant: n}
	r.cluster = n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	// The name of the first comes last, so that only the time of its claim can be why it wins.
	r.first = n.addGatewayDNS("x-first", serviceRef(one))
	n.Eventually(published(t.Context(), workloadB, n.hostname("cluster-a"))).Should(ConsistOf(firstAddress))
	r.second = n.addGatewayDNS("second", serviceRef(two))
	n.Eventually(n.gateways("second")).Should(HaveKeyWithValue("cluster-a", r.isConflicted("x-first")))
	n.Expect(published(t.Context(), workloadB, n.hostname("cluster-a"))(n)).To(ConsistOf(firstAddress))
	return r
}

func (r *rivals) isConflicted(with string) OmegaMatcher {
	return And(
		HaveField("State", xccv1.GatewayConflicted), HaveField("Hostname", r.hostname("cluster-a")), HaveField("Addresses", BeEmpty()),
		HaveField("Message", ContainSubstring("GatewayDNS "+with+" has claimed this name since")),
	)
}

func TestTheEarlierClaimWinsAndTheLaterTakesOver(t *testing.T) {
	for name, end := range map[string]func(*rivals){
		"deleted": func(r *rivals) { r.Expect(management.Delete(r.t.Context(), r.first)).To(Succeed()) },
		"deselects": func(r *rivals) {
			r.change(r.first, func(g *xccv1.GatewayDNS) { g.Spec.ClusterSelector.MatchLabels = map[string]string{"other": ""} })
		},
		"renamed": func(r *rivals) { r.change(r.first, subdomain("elsewhere")) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRivals(t)
			r.Eventually(r.condition(r.second, xccv1.ReadyCondition)).Should(And(
				HaveField("Status", metav1.ConditionFalse), HaveField("Message", ContainSubstring("cluster-a: Conflicted: GatewayDNS x-first")),
			))
			end(r)
			r.Eventually(published(t.Context(), workloadB, r.hostname("cluster-a"))).Should(ConsistOf(secondAddress))
			r.Eventually(r.gateways("second")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayResolved)))
		})
	}
}

func TestAClaimThatEndedIsTheLastInLineWhenItComesBack(t *testing.T) {
	r := newRivals(t)
	r.change(r.first, subdomain("elsewhere"))
	r.Eventually(published(t.Context(), workloadB, r.hostname("cluster-a"))).Should(ConsistOf(secondAddress))
	r.change(r.first, subdomain("gateway"))
	r.Eventually(r.gateways("x-first")).Should(HaveKeyWithValue("cluster-a", r.isConflicted("second")))
	r.Eventually(published(t.Context(), workloadB, r.hostname("cluster-a"))).Should(ConsistOf(secondAddress))
}

// clusterctl move creates GatewayDNS and Clusters in any order, with new creation times and without a status. The Clusters
// are paused.
func TestAMoveChangesNoWinner(t *testing.T) {
	r := newRivals(t)
	ctx := t.Context()
	before := r.sliceOf(workloadB, r.hostname("cluster-a"))
	consumer := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "cluster-b"}}
	r.Expect(management.Get(ctx, client.ObjectKeyFromObject(consumer), consumer)).To(Succeed())
	r.Expect(management.Get(ctx, client.ObjectKeyFromObject(r.cluster), r.cluster)).To(Succeed())
	moved := func(object client.Object) {
		object.SetResourceVersion("")
		object.SetUID("")
		object.SetManagedFields(nil)
		if gatewayDNS, ok := object.(*xccv1.GatewayDNS); ok {
			gatewayDNS.Status = xccv1.GatewayDNSStatus{}
		}
		r.Expect(management.Create(ctx, object)).To(Succeed())
	}
	restartManager(t, func() {
		for _, object := range []client.Object{r.first, r.second} {
			r.Expect(management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
			r.Expect(management.Delete(ctx, object)).To(Succeed())
		}
		r.setPaused(consumer, true)
		r.setPaused(r.cluster, true)
	})
	t.Log("The loser comes first, and its claim is kept as it is")
	claim := r.second.Annotations[xccv1.ClaimsAnnotation]
	moved(r.second)
	r.Eventually(r.gateways("second")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayUnknown)))
	moved(r.first)
	r.Eventually(r.gateways("second")).Should(HaveKeyWithValue("cluster-a", r.isConflicted("x-first")))
	r.setPaused(consumer, false)
	r.proveProgress("unpaused", "192.0.2.165")
	r.setPaused(r.cluster, false)
	r.Eventually(r.gateways("x-first")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayResolved)))
	r.proveProgress("moved", "192.0.2.166")
	r.Expect(r.sliceOf(workloadB, r.hostname("cluster-a"))).To(Equal(before))
	r.Expect(management.Get(ctx, client.ObjectKeyFromObject(r.second), r.second)).To(Succeed())
	r.Expect(r.second.Annotations).To(HaveKeyWithValue(xccv1.ClaimsAnnotation, claim))
}

func TestAClaimOutlivesAClusterThatDoesNotExistYet(t *testing.T) {
	n := newTenant(t)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.168")
	claimed := `{"gateway.cluster-a":"2020-01-01T00:00:00Z"}`
	gatewayDNS := n.addGatewayDNS("gw", serviceRef(service), func(g *xccv1.GatewayDNS) {
		g.Annotations = map[string]string{xccv1.ClaimsAnnotation: claimed}
	})
	n.Eventually(n.condition(gatewayDNS, xccv1.ClustersSelectedCondition)).Should(HaveField("Status", metav1.ConditionFalse))
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayResolved)))
	n.Expect(management.Get(t.Context(), client.ObjectKeyFromObject(gatewayDNS), gatewayDNS)).To(Succeed())
	n.Expect(gatewayDNS.Annotations).To(HaveKeyWithValue(xccv1.ClaimsAnnotation, claimed))
}
