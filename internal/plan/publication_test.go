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

package plan_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

func TestOnlyGatewaysThatPublishSomethingElseAreChanged(t *testing.T) {
	t.Parallel()
	former := gatewayDNS("gw",
		gateway("a", xccv1.GatewayResolved, "192.0.2.1"), gateway("b", xccv1.GatewayResolved, "192.0.2.2"),
		gateway("c", xccv1.GatewayUnknown, "192.0.2.3"), gateway("d", xccv1.GatewayResolved, "192.0.2.4"),
	)
	source := func(cluster string) plan.Source {
		return plan.Source{GatewayDNS: types.NamespacedName{Namespace: "dev", Name: "gw"}, Cluster: cluster, Subdomain: "gateway"}
	}
	for name, test := range map[string]struct {
		change  func(*xccv1.GatewayDNS)
		changed []plan.Source
	}{
		"nothing":                  {func(*xccv1.GatewayDNS) {}, nil},
		"a message":                {func(g *xccv1.GatewayDNS) { g.Status.Gateways[0].Message = "new" }, nil},
		"another state, as known":  {func(g *xccv1.GatewayDNS) { g.Status.Gateways[0].State = xccv1.GatewayOverridden }, nil},
		"another kind of silence":  {func(g *xccv1.GatewayDNS) { g.Status.Gateways[2].State = xccv1.GatewayUnreachable }, nil},
		"a state, not as known":    {func(g *xccv1.GatewayDNS) { g.Status.Gateways[0].State = xccv1.GatewayUnknown }, []plan.Source{source("a")}},
		"an address":               {func(g *xccv1.GatewayDNS) { g.Status.Gateways[1].Addresses = []string{"192.0.2.9"} }, []plan.Source{source("b")}},
		"a port":                   {func(g *xccv1.GatewayDNS) { g.Status.Gateways[1].Ports = []xccv1.GatewayPort{{Port: 1}} }, []plan.Source{source("b")}},
		"an entry that is gone":    {func(g *xccv1.GatewayDNS) { g.Status.Gateways = g.Status.Gateways[:3] }, []plan.Source{source("d")}},
		"a name that is forged":    {func(g *xccv1.GatewayDNS) { g.Status.Gateways[3].Hostname = hostname("d", "victim") }, []plan.Source{source("d")}},
		"a GatewayDNS that is new": {nil, []plan.Source{source("a"), source("b"), source("c"), source("d")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			published := plan.Publish(zone, &former, nil)
			if test.change == nil {
				g.Expect(plan.Changed(nil, published)).To(Equal(test.changed))
				g.Expect(plan.Changed(published, nil)).To(Equal(test.changed))
				return
			}
			current := former.DeepCopy()
			test.change(current)
			g.Expect(plan.Changed(published, plan.Publish(zone, current, published))).To(Equal(test.changed))
		})
	}
}

// TestTheWholePlanIsThatOfItsParts compares gateway by gateway, as after single changes, and
// everything at once.
func TestTheWholePlanIsThatOfItsParts(t *testing.T) {
	t.Parallel()
	states := []xccv1.GatewayState{xccv1.GatewayResolved, xccv1.GatewayUnknown, xccv1.GatewayNoAddress, xccv1.GatewayOverridden}
	addresses := []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "lb.example.com"}
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		some := func() *plan.Publication {
			one := gatewayDNS("gw")
			if random.IntN(2) > 0 {
				one.Status.SharedHostname, one.Spec.HealthCheck = "*.shop.dev.gateways.xcc.test", &xccv1.HealthCheck{Port: 443}
			}
			for cluster := range 6 {
				if random.IntN(4) > 0 {
					status := gateway(fmt.Sprint("c", cluster), states[random.IntN(len(states))], addresses[random.IntN(len(addresses))])
					status.Shared = &xccv1.GatewayShare{Priority: new(random.Int32N(2)), Weight: new(random.Int32N(2))}
					one.Status.Gateways = append(one.Status.Gateways, status)
				}
			}
			return plan.Publish(zone, &one, nil)
		}
		someConsumer := func() plan.Consumer { return plan.Consumer{Cluster: "c0", Readers: plan.Readers(random.IntN(4))} }
		held := plan.Compute(zone, some().Gateways(), nil, someConsumer()).Create
		published, now := some(), someConsumer()
		whole := plan.Compute(zone, published.Gateways(), held, now)

		var parts plan.Plan
		for cluster := range 6 {
			source := plan.Source{GatewayDNS: types.NamespacedName{Namespace: "dev", Name: "gw"}, Cluster: fmt.Sprint("c", cluster), Subdomain: "gateway"}
			var part []*discoveryv1.EndpointSlice
			for _, slice := range held {
				for _, name := range plan.SliceNames(source) {
					if slice.Name == name {
						part = append(part, slice)
					}
				}
			}
			var gateways []*plan.Gateway
			if gateway := published.Gateway(source); gateway != nil {
				gateways = append(gateways, gateway)
			}
			planned := plan.Compute(zone, gateways, part, now)
			parts.Create = append(parts.Create, planned.Create...)
			parts.Update = append(parts.Update, planned.Update...)
			parts.Candidates = append(parts.Candidates, planned.Candidates...)
		}
		g := NewWithT(t)
		g.Expect(parts.Create).To(ConsistOf(whole.Create), "seed %d", seed)
		g.Expect(parts.Update).To(ConsistOf(whole.Update), "seed %d", seed)
		g.Expect(parts.Candidates).To(ConsistOf(whole.Candidates), "seed %d", seed)
	}
}
