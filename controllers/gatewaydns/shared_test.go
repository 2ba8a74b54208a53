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

package gatewaydns

import (
	"errors"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/event"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/claims"
)

const region, zoneLabel = "topology.kubernetes.io/region", "topology.kubernetes.io/zone"

func share(priority, weight int32, locality ...string) *xccv1.GatewayShare {
	return &xccv1.GatewayShare{Priority: &priority, Weight: &weight, Locality: locality}
}

func sharedMember(key, value string, change ...func(*xccv1.SharedMember)) xccv1.SharedMember {
	m := xccv1.SharedMember{}
	if key != "" {
		m.ClusterSelector.MatchLabels = map[string]string{key: value}
	}
	for _, change := range change {
		change(&m)
	}
	return m
}

func weighing(priority, weight int32) func(*xccv1.SharedMember) {
	return func(m *xccv1.SharedMember) { m.Priority, m.Weight = &priority, &weight }
}

func TestSharesOfClusters(t *testing.T) {
	t.Parallel()
	localities := &xccv1.SharedLocality{Labels: []string{region, zoneLabel}}
	former := []xccv1.GatewayStatus{{Cluster: "a", Shared: share(7, 7, "former")}, {Cluster: "gone"}}
	for name, test := range map[string]struct {
		members  []xccv1.SharedMember
		locality *xccv1.SharedLocality
		labels   map[string]string
		share    *xccv1.GatewayShare
		err      string
	}{
		"without members every Cluster has priority 0 and weight 1": {share: share(0, 1)},
		"a member without numbers has the same":                     {members: []xccv1.SharedMember{sharedMember("", "")}, share: share(0, 1)},
		"a member sets both":                                        {members: []xccv1.SharedMember{sharedMember("", "", weighing(3, 4))}, share: share(3, 4)},
		"weight 0 is not the default":                               {members: []xccv1.SharedMember{sharedMember("", "", weighing(3, 0))}, share: share(3, 0)},
		"the first member that matches counts": {
			members: []xccv1.SharedMember{sharedMember("site", "west", weighing(1, 1)), sharedMember("site", "east", weighing(2, 2)), sharedMember("", "", weighing(3, 3))},
			labels:  map[string]string{"site": "east"}, share: share(2, 2),
		},
		"a Cluster without a member has no part": {members: []xccv1.SharedMember{sharedMember("site", "west")}, labels: map[string]string{"site": "east"}},
		"the locality has the labels in order": {
			locality: localities, labels: map[string]string{zoneLabel: "z1", region: "r1"}, share: share(0, 1, "r1", "z1"),
		},
		"the locality ends at the first label that is missing": {locality: localities, labels: map[string]string{zoneLabel: "z1"}, share: share(0, 1)},
		"an empty value is a value":                            {locality: localities, labels: map[string]string{region: "", zoneLabel: "z1"}, share: share(0, 1, "", "z1")},
		"an invalid selector of another member keeps the former part": {
			members: []xccv1.SharedMember{sharedMember("", "", weighing(1, 1)), sharedMember("site", "not a value")}, share: share(7, 7, "former"),
			err: "spec.shared.members[1].clusterSelector: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			gatewayDNS := &xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev"}}
			gatewayDNS.Spec.Shared = &xccv1.SharedName{Name: "shop", Members: test.members, Locality: test.locality}
			gatewayDNS.Status.Gateways = former
			selected := []clusterv1.Cluster{{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: test.labels}}}
			found := sharedOf(gatewayDNS, "xcc.test", selected, nil, nil)
			g.Expect(found.hostname).To(Equal("*.shop.dev.gateways.xcc.test"))
			g.Expect(found.shares["a"]).To(Equal(test.share))
			if test.err != "" {
				g.Expect(found.membersErr).To(MatchError(HavePrefix(test.err)))
			} else {
				g.Expect(found.membersErr).NotTo(HaveOccurred())
			}

			t.Log("The former parts stay if it is not known which Clusters are selected")
			kept := sharedOf(gatewayDNS, "xcc.test", nil, errors.New("not known"), nil)
			g.Expect(kept.shares).To(Equal(map[string]*xccv1.GatewayShare{"a": former[0].Shared}))
		})
	}
}

