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

package records_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/reach"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// network is a network in which some addresses do not work.
type network struct {
	down     []string
	resolved map[string]records.Resolved
	hasIPv4  bool
}

func (n *network) IsUp(target reach.Target) bool {
	return !slices.Contains(n.down, target.Address.String())
}

func (n *network) Resolve(name string) records.Resolved { return n.resolved[name] }

func (n *network) HasIPv4() bool { return n.hasIPv4 }

func (n *network) Usage(name string) zone.Usage { return usage(name) }

// usage is the note of queries for a name.
type usage string

func (usage) Mark() {}

const sharedName = "*.shop.dev.gateways.xcc.test"

var check = failover.HealthCheck{
	Protocol: failover.TCP, Port: 443, Interval: 10e9, Timeout: 2e9, FailureThreshold: 3, SuccessThreshold: 2,
}

// gatewaySlices returns the slices of a cluster's gateway with a part in the shared name. An address
// that is no IP address is a host name.
func gatewaySlices(cluster string, rank uint32, weight uint16, addresses ...string) []*discoveryv1.EndpointSlice {
	hostname := "*.gateway." + cluster + ".dev.clusters.xcc.test"
	byType := map[discoveryv1.AddressType][]string{}
	for _, address := range addresses {
		parsed, err := netip.ParseAddr(strings.TrimLeft(address, "!"))
		switch {
		case err != nil:
			byType[discoveryv1.AddressTypeFQDN] = append(byType[discoveryv1.AddressTypeFQDN], address)
		case parsed.Is4():
			byType[discoveryv1.AddressTypeIPv4] = append(byType[discoveryv1.AddressTypeIPv4], address)
		default:
			byType[discoveryv1.AddressTypeIPv6] = append(byType[discoveryv1.AddressTypeIPv6], address)
		}
	}
	var all []*discoveryv1.EndpointSlice
	for addressType, addresses := range byType {
		slice := endpointSlice(cluster+"-"+strings.ToLower(string(addressType)), hostname, addressType, addresses...)
		slice.Annotations[xccv1.AdditionalHostnamesAnnotation] = strings.TrimPrefix(hostname, "*.")
		slice.Annotations[xccv1.GatewayDNSRefAnnotation] = "dev/shop"
		slice.Annotations[xccv1.FailoverAnnotation] = failover.Settings{
			Shared: &failover.Share{Hostname: sharedName, Rank: rank, Weight: weight}, HealthCheck: &check,
		}.String()
		slice.Ports = []discoveryv1.EndpointPort{{Name: new("https"), Port: new(int32(443))}}
		all = append(all, slice)
	}
	return all
}

// groupOf returns the parsed slices that have a name.
func groupOf(name string, all ...[]*discoveryv1.EndpointSlice) []records.Slice {
	var group []records.Slice
	for _, slice := range slices.Concat(all...) {
		for _, parsed := range records.Parse(slice, zones, netaddr.Judge{}) {
			if parsed.Group() == name {
				group = append(group, parsed)
			}
		}
	}
	return group
}

// choices describes each choice as "<weight>: <address>...".
func choices(record zone.Record) []string {
	var texts []string
	for _, choice := range record.Choices.All {
		text := fmt.Sprint(choice.Weight, ":")
		for _, address := range choice.Addresses {
			text += " " + address.String()
		}
		texts = append(texts, text)
	}
	return texts
}

// services describes each service as "<priority> <weight> <target>".
func services(record zone.Record) []string {
	var texts []string
	for _, service := range record.Services {
		texts = append(texts, fmt.Sprint(service.Priority, " ", service.Weight, " ", service.Target))
	}
	return texts
}

