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
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// upstream is a resolver of the node.
type upstream struct {
	mu      sync.Mutex
	records []string
}

// set replaces the records, which are in presentation format.
func (u *upstream) set(records ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.records = records
}

// ServeDNS fails if there are no records.
func (u *upstream) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	u.mu.Lock()
	defer u.mu.Unlock()
	response := new(dns.Msg).SetReply(query)
	if len(u.records) == 0 {
		response.Rcode = dns.RcodeServerFailure
	}
	for _, text := range u.records {
		record, err := dns.NewRR(text)
		if err == nil && (record.Header().Rrtype == query.Question[0].Qtype || record.Header().Rrtype == dns.TypeCNAME) {
			response.Answer = append(response.Answer, record)
		}
	}
	_ = w.WriteMsg(response)
}

// startUpstream serves over UDP. It returns the port and a file that names the resolver.
func startUpstream(t *testing.T) (u *upstream, port, resolvConf string) {
	t.Helper()
	g := NewWithT(t)
	u = &upstream{}
	packets, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	server := &dns.Server{PacketConn: packets, Handler: u}
	started, ended := make(chan struct{}), make(chan error, 1)
	server.NotifyStartedFunc = func() { close(started) }
	go func() { ended <- server.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		g.Expect(server.Shutdown()).To(Succeed())
		g.Expect(<-ended).To(Succeed())
	})
	_, port, err = net.SplitHostPort(packets.LocalAddr().String())
	g.Expect(err).NotTo(HaveOccurred())
	resolvConf = filepath.Join(t.TempDir(), "resolv.conf")
	g.Expect(os.WriteFile(resolvConf, []byte("nameserver 127.0.0.1\n"), 0o600)).To(Succeed())
	return u, port, resolvConf
}

// From a slice on a real API server to the addresses of the node's resolver, over real sockets.
func TestAHostNameIsAnsweredWithItsAddresses(t *testing.T) {
	g := NewWithT(t)
	cluster := startAPIServer(t)
	cluster.link.mend(t)
	node, port, resolvConf := startUpstream(t)
	node.set("lb.example.com. 1 IN CNAME lb-1.example.net.", "lb-1.example.net. 1 IN A 198.51.100.1", "lb-1.example.net. 1 IN AAAA 2001:db8::1")
	options := localOptions()
	options.ResolvConf, options.resolverPort = resolvConf, port
	server := start(t, cluster.throughLink, options)

	published := slice("gateway", "*.gateway.cluster-a.dev-team.clusters.xcc.test", discoveryv1.AddressTypeFQDN, "lb.example.com")
	published.Annotations[xccv1.AdditionalHostnamesAnnotation] = "gateway.cluster-a.dev-team.clusters.xcc.test"
	published.Ports = []discoveryv1.EndpointPort{{Name: new("https"), Port: new(int32(443))}}
	g.Expect(cluster.Create(t.Context(), published)).To(Succeed())
	chain := []string{"NOERROR", "lb.example.com.", "lb-1.example.net."}
	server.eventually(g, "the host name was looked up", kuard, dns.TypeA, append(chain[:3:3], "198.51.100.1")...)
	server.eventually(g, "IPv6, too", kuard, dns.TypeAAAA, append(chain[:3:3], "2001:db8::1")...)
	server.eventually(g, "without the wildcard", strings.TrimPrefix(kuard, "kuard."), dns.TypeA, append(chain[:3:3], "198.51.100.1")...)
	service, _, err := new(dns.Client).Exchange(new(dns.Msg).SetQuestion("_https._tcp."+kuard, dns.TypeSRV), server.udp.Addr().String())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(service.Answer).To(HaveLen(1))
	g.Expect(service.Answer[0].(*dns.SRV).Port).To(Equal(uint16(443)))
	g.Expect(service.Answer[0].(*dns.SRV).Target).To(Equal("lb.example.com."))

	node.set("lb.example.com. 1 IN CNAME lb-2.example.net.", "lb-2.example.net. 1 IN A 198.51.100.2", "lb-2.example.net. 1 IN A 198.51.100.3")
	moved := []string{"NOERROR", "lb.example.com.", "lb-2.example.net.", "198.51.100.2", "198.51.100.3"}
	server.eventually(g, "the host name's addresses changed", kuard, dns.TypeA, moved...)

	node.set()
	g.Eventually(func(g Gomega) {
		_, text := get(g, server.scrapes.Addr(), "/metrics")
		g.Expect(text).To(MatchRegexp(fmt.Sprintf("xcc_dns_alias_lookups_total{result=%q} [1-9]", "kept")))
	}, 30*time.Second, 50*time.Millisecond).Should(Succeed(), "lookups fail")
	g.Expect(server.lookup(g, kuard, dns.TypeA)).To(ConsistOf(moved), "the last good addresses are kept")

	published.Endpoints[0].Addresses = []string{"lb.example.org"}
	node.set("lb.example.org. 1 IN A 203.0.113.9")
	g.Expect(cluster.Update(t.Context(), published)).To(Succeed())
	server.eventually(g, "the slice has another host name", kuard, dns.TypeA, "NOERROR", "lb.example.org.", "203.0.113.9")
}

