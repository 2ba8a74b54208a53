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

package answer_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/transport"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/coredns"
)

// The names of dnstest in the reports.
const (
	ipv4Name    = "kuard.gateway.cluster-a.dev-team.clusters.xcc.test."
	ipv6Name    = "kuard.gateway.cluster-d.dev-team.clusters.xcc.test."
	aliasName   = "kuard.gateway.cluster-c.dev-team.clusters.xcc.test."
	serviceName = "_https._tcp.kuard.gateway.cluster-e.dev-team.clusters.xcc.test."
)

// fieldReport is a problem of clients and resolvers with other servers. See
// test/testdata/field/README.md.
type fieldReport struct {
	// source is the public report, as repository#number.
	source string
	// about is the requirement.
	about string
	name  string
	qtype uint16
	// change gives the query its special form.
	change func(msg *dns.Msg)
	rcode  int
	// answers is the number of records in the answer section.
	answers int
	// throughCoreDNS means that the requirement also holds behind CoreDNS, which is between pods
	// and the server.
	throughCoreDNS bool
	// check asserts the rest of the requirement.
	check func(g Gomega, response *dns.Msg)
}

func fieldReports() []fieldReport {
	var all []fieldReport
	for _, reports := range [][]fieldReport{typeReports(), denialReports(), optionReports(), spellingReports(), aliasReports()} {
		all = append(all, reports...)
	}
	return all
}

// typeReports are about types that a name does not have. Clients query for several types and give
// up if one of the answers is an error.
func typeReports() []fieldReport {
	return []fieldReport{
		{source: "pi-hole/FTL#3039", about: "AAAA below a wildcard that has A only", name: ipv4Name, qtype: dns.TypeAAAA, throughCoreDNS: true},
		{source: "apple/container#786", about: "A below a wildcard that has AAAA only", name: ipv6Name, qtype: dns.TypeA, throughCoreDNS: true},
		{source: "openziti/ziti#3077", about: "AAAA of a name of its own", name: "plain.xcc.test.", qtype: dns.TypeAAAA, throughCoreDNS: true},
		{source: "moby/vpnkit#509", about: "SRV of a name without services", name: ipv4Name, qtype: dns.TypeSRV, throughCoreDNS: true},
		{source: "ajeygore/coredns_ui#7", about: "HTTPS, which browsers ask for first", name: ipv4Name, qtype: dns.TypeHTTPS, throughCoreDNS: true},
		{source: "TechnitiumSoftware/DnsServer#569", about: "SVCB", name: ipv4Name, qtype: dns.TypeSVCB, throughCoreDNS: true},
		{source: "weaveworks/weave#588", about: "MX is no error", name: "plain.xcc.test.", qtype: dns.TypeMX, throughCoreDNS: true},
		{source: "netty/netty#11214", about: "CNAME of a name with addresses", name: ipv4Name, qtype: dns.TypeCNAME, throughCoreDNS: true},
		{source: "dns-violations/dnsflagday#90", about: "AAAA at the apex", name: "sub.xcc.test.", qtype: dns.TypeAAAA, throughCoreDNS: true},
		{source: "skynetservices/skydns#37", about: "TXT of a name with addresses", name: "plain.xcc.test.", qtype: dns.TypeTXT, throughCoreDNS: true},
	}
}

// denialReports are about names that hold nothing. By RFC 8020, a resolver may conclude from
// NXDOMAIN that nothing is below the name.
func denialReports() []fieldReport {
	return []fieldReport{
		{source: "jvns/mess-with-dns#8", about: "a name that has names below it exists", name: "clusters.xcc.test.", qtype: dns.TypeA, throughCoreDNS: true},
		{source: "PowerDNS/pdns#127", about: "so it does for ANY", name: "dev-team.clusters.xcc.test.", qtype: dns.TypeANY, throughCoreDNS: true},
		{
			source: "agent-substrate/substrate#922", about: "so it does for NS, which a resolver that minimises names asks for",
			name: "cluster-a.dev-team.clusters.xcc.test.", qtype: dns.TypeNS, throughCoreDNS: true,
		},
		{source: "coredns/coredns#1228", about: "a name between two zones exists", name: "gap.xcc.test.", qtype: dns.TypeSRV, throughCoreDNS: true},
		{
			source: "systemd/systemd#26967", about: "a denial to a query with EDNS", name: "nope.xcc.test.", qtype: dns.TypeA,
			change: func(q *dns.Msg) { q.SetEdns0(1472, false) }, rcode: dns.RcodeNameError, throughCoreDNS: true,
		},
		{
			source: "systemd/systemd#18638", about: "is the same as to one without", name: "nope.xcc.test.", qtype: dns.TypeA,
			rcode: dns.RcodeNameError, throughCoreDNS: true,
		},
		{
			source: "coredns/coredns#6805", about: "a name of nobody's is refused and not denied", name: "www.example.com.", qtype: dns.TypeA, rcode: dns.RcodeRefused,
			check: func(g Gomega, r *dns.Msg) { g.Expect(r.Ns).To(BeEmpty()); g.Expect(r.Authoritative).To(BeFalse()) },
		},
	}
}

