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
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"
)

const several = "several.xcc.test"

func ipv4(name, hostname string, addresses ...string) *discoveryv1.EndpointSlice {
	return slice(name, hostname, discoveryv1.AddressTypeIPv4, addresses...)
}

// unready adds an endpoint that is not ready to the slice. It removes endpoints without addresses.
func unready(s *discoveryv1.EndpointSlice, addresses ...string) *discoveryv1.EndpointSlice {
	s.Endpoints = slices.DeleteFunc(s.Endpoints, func(e discoveryv1.Endpoint) bool { return len(e.Addresses) == 0 })
	s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
		Addresses: addresses, Conditions: discoveryv1.EndpointConditions{Ready: new(false)},
	})
	return s
}

// The last slice of each case changes the answer. When it goes, the answer of the slice before it
// returns.
func TestSeveralSlicesHaveOneName(t *testing.T) {
	g := NewWithT(t)
	cluster := startAPIServer(t)
	cluster.link.mend(t)
	node, port, resolvConf := startUpstream(t)
	node.set("lb.example.com. 1 IN A 198.51.100.1")
	options := localOptions()
	options.ResolvConf, options.resolverPort = resolvConf, port
	server := start(t, cluster.throughLink, options)
	server.eventually(g, "it was synced", several+".", dns.TypeA, "NXDOMAIN")

	for _, test := range []struct {
		about       string
		first, last *discoveryv1.EndpointSlice
		together    []string
		shadowed    int
		withoutLast []string
	}{
		{
			about:       "addresses add up, and what both have is answered once",
			first:       ipv4("first", several, "10.0.1.1", "10.0.1.2"),
			last:        ipv4("last", several, "10.0.1.2", "10.0.1.3"),
			together:    []string{"NOERROR", "10.0.1.1", "10.0.1.2", "10.0.1.3"},
			withoutLast: []string{"NOERROR", "10.0.1.1", "10.0.1.2"},
		},
		{
			about:       "what is not ready is left out while another is ready",
			first:       unready(ipv4("first", several), "10.0.1.1"),
			last:        unready(ipv4("last", several, "10.0.1.2"), "10.0.1.3"),
			together:    []string{"NOERROR", "10.0.1.2"},
			withoutLast: []string{"NOERROR", "10.0.1.1"},
		},
		{
			about:       "all are answered when none is ready",
			first:       unready(ipv4("first", several), "10.0.1.1"),
			last:        unready(ipv4("last", several), "10.0.1.2"),
			together:    []string{"NOERROR", "10.0.1.1", "10.0.1.2"},
			withoutLast: []string{"NOERROR", "10.0.1.1"},
		},
		{
			about:       "addresses win over a host name, which is counted",
			first:       slice("first", several, discoveryv1.AddressTypeFQDN, "lb.example.com"),
			last:        ipv4("last", several, "10.0.1.1"),
			together:    []string{"NOERROR", "10.0.1.1"},
			shadowed:    1,
			withoutLast: []string{"NOERROR", "lb.example.com.", "198.51.100.1"},
		},
		{
			about:       "the name of a slice that is gone exists while there is one below it",
			first:       ipv4("first", "below."+several, "10.0.1.1"),
			last:        ipv4("last", several, "10.0.1.2"),
			together:    []string{"NOERROR", "10.0.1.2"},
			withoutLast: []string{"NOERROR"},
		},
		{
			about:       "a wildcard answers for the name of a slice that is gone",
			first:       ipv4("first", "*.xcc.test", "10.0.1.1"),
			last:        ipv4("last", several, "10.0.1.2"),
			together:    []string{"NOERROR", "10.0.1.2"},
			withoutLast: []string{"NOERROR", "10.0.1.1"},
		},
	} {
		g.Expect(cluster.Create(t.Context(), test.first)).To(Succeed(), test.about)
		g.Expect(cluster.Create(t.Context(), test.last)).To(Succeed(), test.about)
		server.eventually(g, test.about, several+".", dns.TypeA, test.together...)
		g.Expect(server.lookup(g, several+".", dns.TypeCNAME)).To(Equal([]string{"NOERROR"}), test.about)
		server.counted(g, test.about, "alias_shadowed", test.shadowed)

		g.Expect(cluster.Delete(t.Context(), test.last)).To(Succeed(), test.about)
		server.eventually(g, test.about+": one slice was deleted", several+".", dns.TypeA, test.withoutLast...)
		server.counted(g, test.about+": one slice was deleted", "alias_shadowed", 0)
		g.Expect(cluster.Delete(t.Context(), test.first)).To(Succeed(), test.about)
		server.eventually(g, test.about+": both slices were deleted", several+".", dns.TypeA, "NXDOMAIN")
	}
}

// counted waits for the number of slices that are ignored for the reason.
func (r *running) counted(g Gomega, why, reason string, want int) {
	g.Eventually(func(g Gomega) {
		_, text := get(g, r.scrapes.Addr(), "/metrics")
		g.Expect(text).To(ContainSubstring(fmt.Sprintf("\nxcc_dns_slices_ignored{reason=%q} %d\n", reason, want)))
	}, 10*time.Second, 10*time.Millisecond).Should(Succeed(), why)
}
