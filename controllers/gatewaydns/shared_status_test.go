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
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// sharing gives a GatewayDNS the shared name "shop".
func sharing(members ...xccv1.SharedMember) func(*xccv1.GatewayDNS) {
	return func(g *xccv1.GatewayDNS) {
		g.Spec.Shared = &xccv1.SharedName{
			Name: "shop", Members: members, Locality: &xccv1.SharedLocality{Labels: []string{"region"}},
		}
	}
}

// memberOf is a member for the Clusters of a site.
func memberOf(site string, priority, weight int32) xccv1.SharedMember {
	return xccv1.SharedMember{
		ClusterSelector: metav1.LabelSelector{MatchLabels: map[string]string{"site": site}}, Priority: &priority, Weight: &weight,
	}
}

// isShare matches a gateway with a part in the shared name.
func isShare(priority, weight int32, locality ...string) OmegaMatcher {
	return HaveField("Shared", HaveValue(And(
		HaveField("Priority", HaveValue(Equal(priority))), HaveField("Weight", HaveValue(Equal(weight))), HaveField("Locality", Equal(locality)),
	)))
}

func (n *tenant) shop() string { return fmt.Sprintf("*.shop.%s.gateways.%s", n.Namespace, fleet.Zone) }

// current returns a GatewayDNS as the API server has it.
func (n *tenant) current(g Gomega, gatewayDNS *xccv1.GatewayDNS) *xccv1.GatewayDNS {
	found := &xccv1.GatewayDNS{}
	g.Expect(fleet.Management.Get(n.T.Context(), client.ObjectKeyFromObject(gatewayDNS), found)).To(Succeed())
	return found
}

// sharedHostname returns status.sharedHostname.
func (n *tenant) sharedHostname(gatewayDNS *xccv1.GatewayDNS) func(Gomega) string {
	return func(g Gomega) string { return n.current(g, gatewayDNS).Status.SharedHostname }
}

// sharedClaim returns the annotation with the claim of the shared name.
func (n *tenant) sharedClaim(gatewayDNS *xccv1.GatewayDNS) func(Gomega) string {
	return func(g Gomega) string { return n.current(g, gatewayDNS).Annotations[xccv1.SharedClaimAnnotation] }
}

// events returns the reasons of the Events about a GatewayDNS.
func (n *tenant) events(gatewayDNS *xccv1.GatewayDNS) func(Gomega) []string {
	return func(g Gomega) []string {
		list := &eventsv1.EventList{}
		g.Expect(fleet.Management.List(n.T.Context(), list, client.InNamespace(n.Namespace))).To(Succeed())
		var reasons []string
		for _, event := range list.Items {
			if event.Regarding.Name == gatewayDNS.Name {
				reasons = append(reasons, event.Type+" "+event.Reason)
			}
		}
		return reasons
	}
}

// label changes a label of a Cluster.
func (n *tenant) label(cluster *clusterv1.Cluster, key, value string) {
	n.T.Helper()
	n.Eventually(func(g Gomega) error {
		g.Expect(fleet.Management.Get(n.T.Context(), client.ObjectKeyFromObject(cluster), cluster)).To(Succeed())
		cluster.Labels[key] = value
		return fleet.Management.Update(n.T.Context(), cluster)
	}).Should(Succeed())
}

// site returns the labels of a Cluster with a gateway.
func site(site, region string) map[string]string {
	labels := fleet.HasGateway()
	labels["site"], labels["region"] = site, region
	return labels
}