// optionReports are about EDNS. A server ignores unknown options (RFC 6891, section 6.1.2).
func optionReports() []fieldReport {
	option := func(size uint16, do bool, options ...dns.EDNS0) func(*dns.Msg) {
		return func(msg *dns.Msg) {
			msg.SetEdns0(size, do)
			msg.IsEdns0().Option = options
		}
	}
	withoutOptions := func(g Gomega, response *dns.Msg) {
		g.Expect(response.IsEdns0()).NotTo(BeNil())
		g.Expect(response.IsEdns0().Option).To(BeEmpty())
	}
	return []fieldReport{
		{
			// A cookie would tell a client of c-ares that CoreDNS sends cookies. It would then drop
			// CoreDNS' own answers, which have none.
			source: "c-ares/c-ares#1081", about: "a cookie is not answered", name: ipv4Name, qtype: dns.TypeA, answers: 2, throughCoreDNS: true,
			change: option(1232, false, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "24a5ac1223344556"}), check: withoutOptions,
		},
		{
			source: "c-ares/c-ares#911", about: "a cookie of client and server is no error", name: ipv4Name, qtype: dns.TypeA, answers: 2, throughCoreDNS: true,
			change: option(1232, false, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "24a5ac12233445560100000000aabbccddeeff0011223344"}), check: withoutOptions,
		},
		{
			source: "dns-violations/dns-violations#58", about: "options of all kinds", name: ipv4Name, qtype: dns.TypeA, answers: 2, throughCoreDNS: true,
			change: option(
				4096, true, &dns.EDNS0_NSID{Code: dns.EDNS0NSID}, &dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE}, &dns.EDNS0_EXPIRE{Code: dns.EDNS0EXPIRE, Empty: true},
				&dns.EDNS0_PADDING{Padding: make([]byte, 64)}, &dns.EDNS0_LOCAL{Code: dns.EDNS0LOCALSTART, Data: []byte{1, 2, 3}},
			), check: withoutOptions,
		},
		{
			source: "coredns/coredns#7011", about: "a client subnet is not refused", name: ipv4Name, qtype: dns.TypeA, answers: 2, throughCoreDNS: true,
			change: option(1232, false, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IPv4(192, 0, 2, 0).To4()}), check: withoutOptions,
		},
		{
			source: "systemd/systemd#11849", about: "a large buffer and DO, which a client that gets none gives up", name: ipv4Name, qtype: dns.TypeA, answers: 2,
			change: option(65494, true), throughCoreDNS: true,
			check: func(g Gomega, r *dns.Msg) {
				withoutOptions(g, r)
				g.Expect(r.IsEdns0().Do()).To(BeTrue())
			},
		},
		{
			source: "c-ares/c-ares#596", about: "OPT is answered with OPT in a denial", name: "nope.xcc.test.", qtype: dns.TypeAAAA, rcode: dns.RcodeNameError,
			change: option(1232, false), check: withoutOptions, throughCoreDNS: true,
		},
		{
			source: "home-assistant/core#52667", about: "and there is none without", name: ipv4Name, qtype: dns.TypeA, answers: 2, throughCoreDNS: true,
			check: func(g Gomega, r *dns.Msg) { g.Expect(r.IsEdns0()).To(BeNil()) },
		},
	}
}

