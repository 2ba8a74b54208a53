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

package reachability

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
)

func TestSetReachability(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		counts  []Count
		status  string
		reason  string
		message string
	}{
		"no gateway":           {nil, "0 report, 0 unreachable", xccv1.NoReachabilityReportReason, "No cluster reports"},
		"no report":            {[]Count{{}, {}}, "0 report, 0 unreachable", xccv1.NoReachabilityReportReason, "No cluster reports"},
		"all reach all":        {[]Count{{Up: 2}, {Up: 3}}, "3 report, 0 unreachable", xccv1.GatewaysReachableReason, "3 clusters report"},
		"one cannot reach one": {[]Count{{Up: 2, Down: 1}, {Up: 3}}, "3 report, 1 unreachable, c0 1/3", xccv1.GatewaysPartlyUnreachableReason, "Gateway of c0: 1 of 3 clusters cannot reach it"},
		"the worst comes first": {
			[]Count{{Up: 2, Down: 1}, {Up: 1, Down: 2}, {Up: 2, Down: 1}}, "3 report, 3 unreachable, c1 2/3, c0 1/3, c2 1/3",
			xccv1.GatewaysPartlyUnreachableReason, "Gateway of c1: 2 of 3 clusters cannot reach it; gateway of c0: 1 of 3 clusters",
		},
		"none reaches one": {[]Count{{Up: 2, Down: 1}, {Down: 3}}, "3 report, 2 unreachable, c1 3/3, c0 1/3", xccv1.GatewaysUnreachableReason, "Gateway of c1: 3 of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			gatewayDNS := &xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Generation: 7}}
			setReachability(gatewayDNS, []string{"c0", "c1", "c2"}, test.counts)
			g.Expect(describeStatus(gatewayDNS.Status.Reachability)).To(Equal(test.status))
			condition := conditions.Get(gatewayDNS, xccv1.GatewaysReachableCondition)
			g.Expect(condition.Reason).To(Equal(test.reason))
			g.Expect(condition.Message).To(HavePrefix(test.message))
			g.Expect(condition.ObservedGeneration).To(BeEquivalentTo(7))
			unsetReachability(gatewayDNS)
			g.Expect(gatewayDNS.Status.Reachability).To(BeNil())
			g.Expect(gatewayDNS.Status.Conditions).To(BeEmpty())
		})
	}
}

func describeStatus(status *xccv1.ReachabilityStatus) string {
	text := fmt.Sprintf("%d report, %d unreachable", *status.Consumers, *status.Unreachable)
	for _, cluster := range status.Clusters {
		text += fmt.Sprintf(", %s %d/%d", cluster.Cluster, *cluster.UnreachableFrom, *cluster.ReportedBy)
	}
	return text
}

func TestTwentyClustersAreNamed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var clusters []string
	var counts []Count
	for i := range 1000 {
		clusters, counts = append(clusters, fmt.Sprintf("cluster-%d", i)), append(counts, Count{Down: int32(i + 1)})
	}
	gatewayDNS := &xccv1.GatewayDNS{}
	setReachability(gatewayDNS, clusters, counts)
	g.Expect(*gatewayDNS.Status.Reachability.Unreachable).To(BeEquivalentTo(1000))
	g.Expect(gatewayDNS.Status.Reachability.Clusters).To(HaveLen(20))
	g.Expect(gatewayDNS.Status.Reachability.Clusters[0].Cluster).To(Equal("cluster-999"))
	g.Expect(conditions.Get(gatewayDNS, xccv1.GatewaysReachableCondition).Message).To(HaveSuffix("; and 997 more gateways, see status.reachability"))
}