// The Clusters have no kubeconfig: the parts do not depend on what is known of their gateways.
func TestASharedNameIsPublishedWithThePartsOfTheGateways(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	east := n.AddCluster("east", nil, site("east", "r1"))
	n.AddCluster("west", nil, site("west", "r2"))
	n.AddCluster("other", nil, site("other", "r2"))
	gatewayDNS := n.AddGatewayDNS("gw", "a/b", sharing(memberOf("east", 0, 4), memberOf("west", 1, 1)))
	n.Eventually(n.Gateways("gw")).Should(And(
		HaveKeyWithValue("east", isShare(0, 4, "r1")), HaveKeyWithValue("west", isShare(1, 1, "r2")), HaveKeyWithValue("other", HaveField("Shared", BeNil())),
	))
	n.Expect(n.sharedHostname(gatewayDNS)(n)).To(Equal(n.shop()))
	n.Expect(n.sharedClaim(gatewayDNS)(n)).To(Equal(fmt.Sprintf(`{"shop":%q}`, gatewayDNS.CreationTimestamp.UTC().Format(time.RFC3339))))
	n.Eventually(n.Condition(gatewayDNS, xccv1.SharedNamePublishedCondition)).Should(HaveField("Status", metav1.ConditionTrue))
	n.Eventually(n.events(gatewayDNS)).Should(ContainElement("Normal SharedNamePublished"))

	t.Log("Each change of labels is one change of the status")
	before := n.current(n, gatewayDNS)
	n.label(east, "site", "west")
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("east", isShare(1, 1, "r1")))
	n.label(east, "region", "r9")
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("east", isShare(1, 1, "r9")))
	n.label(east, "site", "nowhere")
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("east", HaveField("Shared", BeNil())))
	n.Expect(n.Gateways("gw")(n)["west"]).To(Equal(before.Status.Gateways[2]), "the others do not change")

	t.Log("The name goes with spec.shared, and its claim too")
	n.change(gatewayDNS, func(g *xccv1.GatewayDNS) { g.Spec.Shared = nil })
	n.Eventually(n.sharedHostname(gatewayDNS)).Should(BeEmpty())
	n.Expect(n.Gateways("gw")(n)).To(HaveEach(HaveField("Shared", BeNil())))
	n.Expect(n.Condition(gatewayDNS, xccv1.SharedNamePublishedCondition)(n)).To(BeZero())
	n.Expect(n.sharedClaim(gatewayDNS)(n)).To(Equal("{}"))
}

func TestTheEarlierClaimHasTheSharedNameAndTheLaterTakesOver(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*tenant, *xccv1.GatewayDNS){
		"deleted": func(n *tenant, first *xccv1.GatewayDNS) {
			n.Expect(fleet.Management.Delete(n.T.Context(), first)).To(Succeed())
		},
		"unset": func(n *tenant, first *xccv1.GatewayDNS) {
			n.change(first, func(g *xccv1.GatewayDNS) { g.Spec.Shared = nil })
		},
		"renamed": func(n *tenant, first *xccv1.GatewayDNS) {
			n.change(first, func(g *xccv1.GatewayDNS) { g.Spec.Shared.Name = "store" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTenant(t)
			n.AddCluster("east", fleet.WorkloadA.Kubeconfig, site("east", "r1"))
			// The name of the first comes last, so only the time of its claim can be the reason. Its own names have no rival.
			first := n.AddGatewayDNS("x-first", "a/b", sharing(), fleet.Subdomain("one"))
			n.Eventually(n.sharedHostname(first)).Should(Equal(n.shop()))
			second := n.AddGatewayDNS("second", "a/b", sharing(), fleet.Subdomain("two"))
			n.Eventually(n.Condition(second, xccv1.SharedNamePublishedCondition)).Should(And(
				HaveField("Status", metav1.ConditionFalse), HaveField("Reason", xccv1.SharedNameConflictedReason),
				HaveField("Message", ContainSubstring("GatewayDNS x-first has claimed this name since")),
			))
			n.Expect(n.sharedHostname(second)(n)).To(BeEmpty())
			// Once the state of its gateway is settled, only the end of the rival's claim wakes it.
			n.Eventually(n.Gateways("second")).Should(HaveKeyWithValue("east", And(
				HaveField("Shared", BeNil()), HaveField("Hostname", n.Named("two", "east")), HaveField("State", xccv1.GatewayServiceNotFound),
			)))
			n.Eventually(n.events(second)).Should(ContainElement("Warning SharedNameConflicted"))
			n.Eventually(n.sharedClaim(second)).Should(ContainSubstring("shop"), "it waits in line")
			end(n, first)
			n.Eventually(n.sharedHostname(second)).Should(Equal(n.shop()))
			n.Expect(n.Gateways("second")(n)).To(HaveKeyWithValue("east", isShare(0, 1, "r1")))
			n.Eventually(n.events(second)).Should(ContainElement("Normal SharedNamePublished"))
		})
	}
}