// spellingReports are about the case of names. Resolvers vary it so that answers are harder to
// forge.
func spellingReports() []fieldReport {
	owners := func(name string) func(Gomega, *dns.Msg) {
		return func(g Gomega, r *dns.Msg) {
			g.Expect(r.Question[0].Name).To(Equal(name))
			for _, record := range r.Answer {
				g.Expect(record.Header().Name).To(Equal(name))
			}
		}
	}
	mixed, upper := "KuArD.gAtEwAy.ClUsTeR-a.DeV-tEaM.cLuStErS.xCc.TeSt.", strings.ToUpper(ipv4Name)
	underscore := "a_b.-c-.42." + ipv4Name
	punycode, octets := "xn--bcher-kva."+ipv4Name, `b\195\188cher.`+ipv4Name
	return []fieldReport{
		{source: "angristan/local-dns-resolver#8", about: "a name in mixed case", name: mixed, qtype: dns.TypeA, answers: 2, check: owners(mixed), throughCoreDNS: true},
		{source: "zonemaster/zonemaster#388", about: "a name in upper case", name: upper, qtype: dns.TypeA, answers: 2, check: owners(upper), throughCoreDNS: true},
		{
			source: "zonemaster/zonemaster-engine#382", about: "the names in an SOA do not follow the question's case", name: "XCC.Test.", qtype: dns.TypeSOA, answers: 1,
			check: func(g Gomega, r *dns.Msg) { g.Expect(r.Answer[0].(*dns.SOA).Mbox).To(Equal("hostmaster.xcc.test.")) }, throughCoreDNS: true,
		},
		{source: "PowerDNS/pdns#262", about: "a denial in upper case", name: "NOPE.XCC.TEST.", qtype: dns.TypeA, rcode: dns.RcodeNameError, throughCoreDNS: true},
		{source: "nhairs/nserver#1", about: "names that are no host names", name: underscore, qtype: dns.TypeA, answers: 2, check: owners(underscore), throughCoreDNS: true},
		{source: "nhairs/nserver#1", about: "an international name", name: punycode, qtype: dns.TypeA, answers: 2, check: owners(punycode), throughCoreDNS: true},
		{source: "nhairs/nserver#1", about: "an international name in UTF-8", name: octets, qtype: dns.TypeA, answers: 2, throughCoreDNS: true},
	}
}

// aliasReports are about answers with aliases for stub resolvers.
func aliasReports() []fieldReport {
	first := func(g Gomega, r *dns.Msg) {
		g.Expect(r.Answer[0]).To(BeAssignableToTypeOf(&dns.CNAME{}))
		g.Expect(inOrder(r.Answer)).To(BeTrue(), "each alias is in front of its target")
	}
	return []fieldReport{
		{source: "skynetservices/skydns#217", about: "an alias is in front of the addresses", name: aliasName, qtype: dns.TypeA, answers: 3, check: first, throughCoreDNS: true},
		{source: "PowerDNS/pdns#4339", about: "so is each of a chain", name: "chain.xcc.test.", qtype: dns.TypeA, answers: 5, check: first, throughCoreDNS: true},
		{source: "AdguardTeam/AdGuardHome#4540", about: "so is each within the zone", name: "alias2.xcc.test.", qtype: dns.TypeA, answers: 3, check: first, throughCoreDNS: true},
		{source: "netty/netty#7359", about: "an alias comes with the addresses of its target", name: aliasName, qtype: dns.TypeAAAA, answers: 2, check: first, throughCoreDNS: true},
		{
			source: "hashicorp/consul#1217", about: "an alias for a name without the type has an SOA", name: "alias.xcc.test.", qtype: dns.TypeAAAA, answers: 1, throughCoreDNS: true,
			check: func(g Gomega, r *dns.Msg) { g.Expect(r.Ns).To(HaveLen(1)) },
		},
		{
			source: "NLnetLabs/unbound#870", about: "CNAME of an alias whose target does not exist is no error", name: "dangling.xcc.test.", qtype: dns.TypeCNAME, answers: 1,
			throughCoreDNS: true,
		},
	}
}

// expect asserts the requirement.
func (r fieldReport) expect(g Gomega, ask ask) {
	msg := dnstest.Question(r.name, r.qtype)
	if r.change != nil {
		r.change(msg)
	}
	response := ask(g, msg)
	about := r.source + ": " + r.about
	g.Expect(response).NotTo(BeNil(), about)
	g.Expect(dns.RcodeToString[response.Rcode]).To(Equal(dns.RcodeToString[r.rcode]), about)
	g.Expect(response.Answer).To(HaveLen(r.answers), about)
	if r.rcode != dns.RcodeRefused {
		g.Expect(response.Authoritative).To(BeTrue(), about)
		if r.answers == 0 {
			// RFC 2308, section 3. Without an SOA record, a resolver may repeat the query or
			// mistake the answer for a referral.
			g.Expect(response.Ns).To(HaveLen(1), about)
			g.Expect(response.Ns[0]).To(BeAssignableToTypeOf(&dns.SOA{}), about)
		}
	}
	if r.check != nil {
		r.check(g, response)
	}
}