func TestTheChoicesOfASharedName(t *testing.T) {
	t.Parallel()
	const a4, b4, c4, a6, b6 = "192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"
	near, far := gatewaySlices("a", 0, 1, a4), gatewaySlices("b", 6, 1, b4)
	for name, test := range map[string]struct {
		all     [][]*discoveryv1.EndpointSlice
		network network
		choices []string
	}{
		"the best rank":          {all: [][]*discoveryv1.EndpointSlice{near, far}, choices: []string{"1: 192.0.2.1"}},
		"the next rank":          {all: [][]*discoveryv1.EndpointSlice{near, far}, network: network{down: []string{a4}}, choices: []string{"1: 192.0.2.2"}},
		"all if all are down":    {all: [][]*discoveryv1.EndpointSlice{near, far}, network: network{down: []string{a4, b4}}, choices: []string{"1: 192.0.2.1"}},
		"all of one rank":        {all: [][]*discoveryv1.EndpointSlice{near, gatewaySlices("b", 0, 3, b4)}, choices: []string{"1: 192.0.2.1", "3: 192.0.2.2"}},
		"weight 0 serves last":   {all: [][]*discoveryv1.EndpointSlice{near, gatewaySlices("b", 0, 0, b4)}, choices: []string{"1: 192.0.2.1"}},
		"weight 0 serves":        {all: [][]*discoveryv1.EndpointSlice{near, gatewaySlices("b", 0, 0, b4)}, network: network{down: []string{a4}}, choices: []string{"0: 192.0.2.2"}},
		"weight 0 before a rank": {all: [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 0, a4), far}, choices: []string{"0: 192.0.2.1"}},
		"only weights of 0": {
			all:     [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 0, a4), gatewaySlices("b", 0, 0, b4)},
			choices: []string{"0: 192.0.2.1", "0: 192.0.2.2"},
		},
		"a cluster is down if all its addresses are": {
			all: [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, a4, c4), far}, network: network{down: []string{a4}},
			choices: []string{"1: 192.0.2.3"},
		},
		"an address that is not ready counts as down": {all: [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, "!"+a4), far}, choices: []string{"1: 192.0.2.2"}},
		"both families of a cluster": {
			all: [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, a4, a6), far}, choices: []string{"1: 192.0.2.1 2001:db8::1"},
		},
		"AAAA follows A to the next rank": {
			all: [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, a4, a6), gatewaySlices("b", 6, 1, b4, b6)}, network: network{down: []string{a4}},
			choices: []string{"1: 192.0.2.2 2001:db8::2"},
		},
		"AAAA alone does not win a rank": {
			all: [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, a6), far}, choices: []string{"1: 192.0.2.2"},
		},
		"AAAA decides if no member has A": {
			all: [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, a6), gatewaySlices("b", 6, 1, b6)}, network: network{down: []string{a6}},
			choices: []string{"1: 2001:db8::2"},
		},
		"an AAAA that is down is left out if another works": {
			all: [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, a4, a6), gatewaySlices("b", 0, 1, b4, b6)}, network: network{down: []string{a6}},
			choices: []string{"1: 192.0.2.1", "1: 192.0.2.2 2001:db8::2"},
		},
		"an AAAA that is down stays if no other works": {
			all: [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, a4, a6), gatewaySlices("b", 0, 1, b4)}, network: network{down: []string{a6}},
			choices: []string{"1: 192.0.2.1 2001:db8::1", "1: 192.0.2.2"},
		},
		"a host name has its addresses": {
			all:     [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, "lb.example.com"), far},
			network: network{resolved: map[string]records.Resolved{"lb.example.com": resolvedTo(60, "198.51.100.1", "198.51.100.2")}},
			choices: []string{"1: 198.51.100.1 198.51.100.2"},
		},
		"a host name that cannot be resolved is down": {
			all: [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, "lb.example.com"), far}, choices: []string{"1: 192.0.2.2"},
		},
		"addresses win over a host name": {
			all:     [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, "lb.example.com", a4), far},
			network: network{resolved: map[string]records.Resolved{"lb.example.com": resolvedTo(60, "198.51.100.1")}},
			choices: []string{"1: 192.0.2.1"},
		},
		"nothing can be resolved": {all: [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, "lb.example.com")}},
	} {
		for _, hostname := range []string{sharedName, strings.TrimPrefix(sharedName, "*.")} {
			t.Run(name+" "+hostname, func(t *testing.T) {
				t.Parallel()
				g := NewWithT(t)
				network := test.network
				network.hasIPv4 = true
				record, problems := records.Merge(hostname, groupOf(hostname, test.all...), &network)
				g.Expect(choices(record)).To(Equal(test.choices))
				g.Expect(problems).To(BeEmpty())
				g.Expect(record.Addresses).To(BeEmpty())
				g.Expect(record.Choices.MaxTTL).To(BeNumerically("==", 5))
			})
		}
	}
}

func resolvedTo(ttl uint32, texts ...string) records.Resolved {
	return records.Resolved{Addresses: addresses("", texts...).Addresses, TTL: ttl}
}

func TestAPodWithoutIPv4DecidesByIPv6(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	group := groupOf(sharedName, gatewaySlices("a", 0, 1, "192.0.2.1", "2001:db8::1"), gatewaySlices("b", 6, 1, "192.0.2.2", "2001:db8::2"))
	record, _ := records.Merge(sharedName, group, &network{down: []string{"2001:db8::1"}})
	g.Expect(choices(record)).To(Equal([]string{"1: 192.0.2.2 2001:db8::2"}))
}