func TestAPausedGatewayDNSKeepsItsSharedName(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	n.AddCluster("east", nil, site("east", "r1"))
	first := n.AddGatewayDNS("x-first", "a/b", sharing(), fleet.Subdomain("one"))
	n.Eventually(n.sharedHostname(first)).Should(Equal(n.shop()))
	n.change(first, func(g *xccv1.GatewayDNS) {
		g.Annotations[clusterv1.PausedAnnotation] = ""
		g.Spec.Shared.Name = "store"
	})
	n.Eventually(n.Condition(first, clusterv1.PausedCondition)).Should(HaveField("Status", metav1.ConditionTrue))
	second := n.AddGatewayDNS("second", "a/b", sharing(), fleet.Subdomain("two"))
	n.Eventually(n.Condition(second, xccv1.SharedNamePublishedCondition)).Should(HaveField("Reason", xccv1.SharedNameConflictedReason))
	n.Expect(n.sharedHostname(first)(n)).To(Equal(n.shop()))

	t.Log("Once it is unpaused, it has the new name")
	n.change(first, func(g *xccv1.GatewayDNS) { delete(g.Annotations, clusterv1.PausedAnnotation) })
	n.Eventually(n.sharedHostname(first)).Should(ContainSubstring("store"))
	n.Eventually(n.sharedHostname(second)).Should(Equal(n.shop()))
}

// A manager of a former release writes no claims of shared names, and clusterctl move keeps no status.
func TestOfTwoThatNeverClaimedASharedNameTheFirstCreatedHasIt(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	n.AddCluster("east", nil, site("east", "r1"))
	var first, second *xccv1.GatewayDNS
	n.RestartManager(func() {
		first = n.AddGatewayDNS("x-first", "a/b", sharing(), fleet.Subdomain("one"))
		n.Eventually(func() time.Duration { return time.Since(first.CreationTimestamp.Time) }).Should(BeNumerically(">", time.Second))
		second = n.AddGatewayDNS("second", "a/b", sharing(), fleet.Subdomain("two"))
	})
	n.Eventually(n.sharedHostname(first)).Should(Equal(n.shop()))
	n.Eventually(n.Condition(second, xccv1.SharedNamePublishedCondition)).Should(HaveField("Reason", xccv1.SharedNameConflictedReason))
	n.Expect(n.sharedClaim(first)(n)).To(Equal(fmt.Sprintf(`{"shop":%q}`, first.CreationTimestamp.UTC().Format(time.RFC3339))))
	n.Eventually(n.sharedClaim(second)).Should(ContainSubstring("shop"))

	t.Log("A claim that is earlier than the creation survives")
	n.change(second, func(g *xccv1.GatewayDNS) {
		g.Annotations[xccv1.SharedClaimAnnotation] = `{"shop":"2020-01-01T00:00:00Z"}`
	})
	n.Eventually(n.sharedHostname(second)).Should(Equal(n.shop()))
	n.Eventually(n.sharedHostname(first)).Should(BeEmpty())
}

// clusterctl move replaces the annotations on the source before it deletes an object, and creates the objects on the target in any
// order, with new creation times and without a status.
func TestAMoveChangesNoOwnerOfASharedName(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	n.AddCluster("east", nil, site("east", "r1"))
	first := n.AddGatewayDNS("x-first", "a/b", sharing(), fleet.Subdomain("one"))
	n.Eventually(n.sharedHostname(first)).Should(Equal(n.shop()))
	second := n.AddGatewayDNS("second", "a/b", sharing(), fleet.Subdomain("two"))
	n.Eventually(n.sharedClaim(second)).Should(ContainSubstring("shop"))
	moved := map[string]map[string]string{"x-first": n.current(n, first).Annotations, "second": n.current(n, second).Annotations}

	t.Log("The annotations of the first are replaced on the source")
	n.change(first, func(g *xccv1.GatewayDNS) {
		g.Annotations = map[string]string{"clusterctl.cluster.x-k8s.io/delete-for-move": ""}
	})
	n.change(second, fleet.Subdomain("three"))
	n.Eventually(n.Gateways("second")).Should(HaveKeyWithValue("east", HaveField("Hostname", n.Named("three", "east"))))
	n.Expect(n.sharedHostname(second)(n)).To(BeEmpty())

	t.Log("The second comes first on the target")
	for _, gatewayDNS := range []*xccv1.GatewayDNS{second, first} {
		n.Expect(fleet.Management.Delete(t.Context(), gatewayDNS)).To(Succeed())
	}
	annotated := func(name string) func(*xccv1.GatewayDNS) {
		return func(g *xccv1.GatewayDNS) { g.Annotations = moved[name] }
	}
	n.RestartManager(func() {
		second = n.AddGatewayDNS("second", "a/b", sharing(), fleet.Subdomain("two"), annotated("second"))
		n.Eventually(func() time.Duration { return time.Since(second.CreationTimestamp.Time) }).Should(BeNumerically(">", time.Second))
		first = n.AddGatewayDNS("x-first", "a/b", sharing(), fleet.Subdomain("one"), annotated("x-first"))
	})
	n.Eventually(n.sharedHostname(first)).Should(Equal(n.shop()))
	n.Eventually(n.Condition(second, xccv1.SharedNamePublishedCondition)).Should(HaveField("Reason", xccv1.SharedNameConflictedReason))
	n.Expect(n.sharedClaim(first)(n)).To(Equal(moved["x-first"][xccv1.SharedClaimAnnotation]))
	n.Expect(n.sharedClaim(second)(n)).To(Equal(moved["second"][xccv1.SharedClaimAnnotation]))
}

