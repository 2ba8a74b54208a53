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
	"testing"

	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// outcome is how a state changes a gateway's slices in a consumer.
type outcome string

const (
	// publishes: afterwards, the slices have exactly the addresses of the status.
	publishes outcome = "publishes"
	// withdraws: all slices are candidates, and nothing is written.
	withdraws outcome = "withdraws"
	// keeps: the slices stay as they are. A consumer without slices gets the addresses of the
	// status.
	keeps outcome = "keeps"
)

var outcomes = map[xccv1.GatewayState]outcome{
	xccv1.GatewayResolved:               publishes,
	xccv1.GatewayOverridden:             publishes,
	xccv1.GatewayServiceNotFound:        withdraws,
	xccv1.GatewayWrongServiceType:       withdraws,
	xccv1.GatewayGatewayNotFound:        withdraws,
	xccv1.GatewayGatewayAPINotInstalled: withdraws,
	xccv1.GatewayNoAddress:              withdraws,
	xccv1.GatewayNoReadyEndpoint:        withdraws,
	xccv1.GatewayInvalidName:            withdraws,
	xccv1.GatewayConflicted:             withdraws,
	xccv1.GatewayInvalidOverride:        keeps,
	xccv1.GatewayUnreachable:            keeps,
	xccv1.GatewayUnknown:                keeps,
}

// TestEveryStateWithEveryHeldSlice combines every state, with and without addresses in the status,
// with the slices that a consumer can have for the gateway. TestOrphaned covers whether a candidate
// is deleted.
func TestEveryStateWithEveryHeldSlice(t *testing.T) {
	t.Parallel()
	const unknown = plan.ReadersUnknown
	a := hostname("a", "dev")
	former := slice("dev-a-gateway", "dev/gw", a, "192.0.2.9")
	for state, outcome := range outcomes {
		for _, addresses := range [][]string{nil, {"192.0.2.1"}} {
			for name, held := range map[string][]discoveryv1.EndpointSlice{
				"no slice":                         nil,
				"the addresses of the status":      written(unknown, "192.0.2.1"),
				"another address":                  written(unknown, "192.0.2.9"),
				"an address of another type":       written(unknown, "2001:db8::9"),
				"a slice of the 2022 project":      {former},
				"ours and one of the 2022 project": append(written(unknown, "192.0.2.1"), former),
			} {
				t.Run(fmt.Sprintf("%s with %v, holding %s", state, addresses, name), func(t *testing.T) {
					t.Parallel()
					g := NewWithT(t)
					visible := []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", state, addresses...))}
					changes := compute(visible, held, plan.ReadersUnknown)
					applied := describe(pointers(after(held, changes)))
					switch {
					case outcome == withdraws:
						g.Expect(applied).To(BeEmpty())
						g.Expect(changes.Create).To(BeEmpty())
						g.Expect(changes.Update).To(BeEmpty())
					case outcome == keeps && len(held) > 0:
						g.Expect(changes.Empty()).To(BeTrue())
					case len(addresses) == 0:
						g.Expect(applied).To(BeEmpty())
					default:
						g.Expect(applied).To(ConsistOf(describe(compute(visible, nil, plan.ReadersUnknown).Create)))
						g.Expect(applied).To(ConsistOf("IPv4 " + a + " 192.0.2.1"))
					}
				})
			}
		}
	}
}

func TestCurrentAndKnownEmptyMatchTheOutcomes(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for state, outcome := range outcomes {
		g.Expect(state.Current()).To(Equal(outcome == publishes), string(state))
		g.Expect(state.KnownEmpty()).To(Equal(outcome == withdraws), string(state))
	}
}

func TestASubdomainIsPartOfTheName(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	named := func(subdomain string, state xccv1.GatewayState, addresses ...string) []xccv1.GatewayDNS {
		status := gateway("a", state, addresses...)
		status.Hostname = "*." + subdomain + ".a.dev.clusters." + zone
		return []xccv1.GatewayDNS{gatewayDNS("gw", status)}
	}
	before := compute(named("gateway", xccv1.GatewayResolved, "192.0.2.1"), nil, plan.ReadersUnknown).Create[0]
	g.Expect(before.Name).To(Equal("gw-a-ipv4-a4e31a82a206"), "the name that an older release wrote")
	g.Expect(before.Annotations).To(HaveKeyWithValue(xccv1.AdditionalHostnamesAnnotation, "gateway.a.dev.clusters."+zone))

	t.Log("A new subdomain gets a new slice, and the old slice is a candidate even if the gateway is unknown")
	for _, state := range []xccv1.GatewayState{xccv1.GatewayResolved, xccv1.GatewayUnknown} {
		changes := compute(named("internal", state, "192.0.2.1"), []discoveryv1.EndpointSlice{*before}, plan.ReadersUnknown)
		g.Expect(describe(changes.Create)).To(Equal([]string{"IPv4 *.internal.a.dev.clusters." + zone + " 192.0.2.1"}), string(state))
		g.Expect(names(changes.Candidates)).To(Equal([]string{before.Name}))
	}
}

func TestASliceOfAnOlderReleaseIsUpdatedInPlace(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	visible := []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayResolved, "192.0.2.1"))}
	former := compute(visible, nil, plan.ReadersUnknown).Create[0].DeepCopy()
	delete(former.Annotations, xccv1.AdditionalHostnamesAnnotation)
	changes := compute(visible, []discoveryv1.EndpointSlice{*former}, plan.ReadersUnknown)
	g.Expect(changes.Create).To(BeEmpty())
	g.Expect(changes.Candidates).To(BeEmpty())
	g.Expect(names(changes.Update)).To(Equal([]string{former.Name}))
}

func TestASliceHasOnlyPortsThatAnAPIServerAccepts(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	status := gateway("a", xccv1.GatewayResolved, "192.0.2.1", "2001:db8::1")
	status.Ports = []xccv1.GatewayPort{
		{Name: "http", Protocol: "TCP", Port: 30080},
		{Name: "quic", Protocol: "UDP", Port: 30443},
		{Name: "http", Protocol: "UDP", Port: 1},
		{Name: "a.listener", Protocol: "TCP", Port: 2},
		{Protocol: "TCP", Port: 3},
	}
	created := compute([]xccv1.GatewayDNS{gatewayDNS("gw", status)}, nil, plan.ReadersUnknown).Create
	g.Expect(created).To(HaveLen(2))
	for _, slice := range created {
		var ports []string
		for _, port := range slice.Ports {
			ports = append(ports, fmt.Sprintf("%s %s %d", *port.Name, *port.Protocol, *port.Port))
		}
		g.Expect(ports).To(Equal([]string{"http TCP 30080", "quic UDP 30443", " TCP 3"}))
	}
}