// The same over real sockets for a hostile server behind a host name. Package alias tests all forms
// of hostile answers.
func TestAHostNameCannotLeadPodsToThemselves(t *testing.T) {
	g := NewWithT(t)
	cluster := startAPIServer(t)
	cluster.link.mend(t)
	node, port, resolvConf := startUpstream(t)
	node.set("lb.example.com. 1 IN A 127.0.0.1", "lb.example.com. 1 IN A 169.254.169.254", "lb.example.com. 1 IN A 10.96.0.1",
		"lb.example.com. 1 IN AAAA ::1", "lb.example.com. 1 IN AAAA 64:ff9b::7f00:1", "lb.example.com. 1 IN AAAA 2001:db8::1")
	options := localOptions()
	options.ResolvConf, options.resolverPort, options.DenyAddresses = resolvConf, port, []string{"10.96.0.0/12"}
	server := start(t, cluster.throughLink, options)

	published := slice("gateway", "*.gateway.cluster-a.dev-team.clusters.xcc.test", discoveryv1.AddressTypeFQDN, "lb.example.com")
	g.Expect(cluster.Create(t.Context(), published)).To(Succeed())
	server.eventually(g, "one of the IPv6 addresses is that of a host", kuard, dns.TypeAAAA, "NOERROR", "lb.example.com.", "2001:db8::1")
	server.eventually(g, "none of the IPv4 addresses is", kuard, dns.TypeA, "NOERROR", "lb.example.com.")
	g.Eventually(func(g Gomega) {
		_, text := get(g, server.scrapes.Addr(), "/metrics")
		g.Expect(text).To(MatchRegexp(`xcc_dns_alias_lookups_total{result="refused"} [1-9]`))
	}, 10*time.Second, 50*time.Millisecond).Should(Succeed(), "that is counted")

	t.Log("What the name stands for then is an alias into the zone, for a name of somebody else")
	node.set("lb.example.com. 1 IN CNAME app.gateway.cluster-a.victim.clusters.xcc.test.",
		"app.gateway.cluster-a.victim.clusters.xcc.test. 1 IN A 203.0.113.66")
	server.eventually(g, "the last good answer is kept", kuard, dns.TypeAAAA, "NOERROR", "lb.example.com.", "2001:db8::1")
	g.Consistently(func(g Gomega) {
		g.Expect(server.lookup(g, kuard, dns.TypeA)).NotTo(ContainElement("203.0.113.66"))
	}, 3*time.Second, 50*time.Millisecond).Should(Succeed(), "it is looked up once a second meanwhile")

	t.Log("Literal addresses in a denied range are not served either")
	literal := slice("literal", "literal.xcc.test", discoveryv1.AddressTypeIPv4, "10.96.0.1", "192.0.2.9")
	g.Expect(cluster.Create(t.Context(), literal)).To(Succeed())
	server.eventually(g, "the other address is", "literal.xcc.test.", dns.TypeA, "NOERROR", "192.0.2.9")
}
