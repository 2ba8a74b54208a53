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

package alias

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// hostile are answers of a hostile server for a host name, as records in presentation format.
var hostile = map[string]struct {
	qtype  uint16
	answer []string
	// want is the answer as text, "unreliable" if the response counts as a failure.
	want string
	ttl  uint32
}{
	"loopback":                        {dns.TypeA, []string{"lb.example.com. 60 IN A 127.0.0.1"}, "NOERROR", 30},
	"metadata":                        {dns.TypeA, []string{"lb.example.com. 60 IN A 169.254.169.254"}, "NOERROR", 30},
	"metadata that is not link-local": {dns.TypeA, []string{"lb.example.com. 60 IN A 100.100.100.200"}, "NOERROR", 30},
	"the unspecified address":         {dns.TypeA, []string{"lb.example.com. 60 IN A 0.0.0.0"}, "NOERROR", 30},
	"multicast":                       {dns.TypeA, []string{"lb.example.com. 60 IN A 239.1.1.1"}, "NOERROR", 30},
	"broadcast":                       {dns.TypeA, []string{"lb.example.com. 60 IN A 255.255.255.255"}, "NOERROR", 30},
	"loopback, IPv6":                  {dns.TypeAAAA, []string{"lb.example.com. 60 IN AAAA ::1"}, "NOERROR", 30},
	"unspecified, IPv6":               {dns.TypeAAAA, []string{"lb.example.com. 60 IN AAAA ::"}, "NOERROR", 30},
	"link-local, IPv6":                {dns.TypeAAAA, []string{"lb.example.com. 60 IN AAAA fe80::1"}, "NOERROR", 30},
	"loopback in IPv6 notation":       {dns.TypeAAAA, []string{"lb.example.com. 60 IN AAAA ::ffff:127.0.0.1"}, "NOERROR", 30},
	"loopback through NAT64":          {dns.TypeAAAA, []string{"lb.example.com. 60 IN AAAA 64:ff9b::7f00:1"}, "NOERROR", 30},
	"another host through NAT64":      {dns.TypeAAAA, []string{"lb.example.com. 60 IN AAAA 64:ff9b::c633:6401"}, "NOERROR 64:ff9b::c633:6401", 60},
	"a denied range":                  {dns.TypeA, []string{"lb.example.com. 60 IN A 10.96.0.1"}, "NOERROR", 30},
	"a good one among bad ones": {dns.TypeA, []string{
		"lb.example.com. 60 IN A 127.0.0.1", "lb.example.com. 60 IN A 198.51.100.1", "lb.example.com. 60 IN A 169.254.0.1",
	}, "NOERROR 198.51.100.1", 60},
	"loopback behind an alias": {dns.TypeA, []string{"lb.example.com. 60 IN CNAME a.test.", "a.test. 60 IN A 127.0.0.1"}, "NOERROR", 30},
	"an alias into our zone": {dns.TypeA, []string{
		"lb.example.com. 60 IN CNAME kuard.gateway.a.victim.clusters.XCC.test.", "kuard.gateway.a.victim.clusters.xcc.test. 60 IN A 203.0.113.66",
	}, "unreliable", 0},
	"our zone itself":              {dns.TypeA, []string{"lb.example.com. 60 IN CNAME xcc.test.", "xcc.test. 60 IN A 203.0.113.66"}, "unreliable", 0},
	"a name beside our zone":       {dns.TypeA, []string{"lb.example.com. 60 IN CNAME notxcc.test.", "notxcc.test. 60 IN A 198.51.100.1"}, "NOERROR 198.51.100.1", 60},
	"an alias for itself":          {dns.TypeA, []string{"lb.example.com. 60 IN CNAME LB.example.com."}, "unreliable", 0},
	"addresses of other names":     {dns.TypeA, []string{"kuard.gateway.a.victim.clusters.xcc.test. 60 IN A 203.0.113.66", "lb.example.com. 60 IN A 198.51.100.1"}, "NOERROR 198.51.100.1", 60},
	"another class":                {dns.TypeA, []string{"lb.example.com. 60 CH A 198.51.100.1"}, "NOERROR", 5},
	"the same address many times":  {dns.TypeA, slicesOf(300, func(int) string { return "lb.example.com. 60 IN A 198.51.100.1" }), "NOERROR 198.51.100.1", 60},
	"a TTL of 0":                   {dns.TypeA, []string{"lb.example.com. 0 IN A 198.51.100.1"}, "NOERROR 198.51.100.1", 1},
	"a TTL with the highest bit":   {dns.TypeA, []string{"lb.example.com. 2147483648 IN A 198.51.100.1"}, "NOERROR 198.51.100.1", maxTTL},
	"the highest TTL that may be":  {dns.TypeA, []string{"lb.example.com. 4294967295 IN A 198.51.100.1"}, "NOERROR 198.51.100.1", maxTTL},
	"refused, and for a long time": {dns.TypeA, []string{"lb.example.com. 4294967295 IN A 127.0.0.1"}, "NOERROR", 30},
}