// A gateway has its part whatever is known of it.
func TestAPartDoesNotDependOnTheGateway(t *testing.T) {
	t.Parallel()
	shares := map[string]*xccv1.GatewayShare{"a": share(1, 2, "east")}
	last := xccv1.GatewayStatus{
		Cluster: "a", Hostname: "*.gateway.a.dev.clusters.xcc.test", State: xccv1.GatewayResolved, Addresses: []string{"192.0.2.9"},
		Shared: share(3, 4), LastTransitionTime: before,
	}
	cluster := clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "a"}}
	long := *cluster.DeepCopy()
	long.Name = strings.Repeat("a", 64)
	shares[long.Name] = shares["a"]
	for name, test := range map[string]struct {
		cluster  clusterv1.Cluster
		last     *xccv1.GatewayStatus
		observed *Observation
		rivals   map[string]claims.Holder
		state    xccv1.GatewayState
	}{
		"Resolved":                  {observed: seen("Resolved", "192.0.2.1"), state: xccv1.GatewayResolved},
		"not asked yet":             {state: xccv1.GatewayUnknown},
		"not listed yet":            {last: &last, state: xccv1.GatewayResolved},
		"Unreachable":               {last: &last, observed: &Observation{Unknown: "gone", UnreachableSince: before.Time, Answered: true}, state: xccv1.GatewayUnreachable},
		"known to have nothing":     {observed: seen("ServiceNotFound"), state: xccv1.GatewayServiceNotFound},
		"Conflicted":                {observed: seen("Resolved", "192.0.2.1"), rivals: map[string]claims.Holder{"a": {}}, state: xccv1.GatewayConflicted},
		"without a name of its own": {cluster: long, observed: seen("Resolved", "192.0.2.1"), state: xccv1.GatewayInvalidName},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			gatewayDNS := &xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev"}, Spec: xccv1.GatewayDNSSpec{Service: "projectcontour/envoy"}}
			if test.last != nil {
				gatewayDNS.Status.Gateways = []xccv1.GatewayStatus{*test.last}
			}
			if test.cluster.Name == "" {
				test.cluster = cluster
			}
			observed := func(*clusterv1.Cluster) (Observation, bool) {
				if test.observed == nil {
					return Observation{}, false
				}
				return *test.observed, true
			}
			result := gateways(gatewayDNS, "xcc.test", []clusterv1.Cluster{test.cluster}, test.rivals, shares, observed, now)
			g.Expect(result).To(ConsistOf(And(
				HaveField("State", test.state), HaveField("Shared", share(1, 2, "east")), HaveField("LastTransitionTime", now),
			)))
			gatewayDNS.Status.Gateways = result
			result = gateways(gatewayDNS, "xcc.test", []clusterv1.Cluster{test.cluster}, test.rivals, nil, observed, now)
			g.Expect(result).To(ConsistOf(HaveField("Shared", BeNil())))
		})
	}
}

