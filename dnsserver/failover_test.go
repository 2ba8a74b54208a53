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

package dnsserver

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/reach"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
)

// gateways are the gateways of a test. The zero value means that all of them work.
type gateways struct {
	mu   sync.Mutex
	down map[string]bool
	// silent probes wait for their timeout.
	silent bool
}

func (g *gateways) set(address string, isDown bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.down == nil {
		g.down = map[string]bool{}
	}
	g.down[address] = isDown
}

func (g *gateways) hang(silent bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.silent = silent
}

func (g *gateways) probe(ctx context.Context, target reach.Target) error {
	g.mu.Lock()
	isDown, silent := g.down[target.Address.String()], g.silent
	g.mu.Unlock()
	if silent {
		<-ctx.Done()
		return ctx.Err()
	}
	if isDown {
		return errors.New("down")
	}
	return nil
}

// inShared adds a part in the shared name *.shop.dev.gateways.xcc.test to a slice.
func inShared(slice *discoveryv1.EndpointSlice, rank uint32) *discoveryv1.EndpointSlice {
	slice.Annotations[xccv1.GatewayDNSRefAnnotation] = "dev/shop"
	slice.Annotations[xccv1.AdditionalHostnamesAnnotation] = strings.TrimPrefix(slice.Annotations[xccv1.DNSHostnameAnnotation], "*.")
	slice.Annotations[xccv1.FailoverAnnotation] = failover.Settings{
		Shared: &failover.Share{Hostname: "*.shop.dev.gateways.xcc.test", Rank: rank, Weight: 1},
		HealthCheck: &failover.HealthCheck{
			Protocol: failover.TCP, Port: 443, Interval: time.Second, Timeout: 100 * time.Millisecond, FailureThreshold: 2, SuccessThreshold: 1,
		},
	}.String()
	slice.Ports = []discoveryv1.EndpointPort{{Name: new("https"), Port: new(int32(443))}}
	return slice
}

// TestASharedNameFailsOver needs no API server once the slices are known.
func TestASharedNameFailsOver(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	cluster, world := startAPIServer(t), &gateways{}
	world.set("192.0.2.3", true)
	for _, slice := range []*discoveryv1.EndpointSlice{
		inShared(slice("a", "*.gateway.a.dev.clusters.xcc.test", discoveryv1.AddressTypeIPv4, "192.0.2.1"), 0),
		inShared(slice("b", "*.gateway.b.dev.clusters.xcc.test", discoveryv1.AddressTypeIPv4, "192.0.2.2", "192.0.2.3"), 6),
	} {
		g.Expect(cluster.Create(t.Context(), slice)).To(Succeed())
	}
	options := localOptions()
	options.probe = world.probe
	cluster.link.mend(t)
	server := start(t, cluster.throughLink, options)
	const shared, exact, service = "kuard.shop.dev.gateways.xcc.test.", "shop.dev.gateways.xcc.test.", "_https._tcp.shop.dev.gateways.xcc.test."
	const a, b = "gateway.a.dev.clusters.xcc.test.", "gateway.b.dev.clusters.xcc.test."
	for _, name := range []string{shared, exact} {
		server.eventually(g, "the best rank", name, dns.TypeA, "NOERROR", "192.0.2.1")
	}
	server.eventually(g, "its dead address is left out", b, dns.TypeA, "NOERROR", "192.0.2.2")
	g.Expect(server.lookup(g, service, dns.TypeSRV)).To(ConsistOf("NOERROR", "0", "1"), "the priorities of both clusters")
	g.Eventually(func() int { return server.ready(g) }).Should(Equal(http.StatusOK))

	cluster.link.cut()
	world.set("192.0.2.1", true)
	for _, name := range []string{shared, exact} {
		server.eventually(g, "the next rank", name, dns.TypeA, "NOERROR", "192.0.2.2")
	}
	g.Expect(server.lookup(g, a, dns.TypeA)).To(ConsistOf("NOERROR", "192.0.2.1"), "the last address of a name stays")
	g.Expect(server.lookup(g, service, dns.TypeSRV)).To(ConsistOf("NOERROR", "1"))
	_, metrics := get(g, server.scrapes.Addr(), "/metrics")
	g.Expect(metrics).To(And(ContainSubstring(`xcc_dns_probed_addresses{state="down"} 2`),
		ContainSubstring(`xcc_dns_gateway_addresses_down{gateway="*.gateway.a.dev.clusters.xcc.test"} 1`), ContainSubstring("xcc_dns_probes_total")))

	_, body := get(g, server.reports.Addr(), report.Path)
	keyA, keyB := reachability.KeyOf("*.gateway.a.dev.clusters.xcc.test"), reachability.KeyOf("*.gateway.b.dev.clusters.xcc.test")
	g.Expect(reachability.Parse([]byte(body))).To(Equal(reachability.Report{Down: []reachability.Key{keyA}, Up: []reachability.Key{keyB}}))

	world.set("192.0.2.2", true)
	server.eventually(g, "if nothing works, everything is answered", shared, dns.TypeA, "NOERROR", "192.0.2.1")
	world.set("192.0.2.1", false)
	world.set("192.0.2.2", false)
	server.eventually(g, "the best rank works again", shared, dns.TypeA, "NOERROR", "192.0.2.1")
}