func slicesOf(n int, text func(int) string) []string {
	var all []string
	for i := range n {
		all = append(all, text(i))
	}
	return all
}

func denying(ranges ...string) netaddr.Judge {
	var denied []netip.Prefix
	for _, text := range ranges {
		denied = append(denied, netip.MustParsePrefix(text))
	}
	return netaddr.NewJudge(denied)
}

// Each response goes over a real socket, so a message can carry it.
func TestWhoAnswersForAHostNameIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, test := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			port := startResolver(t, "127.0.0.1", 0, func(w dns.ResponseWriter, query *dns.Msg) {
				response := new(dns.Msg).SetReply(query)
				response.Answer = records(g, test.answer)
				response.Truncated = w.RemoteAddr().Network() == "udp" && response.Len() > udpSize
				if response.Truncated {
					response.Answer = nil
				}
				_ = w.WriteMsg(response)
			})
			u := upstreamOf(t, port, "127.0.0.1")
			resolver := New(Options{
				ResolvConf: u.path, Port: u.port, MaxStale: time.Hour, Judge: denying("10.96.0.0/12"), Zones: []string{"other.test", "xcc.test"},
				Pack: func(string, *Answer) []byte { return nil }, Observe: func(Outcome) {},
			})
			defer resolver.Close()
			response, err := u.ask(t.Context(), balancer, test.qtype)
			g.Expect(err).NotTo(HaveOccurred())
			answer, ok := resolver.reader.read(response, balancer, test.qtype)
			if !ok {
				g.Expect("unreliable").To(Equal(test.want))
			} else {
				g.Expect(say(answer)).To(Equal(test.want))
				g.Expect(answer.ttl).To(Equal(time.Duration(test.ttl) * time.Second))
			}
			resolver.Follow(balancer)
			served := resolver.Wait(balancer, test.qtype)
			g.Expect(say(served)).To(Equal(strings.Replace(test.want, "unreliable", "SERVFAIL", 1)))
		})
	}
}

