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

package source

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/reach"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// probed is a Monitor whose verdicts a test sets.
type probed struct {
	targets map[string][]reach.Target
	down    map[string]bool
}

func (p *probed) Replace(name string, targets []reach.Target) {
	if len(targets) == 0 {
		delete(p.targets, name)
		return
	}
	p.targets[name] = targets
}

func (p *probed) IsUp(target reach.Target) bool { return !p.down[target.Address.String()] }

func (p *probed) Usage(string) *reach.Usage { return nil }

// resolved are the aliases of a test, which have one address each.
type resolved struct {
	followed

	addresses map[string]string
}

func (r resolved) Peek(target string, qtype uint16) *alias.Answer {
	if r.addresses[target] == "" || qtype != dns.TypeA {
		return nil
	}
	return &alias.Answer{Addresses: []netip.Addr{netip.MustParseAddr(r.addresses[target])}}
}

// sharedSlice returns a slice of a cluster's gateway in the shared name *.shop.xcc.test.
func sharedSlice(cluster, address string, rank uint32) *discoveryv1.EndpointSlice {
	slice := endpointSlice(cluster, "*.gateway."+cluster+".dev.clusters.xcc.test", address)
	if _, err := netip.ParseAddr(address); err != nil {
		slice.AddressType = discoveryv1.AddressTypeFQDN
	}
	slice.Annotations[xccv1.GatewayDNSRefAnnotation] = "dev/shop"
	slice.Annotations[xccv1.FailoverAnnotation] = failover.Settings{
		Shared: &failover.Share{Hostname: "*.shop.xcc.test", Rank: rank, Weight: 1},
		HealthCheck: &failover.HealthCheck{
			Protocol: failover.TCP, Port: 443, Interval: 10e9, Timeout: 2e9, FailureThreshold: 3, SuccessThreshold: 2,
		},
	}.String()
	return slice
}

// networked is a source with a network that a test changes.
type networked struct {
	*Source

	store   *store
	monitor *probed
	aliases resolved
}

func newNetworked() *networked {
	c := &networked{
		store: emptyStore(), monitor: &probed{targets: map[string][]reach.Target{}, down: map[string]bool{}},
		aliases: resolved{followed{}, map[string]string{}},
	}
	c.Source = newSource()
	c.Monitor, c.Aliases = c.monitor, c.aliases
	c.connect(c.store.touchGroups)
	return c
}

func (c *networked) applyAll(t *testing.T) {
	t.Helper()
	c.apply(t.Context(), c.store.take())
}

// addressOf returns the only address of a name.
func (c *networked) addressOf(g Gomega, name string) string {
	found := c.Snapshot().Lookup([]byte(name), dns.TypeA)
	g.Expect(found.Addresses).To(HaveLen(1), name)
	return found.Addresses[0].String()
}

func TestAVerdictChangesTheNamesThatDependOnIt(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	c := newNetworked()
	g.Expect(c.store.Replace([]any{
		sharedSlice("a", "192.0.2.1", 0), sharedSlice("b", "192.0.2.2", 1), endpointSlice("other", "other.xcc.test", "192.0.2.3"),
	}, "")).To(Succeed())
	c.applyAll(t)
	g.Expect(c.addressOf(g, "kuard.shop.xcc.test")).To(Equal("192.0.2.1"))
	g.Expect(c.monitor.targets).To(HaveLen(4), "two clusters, the shared name with and without the wildcard")
	g.Expect(c.monitor.targets["*.shop.xcc.test"]).To(HaveLen(2))

	c.monitor.down["192.0.2.1"] = true
	c.Judged(c.monitor.targets["*.gateway.a.dev.clusters.xcc.test"])
	changed := c.store.take()
	g.Expect(changed).To(HaveLen(3))
	g.Expect(changed).To(HaveKey("*.shop.xcc.test"))
	g.Expect(changed).To(HaveKey("shop.xcc.test"))
	g.Expect(changed).To(HaveKey("*.gateway.a.dev.clusters.xcc.test"))
	c.apply(t.Context(), changed)
	g.Expect(c.addressOf(g, "kuard.shop.xcc.test")).To(Equal("192.0.2.2"))
	g.Expect(c.addressOf(g, "kuard.gateway.a.dev.clusters.xcc.test")).To(Equal("192.0.2.1"), "the only address of a name stays")
}

func TestAHostNameBehindASharedNameIsKept(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	c := newNetworked()
	const target = "lb.example.com"
	g.Expect(c.store.Replace([]any{sharedSlice("a", target, 0), sharedSlice("b", "192.0.2.2", 1)}, "")).To(Succeed())
	c.applyAll(t)
	g.Expect(c.aliases.followed[target]).To(Equal(3), "its own name, and the shared name with and without the wildcard")
	g.Expect(c.addressOf(g, "kuard.shop.xcc.test")).To(Equal("192.0.2.2"), "it is not resolved yet")

	c.aliases.addresses[target] = "198.51.100.1"
	c.Resolved(target)
	c.applyAll(t)
	g.Expect(c.addressOf(g, "kuard.shop.xcc.test")).To(Equal("198.51.100.1"))
	g.Expect(c.monitor.targets["shop.xcc.test"]).To(HaveLen(2), "its address is probed")

	c.aliases.addresses[target] = ""
	c.Resolved(target)
	c.applyAll(t)
	g.Expect(c.addressOf(g, "kuard.shop.xcc.test")).To(Equal("192.0.2.2"))
}

func TestNothingIsKeptOfANameThatIsGone(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	c := newNetworked()
	all := []*discoveryv1.EndpointSlice{sharedSlice("a", "lb.example.com", 0), sharedSlice("b", "192.0.2.2", 1)}
	for _, slice := range all {
		g.Expect(c.store.Add(slice)).To(Succeed())
	}
	c.applyAll(t)
	for _, slice := range slices.Backward(all) {
		g.Expect(c.store.Delete(slice)).To(Succeed())
	}
	c.applyAll(t)
	g.Expect(c.aliases.followed).To(BeEmpty())
	g.Expect(c.monitor.targets).To(BeEmpty())
	network := c.network.Load()
	g.Expect(network.groups).To(BeEmpty())
	g.Expect(network.byGateway).To(BeEmpty())
	g.Expect(network.byTarget).To(BeEmpty())
	g.Expect(c.Snapshot().Lookup([]byte("shop.xcc.test"), dns.TypeA).Addresses).To(BeEmpty())
	c.Resolved("lb.example.com")
	g.Expect(c.store.take()).To(BeEmpty())
}
