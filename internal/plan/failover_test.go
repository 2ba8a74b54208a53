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
	"testing"

	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

const sharedHostname = "*.shop.dev.gateways.xcc.test"

// shared returns a gateway of the cluster "a" in the region eu and the zone eu-1, with a part in the
// shared name.
func shared(state xccv1.GatewayState, priority, weight int32) xccv1.GatewayDNS {
	status := gateway("a", state, "192.0.2.1")
	status.Ports = []xccv1.GatewayPort{{Name: "dns", Protocol: "UDP", Port: 53}, {Name: "https", Protocol: "TCP", Port: 8443}}
	status.Shared = &xccv1.GatewayShare{Priority: &priority, Weight: &weight, Locality: []string{"eu", "eu-1"}}
	one := gatewayDNS("gw", status)
	one.Status.SharedHostname = sharedHostname
	one.Spec.Shared = &xccv1.SharedName{Name: "shop", Locality: &xccv1.SharedLocality{Labels: []string{"region", "zone", "rack"}}}
	return one
}

// consumer returns a cluster with current dns-servers and these labels.
func consumer(name string, labels ...string) plan.Consumer {
	result := plan.Consumer{Cluster: name, Readers: plan.ReadersCurrent, Labels: map[string]string{}}
	for i := 0; i < len(labels); i += 2 {
		result.Labels[labels[i]] = labels[i+1]
	}
	return result
}

func computeFor(of *xccv1.GatewayDNS, held []*discoveryv1.EndpointSlice, consumer plan.Consumer) plan.Plan {
	return plan.Compute(zone, plan.Publish(zone, of, nil).Gateways(), held, consumer)
}

func settings(g *WithT, slice *discoveryv1.EndpointSlice) failover.Settings {
	parsed, err := failover.Parse(slice.Annotations[xccv1.FailoverAnnotation])
	g.Expect(err).NotTo(HaveOccurred())
	return parsed
}

func TestRanks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		consumer plan.Consumer
		rank     uint32
	}{
		"its own gateway":                       {consumer("a"), 12},
		"its own gateway without labels":        {consumer("a", "region", "us"), 12},
		"the same zone":                         {consumer("b", "region", "eu", "zone", "eu-1"), 15},
		"the same zone, and a label of its own": {consumer("b", "region", "eu", "zone", "eu-1", "rack", "7"), 15},
		"the same region":                       {consumer("b", "region", "eu", "zone", "eu-2"), 16},
		"a region without a zone":               {consumer("b", "region", "eu"), 16},
		"the same zone of another region":       {consumer("b", "region", "us", "zone", "eu-1"), 17},
		"no labels":                             {consumer("b"), 17},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			of := shared(xccv1.GatewayResolved, 2, 4)
			created := computeFor(&of, nil, test.consumer).Create
			g.Expect(created).To(HaveLen(1))
			g.Expect(settings(g, created[0])).To(Equal(failover.Settings{
				Shared: &failover.Share{Hostname: sharedHostname, Rank: test.rank, Weight: 4},
			}))
		})
	}
}

func TestAPriorityOutweighsEveryLocality(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for priority := range uint16(3) {
		farthest, nearest := failover.Rank(priority, false, 0), failover.Rank(priority+1, true, 0)
		g.Expect(farthest).To(BeNumerically("<", nearest))
		for inCommon := range 4 {
			g.Expect(failover.Rank(priority, false, inCommon+1)).To(BeNumerically("<", failover.Rank(priority, false, inCommon)))
		}
		g.Expect(failover.Rank(priority, true, 0)).To(BeNumerically("<", failover.Rank(priority, false, 4)))
	}
	g.Expect(failover.Rank(65535, false, 0)).To(BeNumerically("==", failover.MaxRank))
}

func TestTheHealthCheckOfAGateway(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spec  xccv1.HealthCheck
		ports []xccv1.GatewayPort
		want  *failover.HealthCheck
	}{
		"the defaults":      {want: check(failover.TCP, 8443, "", "")},
		"a port of its own": {spec: xccv1.HealthCheck{Port: 80}, want: check(failover.TCP, 80, "", "")},
		"a host and a path by default": {
			spec: xccv1.HealthCheck{Protocol: xccv1.HealthCheckHTTPS}, want: check(failover.HTTPS, 8443, "/", "gateway.a.dev.clusters.xcc.test"),
		},
		"a host and a path": {
			spec: xccv1.HealthCheck{Protocol: xccv1.HealthCheckHTTP, Host: "shop.example.com", Path: "/live"},
			want: check(failover.HTTP, 8443, "/live", "shop.example.com"),
		},
		"a gateway without a TCP port": {ports: []xccv1.GatewayPort{{Protocol: "UDP", Port: 53}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			of := shared(xccv1.GatewayResolved, 0, 1)
			of.Spec.Shared, of.Status.SharedHostname, of.Spec.HealthCheck = nil, "", &test.spec
			if test.ports != nil {
				of.Status.Gateways[0].Ports = test.ports
			}
			created := computeFor(&of, nil, consumer("b")).Create
			g.Expect(settings(g, created[0])).To(Equal(failover.Settings{HealthCheck: test.want}))
		})
	}
}