func TestAMalformedClaimOfASharedNameIsRepaired(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	gatewayDNS := n.AddGatewayDNS("gw", "a/b", sharing())
	n.Eventually(n.sharedClaim(gatewayDNS)).Should(HavePrefix(`{"shop":`))
	for _, malformed := range []string{"{", `{"shop":"soon"}`, strings.Repeat(" ", 10_000)} {
		n.change(gatewayDNS, func(g *xccv1.GatewayDNS) { g.Annotations[xccv1.SharedClaimAnnotation] = malformed })
		n.Eventually(n.sharedClaim(gatewayDNS)).Should(HavePrefix(`{"shop":"2`))
	}
	n.Eventually(n.events(gatewayDNS)).Should(ContainElement("Warning ClaimsMalformed"))
	n.Expect(n.Condition(gatewayDNS, xccv1.SharedNamePublishedCondition)(n)).To(And(
		HaveField("Reason", xccv1.NoSharedMemberReason), HaveField("Message", "No Cluster is selected"),
	))
}

func TestAnInvalidMemberKeepsThePartsOfTheGateways(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	east := n.AddCluster("east", nil, site("east", "r1"))
	gatewayDNS := n.AddGatewayDNS("gw", "a/b", sharing(memberOf("east", 3, 4)))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("east", isShare(3, 4, "r1")))
	n.change(gatewayDNS, func(g *xccv1.GatewayDNS) {
		g.Spec.Shared.Members = []xccv1.SharedMember{memberOf("east", 1, 1), memberOf("not a value", 2, 2)}
	})
	n.Eventually(n.Condition(gatewayDNS, xccv1.SharedNamePublishedCondition)).Should(And(
		HaveField("Reason", xccv1.SharedMembersInvalidReason), HaveField("Message", ContainSubstring("spec.shared.members[1].clusterSelector")),
	))
	n.label(east, "site", "west")
	n.AddCluster("new", nil, site("east", "r1"))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("new", HaveField("Shared", BeNil())))
	n.Expect(n.Gateways("gw")(n)).To(HaveKeyWithValue("east", isShare(3, 4, "r1")))
	n.Expect(n.sharedHostname(gatewayDNS)(n)).To(Equal(n.shop()))
	n.Expect(n.Condition(gatewayDNS, xccv1.ClustersSelectedCondition)(n)).To(HaveField("Status", metav1.ConditionTrue))

	t.Log("So does an invalid spec.clusterSelector")
	n.change(gatewayDNS, func(g *xccv1.GatewayDNS) {
		g.Spec.Shared.Members = []xccv1.SharedMember{memberOf("west", 1, 1)}
		g.Spec.ClusterSelector.MatchLabels = map[string]string{"gateway": "not a value"}
	})
	n.Eventually(n.Condition(gatewayDNS, xccv1.ClustersSelectedCondition)).Should(HaveField("Reason", xccv1.InvalidSelectorReason))
	n.Expect(n.Gateways("gw")(n)).To(HaveKeyWithValue("east", isShare(3, 4, "r1")))
	n.change(gatewayDNS, func(g *xccv1.GatewayDNS) { g.Spec.Shared = nil })
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("east", HaveField("Shared", BeNil())))
	n.change(gatewayDNS, func(g *xccv1.GatewayDNS) {
		sharing(memberOf("west", 5, 6))(g)
		g.Spec.ClusterSelector.MatchLabels = fleet.HasGateway()
	})
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("east", isShare(5, 6, "r1")))
}

// Nothing of spec.shared decides about Ready: the name of the gateway itself is published all the same.
func TestASharedNameIsNoPartOfReady(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.244")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service), sharing(memberOf("nowhere", 0, 1)))
	n.Eventually(n.Condition(gatewayDNS, xccv1.ReadyCondition)).Should(HaveField("Status", metav1.ConditionTrue))
	n.Expect(n.Condition(gatewayDNS, xccv1.SharedNamePublishedCondition)(n)).To(HaveField("Reason", xccv1.NoSharedMemberReason))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.244"))
}