func TestReportsFromTheField(t *testing.T) {
	t.Parallel()
	everyWay(t, dnstest.Snapshot(), func(t *testing.T, ask ask) {
		t.Helper()
		for _, report := range fieldReports() {
			report.expect(NewWithT(t), ask)
		}
	})
}

// TestReportsFromTheFieldThroughCoreDNS queries as pods do. CoreDNS parses and writes each message
// with its own library.
func TestReportsFromTheFieldThroughCoreDNS(t *testing.T) {
	t.Parallel()
	if !coredns.Isolated(t) {
		return
	}
	for name, options := range map[string]string{"udp": "max_concurrent 1000", "tcp": "force_tcp"} {
		t.Run("to the server over "+name, func(t *testing.T) {
			t.Parallel()
			network := behindCoreDNS(t, options)
			for _, transport := range []string{"udp", "tcp"} {
				ask := func(g Gomega, msg *dns.Msg) *dns.Msg {
					response, err := network.Exchange("10.0.0.10:53", transport, msg)
					g.Expect(err).NotTo(HaveOccurred())
					return response
				}
				for _, report := range fieldReports() {
					if report.throughCoreDNS {
						report.expect(NewWithT(t), ask)
					}
				}
			}
		})
	}
}

// behindCoreDNS returns a network in which CoreDNS serves 10.0.0.10:53 and forwards to the server
// with these options.
func behindCoreDNS(t *testing.T, options string) *coredns.Network {
	t.Helper()
	g := NewWithT(t)
	network := coredns.NewNetwork(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	var packets *transport.UDPServer
	var connections *transport.TCPServer
	var err error
	network.Do(func() {
		if packets, err = transport.ListenUDP(t.Context(), "10.96.0.53:53", 1, handler); err == nil {
			connections, err = transport.ListenTCP(t.Context(), "10.96.0.53:53", handler)
		}
	})
	g.Expect(err).NotTo(HaveOccurred())
	dnstest.Run(t, packets.Serve, packets.Shutdown)
	dnstest.Run(t, connections.Serve, connections.Shutdown)
	folder := t.TempDir()
	text := fmt.Sprintf("xcc.test:53 {\n    bind 10.0.0.10\n    errors\n    forward . 10.96.0.53 {\n        %s\n    }\n}\n", options)
	g.Expect(os.WriteFile(filepath.Join(folder, "Corefile"), []byte(text), 0o600)).To(Succeed())
	server, output := network.Start(t, folder)
	g.Expect(server).NotTo(BeNil(), strings.Join(output, "\n"))
	return network
}

// golang/go#27546, golang/go#36718, d2iq-archive/mesos-dns#530: RFC 2782 forbids compression of the
// target of an SRV record, and Go's resolver rejected compressed ones.
func TestTargetsOfServicesAreNotCompressed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	target := make([]byte, 255)
	size, err := dns.PackDomainName(strings.TrimPrefix(serviceName, "_https._tcp."), target, 0, nil, false)
	g.Expect(err).NotTo(HaveOccurred())
	packet, err := dnstest.Question(serviceName, dns.TypeSRV).Pack()
	g.Expect(err).NotTo(HaveOccurred())
	data := binary.BigEndian.AppendUint16([]byte{0, 0, 0, 0}, 30443)
	for _, sent := range [][]byte{respond(handler, packet, query.UDP), handler.AnswerWithLibrary(packet, query.UDP)} {
		g.Expect(string(sent)).To(ContainSubstring(string(append(data, target[:size]...))))
	}
}