func check(protocol failover.Protocol, port uint16, path, host string) *failover.HealthCheck {
	return &failover.HealthCheck{
		Protocol: protocol, Port: port, Path: path, Host: host, Interval: 10e9, Timeout: 2e9, FailureThreshold: 3, SuccessThreshold: 2,
	}
}

func TestTheAnnotationNeedsCurrentReaders(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	of := shared(xccv1.GatewayResolved, 0, 1)
	for _, readers := range []plan.Readers{plan.ReadersUnknown, plan.ReadersFormer, plan.ReadersTargets} {
		created := computeFor(&of, nil, plan.Consumer{Cluster: "b", Readers: readers}).Create
		g.Expect(created).To(HaveLen(1))
		g.Expect(created[0].Annotations).NotTo(HaveKey(xccv1.FailoverAnnotation))
		g.Expect(readers.IsOutdated()).To(Equal(readers != plan.ReadersUnknown))

		updated := computeFor(&of, created, consumer("b")).Update
		g.Expect(updated).To(HaveLen(1), "once all dns-servers read it")
		g.Expect(settings(g, updated[0]).Shared.Rank).To(BeNumerically("==", 5))

		again := computeFor(&of, updated, plan.Consumer{Cluster: "b", Readers: readers})
		g.Expect(again.Empty()).To(BeTrue(), "a written annotation stays")
		changed := shared(xccv1.GatewayResolved, 1, 1)
		updated = computeFor(&changed, updated, plan.Consumer{Cluster: "b", Readers: readers}).Update
		g.Expect(settings(g, updated[0]).Shared.Rank).To(BeNumerically("==", 11), "and is kept up to date")
	}
}

// TestRanksFollowTheSpecInEveryState holds what a cluster has, and changes or removes the part in the
// shared name.
func TestRanksFollowTheSpecInEveryState(t *testing.T) {
	t.Parallel()
	for _, state := range []xccv1.GatewayState{
		xccv1.GatewayResolved, xccv1.GatewayOverridden, xccv1.GatewayUnknown, xccv1.GatewayUnreachable, xccv1.GatewayInvalidOverride,
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			before := shared(xccv1.GatewayResolved, 0, 1)
			held := computeFor(&before, nil, consumer("b")).Create
			held[0].Labels["team"] = "shop"

			same := shared(state, 0, 1)
			unchanged := computeFor(&same, held, consumer("b"))
			g.Expect(unchanged.Empty()).To(BeTrue())

			weighted := shared(state, 0, 7)
			changes := computeFor(&weighted, held, consumer("b"))
			g.Expect(changes.Update).To(HaveLen(1))
			g.Expect(settings(g, changes.Update[0]).Shared.Weight).To(BeNumerically("==", 7))
			g.Expect(changes.Update[0].Endpoints).To(Equal(held[0].Endpoints))
			g.Expect(changes.Update[0].Labels).To(HaveKeyWithValue("team", "shop"))
			g.Expect(settings(g, held[0]).Shared.Weight).To(BeNumerically("==", 1), "the cached slice is not changed")

			without := shared(state, 0, 1)
			without.Status.SharedHostname = ""
			changes = computeFor(&without, held, consumer("b"))
			g.Expect(changes.Update).To(HaveLen(1))
			g.Expect(changes.Update[0].Annotations).NotTo(HaveKey(xccv1.FailoverAnnotation))
			g.Expect(changes.Candidates).To(BeEmpty())
		})
	}
}

func TestAChangeOfAPartIsAChangeOfTheGateway(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	one := shared(xccv1.GatewayResolved, 0, 1)
	published := plan.Publish(zone, &one, nil)
	g.Expect(plan.Changed(published, plan.Publish(zone, &one, published))).To(BeEmpty())
	for name, change := range map[string]func(*xccv1.GatewayDNS){
		"the weight":       func(o *xccv1.GatewayDNS) { o.Status.Gateways[0].Shared.Weight = new(int32(3)) },
		"the locality":     func(o *xccv1.GatewayDNS) { o.Status.Gateways[0].Shared.Locality = []string{"eu", "eu-2"} },
		"the labels":       func(o *xccv1.GatewayDNS) { o.Spec.Shared.Locality.Labels = []string{"region", "row"} },
		"the shared name":  func(o *xccv1.GatewayDNS) { o.Status.SharedHostname = "*.other.dev.gateways.xcc.test" },
		"the health check": func(o *xccv1.GatewayDNS) { o.Spec.HealthCheck = &xccv1.HealthCheck{} },
	} {
		other := shared(xccv1.GatewayResolved, 0, 1)
		change(&other)
		g.Expect(plan.Changed(published, plan.Publish(zone, &other, published))).To(HaveLen(1), name)
	}
}