func TestOnlyPublishedGatewaysCount(t *testing.T) {
	t.Parallel()
	gatewayDNS := &xccv1.GatewayDNS{}
	for i, state := range []xccv1.GatewayState{xccv1.GatewayResolved, xccv1.GatewayConflicted, xccv1.GatewayUnknown, xccv1.GatewayNoAddress} {
		gatewayDNS.Status.Gateways = append(gatewayDNS.Status.Gateways, xccv1.GatewayStatus{
			Cluster: fmt.Sprint("c", i), Hostname: "*.gateway.x.dev.clusters.xcc.test", State: state,
		})
	}
	NewWithT(t).Expect(probedOf(gatewayDNS).clusters).To(Equal([]string{"c0", "c2"}))
}

func TestTally(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	tally := NewTally()
	key := func(name string) client.ObjectKey { return client.ObjectKey{Namespace: "dev", Name: name} }
	keys := []reachability.Key{1, 2}
	counts := func() []Count { return tally.Counts("dev", keys) }

	g.Expect(tally.IsWanted("dev")).To(BeFalse())
	g.Expect(tally.Check(key("gw"), keys)).To(BeTrue(), "the clusters are observed now")
	g.Expect(tally.Check(key("gw"), keys)).To(BeFalse())
	g.Expect(tally.Check(key("other"), []reachability.Key{3})).To(BeFalse())
	g.Expect(tally.IsWanted("dev")).To(BeTrue())
	g.Expect(tally.IsWanted("elsewhere")).To(BeFalse())

	g.Expect(tally.Complete("dev", []string{"a", "b"})).To(BeFalse())
	tally.Set(key("a"), reachability.Report{Up: keys})
	g.Expect(tally.Complete("dev", []string{"a", "b"})).To(BeFalse())
	tally.Set(key("b"), reachability.Report{Down: []reachability.Key{1}, Up: []reachability.Key{2}})
	g.Expect(tally.Complete("dev", []string{"a", "b"})).To(BeTrue())
	g.Expect(counts()).To(Equal([]Count{{Down: 1, Up: 1}, {Up: 2}}))

	tally.Set(key("b"), reachability.Report{Down: []reachability.Key{1, 2, 99}})
	g.Expect(counts()).To(Equal([]Count{{Down: 1, Up: 1}, {Down: 1, Up: 1}}))
	tally.Set(client.ObjectKey{Namespace: "elsewhere", Name: "b"}, reachability.Report{Down: keys})
	g.Expect(counts()).To(Equal([]Count{{Down: 1, Up: 1}, {Down: 1, Up: 1}}), "another namespace counts for itself")
	tally.Set(key("b"), reachability.Report{})
	g.Expect(counts()).To(Equal([]Count{{Up: 1}, {Up: 1}}))
	tally.Evict(key("a"))
	g.Expect(counts()).To(Equal([]Count{{}, {}}))
	g.Expect(tally.IsComplete("dev")).To(BeTrue())

	g.Expect(tally.Uncheck(key("gw"))).To(BeFalse())
	g.Expect(tally.Uncheck(key("other"))).To(BeTrue(), "the clusters are no longer observed")
	g.Expect(tally.Uncheck(key("other"))).To(BeFalse())
	g.Expect(tally.IsComplete("dev")).To(BeFalse())
	tally.Evict(key("b"))
	tally.Evict(client.ObjectKey{Namespace: "elsewhere", Name: "b"})
	g.Expect(tally.namespaces).To(BeEmpty(), "nothing is left of what is gone")
}

// BenchmarkAFailover is the work for the report of one cluster of a thousand, with a thousand gateways.
func BenchmarkAFailover(b *testing.B) {
	var keys []reachability.Key
	for i := range 1000 {
		keys = append(keys, reachability.Key(i))
	}
	tally := NewTally()
	tally.Check(client.ObjectKey{Namespace: "dev", Name: "gw"}, keys)
	up, down := reachability.Report{Up: keys}, reachability.Report{Down: keys[:1], Up: keys[1:]}
	for i := range 1000 {
		tally.Set(client.ObjectKey{Namespace: "dev", Name: fmt.Sprint(i)}, up)
	}
	for i := 0; b.Loop(); i++ {
		tally.Set(client.ObjectKey{Namespace: "dev", Name: "0"}, []reachability.Report{down, up}[i%2])
	}
}