func TestATTLIsTheLowestOfTheHostNames(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	group := groupOf(sharedName, gatewaySlices("a", 0, 1, "lb.example.com"), gatewaySlices("b", 6, 1, "192.0.2.2"))
	record, _ := records.Merge(sharedName, group, &network{hasIPv4: true, resolved: map[string]records.Resolved{"lb.example.com": resolvedTo(2, "198.51.100.1")}})
	g.Expect(record.Choices.MaxTTL).To(BeNumerically("==", 2))
}

func TestTheServicesOfASharedName(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	group := groupOf(sharedName, gatewaySlices("a", 3, 1, "192.0.2.1"), gatewaySlices("b", 9, 4, "lb.example.com"), gatewaySlices("c", 9, 0, "192.0.2.3"))
	of := network{hasIPv4: true, resolved: map[string]records.Resolved{"lb.example.com": resolvedTo(60, "198.51.100.1")}}
	record, _ := records.Merge(sharedName, group, &of)
	all := []string{"0 1 gateway.a.dev.clusters.xcc.test", "1 0 gateway.c.dev.clusters.xcc.test", "1 4 lb.example.com"}
	g.Expect(services(record)).To(Equal(all))

	of.down = []string{"192.0.2.1"}
	record, _ = records.Merge(sharedName, group, &of)
	g.Expect(services(record)).To(Equal(all[1:]), "a priority stays the same while others fail")

	of.down = []string{"192.0.2.1", "192.0.2.3", "198.51.100.1"}
	record, _ = records.Merge(sharedName, group, &of)
	g.Expect(services(record)).To(Equal(all), "if nothing works, everything is answered")
}

func TestANameOfOneClusterLeavesOutDeadAddresses(t *testing.T) {
	t.Parallel()
	const name = "*.gateway.a.dev.clusters.xcc.test"
	slices := gatewaySlices("a", 0, 1, "192.0.2.1", "192.0.2.2", "2001:db8::1")
	for about, test := range map[string]struct {
		down    []string
		choices string
	}{
		"all work":                       {nil, "1: 192.0.2.1 192.0.2.2 2001:db8::1"},
		"one does not work":              {[]string{"192.0.2.1"}, "1: 192.0.2.2 2001:db8::1"},
		"the last of a family stays":     {[]string{"192.0.2.1", "2001:db8::1"}, "1: 192.0.2.2 2001:db8::1"},
		"all of a family stay":           {[]string{"192.0.2.1", "192.0.2.2"}, "1: 192.0.2.1 192.0.2.2 2001:db8::1"},
		"all stay if none of them works": {[]string{"192.0.2.1", "192.0.2.2", "2001:db8::1"}, "1: 192.0.2.1 192.0.2.2 2001:db8::1"},
	} {
		g := NewWithT(t)
		record, problems := records.Merge(name, groupOf(name, slices), &network{down: test.down, hasIPv4: true})
		g.Expect(problems).To(BeEmpty(), about)
		g.Expect(choices(record)).To(Equal([]string{test.choices}), about)
		g.Expect(record.Choices.Usage).To(Equal(usage(name)), about)
		g.Expect(record.Services).To(HaveLen(1), about)
	}
}

func TestOnlyProbesCountThatAreEnforced(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	of := gatewaySlices("a", 0, 1, "192.0.2.1", "192.0.2.2")
	settings := failover.Settings{HealthCheck: new(check)}
	settings.HealthCheck.ReportOnly = true
	of[0].Annotations[xccv1.FailoverAnnotation] = settings.String()
	const name = "*.gateway.a.dev.clusters.xcc.test"
	network := &network{down: []string{"192.0.2.1"}, hasIPv4: true}
	record, _ := records.Merge(name, groupOf(name, of), network)
	g.Expect(choices(record)).To(Equal([]string{"1: 192.0.2.1 192.0.2.2"}))
	g.Expect(records.Probes(groupOf(name, of), network)).To(HaveLen(2))

	delete(of[0].Annotations, xccv1.FailoverAnnotation)
	record, _ = records.Merge(name, groupOf(name, of), network)
	g.Expect(record.Choices).To(BeNil())
	g.Expect(record.Addresses).To(HaveLen(2))
	g.Expect(records.Probes(groupOf(name, of), network)).To(BeEmpty())
}

func TestProbes(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	network := &network{hasIPv4: true, resolved: map[string]records.Resolved{"lb.example.com": resolvedTo(60, "198.51.100.1")}}
	probe := func(cluster, address string) reach.Target {
		return reach.Target{Namespace: "dev", Cluster: cluster, Gateway: "*.gateway." + cluster + ".dev.clusters.xcc.test", Address: netip.MustParseAddr(address), Check: check}
	}
	of := [][]*discoveryv1.EndpointSlice{gatewaySlices("a", 0, 1, "192.0.2.1"), gatewaySlices("b", 0, 1, "lb.example.com")}
	g.Expect(records.Probes(groupOf(sharedName, of...), network)).To(ConsistOf(probe("a", "192.0.2.1"), probe("b", "198.51.100.1")))
	g.Expect(records.SharedTargets(groupOf(sharedName, of...))).To(ConsistOf("lb.example.com"))
	const alone = "*.gateway.b.dev.clusters.xcc.test"
	g.Expect(records.Probes(groupOf(alone, of...), network)).To(BeEmpty(), "an alias is not probed")
	g.Expect(records.SharedTargets(groupOf(alone, of...))).To(BeEmpty())
}