func TestAnAnswerOfVeryManyRecordsIsBounded(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	long := strings.Repeat(strings.Repeat("a", 63)+".", 3) + "example.com."
	huge := new(dns.Msg)
	for i := range 4000 {
		huge.Answer = append(huge.Answer, &dns.A{Hdr: dns.RR_Header{Name: long, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: ip(i)})
	}
	answer, ok := reader{}.read(huge, long, dns.TypeA)
	g.Expect(ok).To(BeTrue())
	g.Expect(answer.Addresses).To(HaveLen(maxAddresses))
	for i := range huge.Answer {
		huge.Answer[i].(*dns.A).A = net.IPv4(127, 0, byte(i>>8), byte(i))
	}
	answer, ok = reader{}.read(huge, long, dns.TypeA)
	g.Expect(ok).To(BeTrue())
	g.Expect(answer.Addresses).To(BeEmpty())
	g.Expect(answer.refused).To(Equal(refused{maxRecords, netip.MustParseAddr("127.0.0.0"), "a loopback address"}), "they are counted, not kept")
}

func ip(i int) net.IP { return net.IPv4(198, 18, byte(i>>8), byte(i)) }

func TestRefusedAddressesAreToldInFewLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		w := newWorld(map[string][]string{balancer: {"lb.example.com. 1 IN A 127.0.0.1", "lb.example.com. 1 IN A 127.0.0.2"}})
		var lines []string
		w.refused.log = func(target string, address netip.Addr, reason string, others int) {
			lines = append(lines, fmt.Sprintf("%s %s %s %d", target, address, reason, others))
		}
		defer w.Close()
		w.Follow(balancer)
		synctest.Wait()
		g.Expect(w.cached()).To(Equal("NOERROR"))
		g.Expect(lines).To(Equal([]string{"lb.example.com 127.0.0.1 a loopback address 1"}))
		w.use(100, func() { w.cached() })
		g.Expect(len(lines)).To(BeNumerically("~", 10, 1))
		g.Expect(lines[1]).To(MatchRegexp(`^lb\.example\.com 127\.0\.0\.1 a loopback address [1-9][0-9]$`))
		g.Expect(w.results()).To(HaveKey(Refused))
		g.Expect(w.results()).NotTo(HaveKey(Found))
	})
}

// A refused answer replaces the addresses before it: the target is known to have moved.
func TestARefusedAnswerReplacesAGoodOne(t *testing.T) {
	inWorld(t, []string{"lb.example.com. 10 IN A 198.51.100.1"}, func(g *WithT, w *world) {
		g.Expect(w.cached()).To(Equal("NOERROR 198.51.100.1"))
		w.set(func(w *world) { w.records[balancer] = []string{"lb.example.com. 10 IN A 127.0.0.1"} })
		w.use(10, func() { w.cached() })
		g.Expect(w.cached()).To(Equal("NOERROR"))
		w.set(func(w *world) { w.records[balancer] = []string{"lb.example.com. 10 IN A 198.51.100.2"} })
		w.use(31, func() { w.cached() })
		g.Expect(w.cached()).To(Equal("NOERROR 198.51.100.2"))
	})
}

// FuzzRead reads responses of a resolver and checks the bounds of the result.
func FuzzRead(f *testing.F) {
	for _, test := range hostile {
		message := new(dns.Msg).SetQuestion(balancer+".", test.qtype)
		message.Response = true
		for _, text := range test.answer {
			record, err := dns.NewRR(text)
			if err != nil {
				f.Fatal(err)
			}
			message.Answer = append(message.Answer, record)
		}
		packed, err := message.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed, test.qtype == dns.TypeA)
	}
	judge := denying("10.96.0.0/12")
	resolver := New(Options{Judge: judge, Zones: []string{"xcc.test"}})
	f.Fuzz(func(t *testing.T, packet []byte, isA bool) {
		message := new(dns.Msg)
		if message.Unpack(packet) != nil {
			return
		}
		qtype := dns.TypeAAAA
		if isA {
			qtype = dns.TypeA
		}
		answer, ok := resolver.reader.read(message, balancer, qtype)
		if !ok {
			return
		}
		if len(answer.Addresses) > maxAddresses || len(answer.Chain) > maxChain || answer.ttl < time.Second || answer.ttl > maxTTL*time.Second {
			t.Fatalf("beyond the bounds: %+v", answer)
		}
		for _, address := range answer.Addresses {
			if judge.Refuse(address) != "" || isA != address.Is4() {
				t.Fatalf("%s is served", address)
			}
		}
		for _, name := range answer.Chain {
			if dns.IsSubDomain("xcc.test.", name) {
				t.Fatalf("the chain leads to %s", name)
			}
		}
	})
}