func TestSharedNamePublishedCondition(t *testing.T) {
	t.Parallel()
	one := []clusterv1.Cluster{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}}
	nobody := []xccv1.SharedMember{sharedMember("site", "nowhere")}
	for name, test := range map[string]struct {
		spec     *xccv1.SharedName
		selected []clusterv1.Cluster
		rival    *claims.Holder
		hostname string
		want     OmegaMatcher
	}{
		"without spec.shared there is none": {selected: one, want: BeNil()},
		"a name with a member": {spec: &xccv1.SharedName{Name: "shop"}, selected: one, hostname: "*.shop.dev.gateways.xcc.test", want: And(
			HaveField("Status", metav1.ConditionTrue), HaveField("Reason", xccv1.SharedNamePublishedReason), HaveField("ObservedGeneration", int64(3)),
		)},
		"another GatewayDNS has the name": {spec: &xccv1.SharedName{Name: "shop"}, selected: one, rival: &claims.Holder{GatewayDNS: "first", Since: before.Time}, want: And(
			HaveField("Status", metav1.ConditionFalse), HaveField("Reason", xccv1.SharedNameConflictedReason),
			HaveField("Message", "GatewayDNS first has claimed this name since 1970-01-01T00:16:40Z: give one of the two another spec.shared.name"),
		)},
		"the name is too long": {spec: &xccv1.SharedName{Name: strings.Repeat("a", 64)}, selected: one, want: And(
			HaveField("Status", metav1.ConditionFalse), HaveField("Reason", xccv1.SharedNameInvalidReason), HaveField("Message", ContainSubstring("DNS allows 63")),
		)},
		"a selector is invalid": {
			spec: &xccv1.SharedName{Name: "shop", Members: []xccv1.SharedMember{sharedMember("site", "not a value")}}, selected: one,
			hostname: "*.shop.dev.gateways.xcc.test", want: And(
				HaveField("Status", metav1.ConditionFalse), HaveField("Reason", xccv1.SharedMembersInvalidReason),
				HaveField("Message", ContainSubstring("the gateways keep their former parts: spec.shared.members[0].clusterSelector: ")),
			)},
		"no member matches": {spec: &xccv1.SharedName{Name: "shop", Members: nobody}, selected: one, hostname: "*.shop.dev.gateways.xcc.test", want: And(
			HaveField("Status", metav1.ConditionFalse), HaveField("Reason", xccv1.NoSharedMemberReason), HaveField("Message", HavePrefix("spec.shared.members match no")),
		)},
		"no Cluster is selected": {spec: &xccv1.SharedName{Name: "shop"}, hostname: "*.shop.dev.gateways.xcc.test", want: And(
			HaveField("Reason", xccv1.NoSharedMemberReason), HaveField("Message", "No Cluster is selected"),
		)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			gatewayDNS := &xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Generation: 3}, Spec: xccv1.GatewayDNSSpec{Shared: test.spec}}
			conditions.Set(gatewayDNS, metav1.Condition{Type: xccv1.SharedNamePublishedCondition, Status: metav1.ConditionUnknown, Reason: "Former"})
			found := sharedOf(gatewayDNS, "xcc.test", test.selected, nil, test.rival)
			g.Expect(found.hostname).To(Equal(test.hostname))
			if test.hostname == "" {
				g.Expect(found.shares).To(BeEmpty())
			}
			setSharedNamePublishedCondition(gatewayDNS, found)
			g.Expect(conditions.Get(gatewayDNS, xccv1.SharedNamePublishedCondition)).To(test.want)
		})
	}
}

func TestASharedNameWakesItsRivals(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	gatewayDNS := &xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "gw"}}
	group := mapping.SeveralOf("dev", "shared.shop")
	g.Expect(gatewayDNSToRivals(t.Context(), gatewayDNS)).NotTo(ContainElement(group))
	gatewayDNS.Spec.Shared = &xccv1.SharedName{Name: "shop"}
	g.Expect(gatewayDNSToRivals(t.Context(), gatewayDNS)).To(ConsistOf(mapping.SeveralOf("dev", "gateway"), group))
	for name, change := range map[string]func(*xccv1.GatewayDNS){
		"another name":  func(g *xccv1.GatewayDNS) { g.Spec.Shared.Name = "store" },
		"none":          func(g *xccv1.GatewayDNS) { g.Spec.Shared = nil },
		"another claim": func(g *xccv1.GatewayDNS) { g.Annotations = map[string]string{xccv1.SharedClaimAnnotation: "{}"} },
	} {
		after := gatewayDNS.DeepCopy()
		change(after)
		g.Expect(claimsMayDiffer().Update(event.UpdateEvent{ObjectOld: gatewayDNS, ObjectNew: after})).To(BeTrue(), name)
	}
	after := gatewayDNS.DeepCopy()
	after.Spec.Shared.Members = []xccv1.SharedMember{sharedMember("", "")}
	g.Expect(claimsMayDiffer().Update(event.UpdateEvent{ObjectOld: gatewayDNS, ObjectNew: after})).To(BeFalse(), "other members")
}