// TestAServerIsReadyAfterTheFirstProbes would otherwise bring a dead gateway back for a moment.
func TestAServerIsReadyAfterTheFirstProbes(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	cluster, world := startAPIServer(t), &gateways{}
	world.hang(true)
	slice := inShared(slice("a", "*.gateway.a.dev.clusters.xcc.test", discoveryv1.AddressTypeIPv4, "192.0.2.1"), 0)
	slice.Annotations[xccv1.FailoverAnnotation] = strings.Replace(slice.Annotations[xccv1.FailoverAnnotation], "100000000", "1000000000", 1)
	g.Expect(cluster.Create(t.Context(), slice)).To(Succeed())
	options := localOptions()
	options.probe = world.probe
	cluster.link.mend(t)
	server := start(t, cluster.throughLink, options)
	server.eventually(g, "it answers meanwhile", "gateway.a.dev.clusters.xcc.test.", dns.TypeA, "NOERROR", "192.0.2.1")
	code, text := get(g, server.health.Addr(), "/readyz")
	g.Expect(code).To(Equal(http.StatusServiceUnavailable))
	g.Expect(text).To(ContainSubstring("probed for the first time"))
	g.Eventually(func() int { return server.ready(g) }).WithTimeout(10 * time.Second).Should(Equal(http.StatusOK))
}

// TestAFirstHealthCheckKeepsAServerReady adds it to a server that runs. All servers of a cluster get
// it at the same time.
func TestAFirstHealthCheckKeepsAServerReady(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	cluster, world := startAPIServer(t), &gateways{}
	world.hang(true)
	options := localOptions()
	options.probe = world.probe
	cluster.link.mend(t)
	server := start(t, cluster.throughLink, options)
	g.Eventually(func() int { return server.ready(g) }).WithTimeout(10 * time.Second).Should(Equal(http.StatusOK))
	slice := inShared(slice("a", "*.gateway.a.dev.clusters.xcc.test", discoveryv1.AddressTypeIPv4, "192.0.2.1"), 0)
	slice.Annotations[xccv1.FailoverAnnotation] = strings.Replace(slice.Annotations[xccv1.FailoverAnnotation], "100000000", "1000000000", 1)
	g.Expect(cluster.Create(t.Context(), slice)).To(Succeed())
	server.eventually(g, "it is known", "gateway.a.dev.clusters.xcc.test.", dns.TypeA, "NOERROR", "192.0.2.1")
	g.Expect(server.monitor.IsSettled()).To(BeFalse())
	g.Expect(server.ready(g)).To(Equal(http.StatusOK))
}