// weaveworks/weave#1306, coredns/coredns#2224, golang/go#11070: if an answer is too large for a
// client without EDNS, the response is a whole message with as many compressed records as fit, and
// not the first 512 octets of a larger one. musl uses these records and does not retry
// (coredns/coredns#6149).
func TestLargeAnswersToOldClients(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	for name, addresses := range map[string]int{dnstest.ManyAddresses: 30, dnstest.AliasToMany[0]: 28, dnstest.AliasToMany[1]: 25} {
		packet, err := dnstest.Question(name, dns.TypeA).Pack()
		g.Expect(err).NotTo(HaveOccurred())
		for _, sent := range [][]byte{respond(handler, packet, query.UDP), handler.AnswerWithLibrary(packet, query.UDP)} {
			g.Expect(len(sent)).To(BeNumerically("<=", dns.MinMsgSize), name)
			response := unpacked(g, sent)
			g.Expect(response.Truncated).To(BeTrue(), name)
			found := 0
			for _, record := range response.Answer {
				if record.Header().Rrtype == dns.TypeA {
					found++
				}
			}
			g.Expect(found).To(BeNumerically(">=", addresses), name)
		}
		whole := respond(handler, packet, query.TCP)
		g.Expect(len(whole)).To(BeNumerically("<", 2048), "musl 1.2.5 reads 4,800 octets over TCP")
		g.Expect(len(unpacked(g, whole).Answer)).To(BeNumerically(">=", dnstest.ManyCount))
	}
}

// kubernetes/kubernetes#56903, coredns/coredns#1752, coredns/coredns#2802: glibc and musl query for
// A and AAAA from one socket at once, and wait for both.
func TestTwoQueriesFromOneSocket(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	udp, _ := dnstest.Serve(t, dnstest.NewHandler(dnstest.Snapshot()))
	conn, err := dns.DialTimeout("udp", udp, time.Minute)
	g.Expect(err).NotTo(HaveOccurred())
	defer conn.Close()
	g.Expect(conn.SetDeadline(time.Now().Add(time.Minute))).To(Succeed())
	for range 50 {
		asked := map[uint16]uint16{}
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			msg := dnstest.Question(ipv4Name, qtype)
			asked[msg.Id] = qtype
			g.Expect(conn.WriteMsg(msg)).To(Succeed())
		}
		for len(asked) > 0 {
			response, err := conn.ReadMsg()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(response.Question[0].Qtype).To(Equal(asked[response.Id]))
			g.Expect(response.Rcode).To(Equal(dns.RcodeSuccess))
			delete(asked, response.Id)
		}
	}
}

// kubernetes/dns#538, coredns/coredns#3659: NodeLocal DNSCache may close its direction right after
// the query, and still expects the answer.
func TestQueryOfAClientThatClosesItsEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	_, tcp := dnstest.Serve(t, dnstest.NewHandler(dnstest.Snapshot()))
	conn, err := dns.DialTimeout("tcp", tcp, time.Minute)
	g.Expect(err).NotTo(HaveOccurred())
	defer conn.Close()
	g.Expect(conn.SetDeadline(time.Now().Add(time.Minute))).To(Succeed())
	g.Expect(conn.WriteMsg(dnstest.Question(dnstest.ManyAddresses, dns.TypeA))).To(Succeed())
	g.Expect(conn.Conn.(*net.TCPConn).CloseWrite()).To(Succeed())
	response, err := conn.ReadMsg()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(response.Answer).To(HaveLen(dnstest.ManyCount))
}

// coredns/coredns#4256: RFC 4592, section 2.2.2: a wildcard that is an empty non-terminal covers
// other names, and holds nothing.
func TestAWildcardInTheMiddleOfAName(t *testing.T) {
	t.Parallel()
	snapshot := dnstest.Snapshot().With([]zone.Record{{Name: "f.*.e.xcc.test", Addresses: dnstest.Records()[0].Addresses}}, time.Unix(2000, 0))
	everyWay(t, snapshot, func(t *testing.T, ask ask) {
		t.Helper()
		g := NewWithT(t)
		for name, rcode := range map[string]int{
			"something.e.xcc.test.": dns.RcodeSuccess, "*.e.xcc.test.": dns.RcodeSuccess, "e.xcc.test.": dns.RcodeSuccess, "x.f.*.e.xcc.test.": dns.RcodeNameError,
			// The closest encloser is *.e, and no wildcard is below it.
			"g.*.e.xcc.test.": dns.RcodeNameError,
		} {
			response := ask(g, dnstest.Question(name, dns.TypeA))
			g.Expect(dns.RcodeToString[response.Rcode]).To(Equal(dns.RcodeToString[rcode]), name)
			g.Expect(response.Answer).To(BeEmpty(), name)
		}
		g.Expect(ask(g, dnstest.Question("f.*.e.xcc.test.", dns.TypeA)).Answer).To(HaveLen(2))
	})
}