func TestASliceWrittenByHandReplacesASharedName(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	group := groupOf(sharedName, gatewaySlices("a", 0, 1, "192.0.2.1"), []*discoveryv1.EndpointSlice{v4("hand", sharedName, "192.0.2.9")})
	record, problems := records.Merge(sharedName, group, &network{hasIPv4: true})
	g.Expect(record).To(Equal(addresses(sharedName, "192.0.2.9")))
	g.Expect(problems).To(HaveLen(1))
	g.Expect(problems[0].Reason).To(Equal(records.SharedNameShadowed))
}

func TestAnInvalidAnnotationKeepsTheOtherNames(t *testing.T) {
	t.Parallel()
	for about, text := range map[string]string{
		"no JSON":                     "{",
		"a name outside the zones":    failover.Settings{Shared: &failover.Share{Hostname: "*.example.com"}}.String(),
		"the name of the name server": failover.Settings{Shared: &failover.Share{Hostname: "*.dns.xcc.test"}}.String(),
		"its own name":                failover.Settings{Shared: &failover.Share{Hostname: "*.gateway.a.dev.clusters.xcc.test"}}.String(),
	} {
		g := NewWithT(t)
		of := gatewaySlices("a", 0, 1, "192.0.2.1")
		of[0].Annotations[xccv1.FailoverAnnotation] = text
		const name = "*.gateway.a.dev.clusters.xcc.test"
		record, problems := records.Merge(name, groupOf(name, of), &network{hasIPv4: true})
		record.Services = nil
		g.Expect(record).To(Equal(addresses(name, "192.0.2.1")), about)
		if about != "the name of the name server" {
			g.Expect(problems).NotTo(BeEmpty(), about)
			g.Expect(problems[0].Reason).To(Equal(records.InvalidFailover), about)
		}
	}
	g := NewWithT(t)
	unpublished := v4("hand", "x.xcc.test", "192.0.2.1")
	unpublished.Annotations[xccv1.FailoverAnnotation] = failover.Settings{Shared: &failover.Share{Hostname: sharedName}}.String()
	g.Expect(groupOf(sharedName, []*discoveryv1.EndpointSlice{unpublished})).To(BeEmpty(), "a slice written by hand has no part")
}

// TestHealthNeverEmptiesAnAnswer checks random worlds: there is always an answer, its addresses work
// if any address of its type works, and no working member of a better rank is left out.
func TestHealthNeverEmptiesAnAnswer(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 0))
		g := NewWithT(t)
		network := &network{hasIPv4: random.IntN(4) > 0}
		var all [][]*discoveryv1.EndpointSlice
		bestUp, anyIPv4 := ^uint32(0), false
		ranks := map[string]uint32{}
		for cluster := range 1 + random.IntN(5) {
			rank, given := uint32(random.IntN(3)), []string{}
			for i := range 1 + random.IntN(3) {
				address := fmt.Sprintf("192.0.2.%d", 10*cluster+i+1)
				if random.IntN(3) == 0 {
					address = fmt.Sprintf("2001:db8::%d", 10*cluster+i+1)
				}
				given = append(given, address)
				ranks[address] = rank
				isUp, is4 := random.IntN(2) > 0, strings.Contains(address, ".")
				anyIPv4 = anyIPv4 || is4
				if !isUp {
					network.down = append(network.down, address)
				} else if is4 {
					bestUp = min(bestUp, rank)
				}
			}
			all = append(all, gatewaySlices(fmt.Sprint("c", cluster), rank, uint16(random.IntN(2)), given...))
		}
		record, _ := records.Merge(sharedName, groupOf(sharedName, all...), network)
		g.Expect(record.Choices.All).NotTo(BeEmpty(), "seed %d", seed)
		for _, choice := range record.Choices.All {
			g.Expect(choice.Addresses).NotTo(BeEmpty(), "seed %d", seed)
			for _, address := range choice.Addresses {
				if network.hasIPv4 && anyIPv4 && bestUp != ^uint32(0) {
					g.Expect(ranks[address.String()]).To(Equal(bestUp), "seed %d", seed)
				}
			}
		}
	}
}
