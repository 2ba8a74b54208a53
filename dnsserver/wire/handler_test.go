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

package wire_test

import (
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/wire"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// ask sends a query somewhere and returns the response, nil if there is none.
type ask func(g Gomega, query *dns.Msg) *dns.Msg

// recorder keeps the response that a handler writes, as it arrives at the client.
type recorder struct {
	dns.ResponseWriter
	remote   net.Addr
	response *dns.Msg
	size     int
}

func (r *recorder) RemoteAddr() net.Addr { return r.remote }

func (r *recorder) WriteMsg(response *dns.Msg) error {
	packed, err := response.Pack()
	if err != nil {
		return err
	}
	r.size = len(packed)
	r.response = new(dns.Msg)
	return r.response.Unpack(packed)
}

func newHandler(snapshot *zone.Snapshot) *wire.Handler {
	return &wire.Handler{
		Snapshot: func() *zone.Snapshot { return snapshot },
		TTL:      dnstest.TTL,
		Observe:  func(wire.Observation) {},
	}
}

// throughHandler hands the query to the handler as if it came over UDP.
func throughHandler(handler *wire.Handler) ask {
	return func(_ Gomega, query *dns.Msg) *dns.Msg {
		w := &recorder{remote: &net.UDPAddr{}}
		handler.ServeDNS(w, query)
		return w.response
	}
}

// serve answers on real sockets of this machine until the test ends, and returns their addresses.
func serve(t *testing.T, handler dns.Handler) (udp, tcp string) {
	t.Helper()
	g := NewWithT(t)
	var listen net.ListenConfig
	packets, err := listen.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	connections, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	for _, server := range []*dns.Server{
		{PacketConn: packets, Handler: handler, UDPSize: 4096}, {Listener: connections, Handler: handler},
	} {
		ended := make(chan error, 1)
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			g.Expect(server.Shutdown()).To(Succeed())
			g.Expect(<-ended).To(Succeed())
		})
	}
	return packets.LocalAddr().String(), connections.Addr().String()
}

func over(network, address string) ask {
	return func(g Gomega, query *dns.Msg) *dns.Msg {
		response, _, err := (&dns.Client{Net: network}).Exchange(query, address)
		g.Expect(err).NotTo(HaveOccurred())
		return response
	}
}

// everyWay runs the check through the handler, over UDP and over TCP.
func everyWay(t *testing.T, snapshot *zone.Snapshot, check func(t *testing.T, ask ask)) {
	t.Helper()
	handler := newHandler(snapshot)
	udp, tcp := serve(t, handler)
	t.Run("handler", func(t *testing.T) { check(t, throughHandler(handler)) })
	t.Run("udp", func(t *testing.T) { check(t, over("udp", udp)) })
	t.Run("tcp", func(t *testing.T) { check(t, over("tcp", tcp)) })
}

func question(name string, qtype uint16) *dns.Msg {
	query := new(dns.Msg)
	query.SetQuestion(name, qtype)
	return query
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	everyWay(t, dnstest.Snapshot(), func(t *testing.T, ask ask) {
		t.Helper()
		for _, test := range dnstest.Cases() {
			t.Run(test.About, func(t *testing.T) {
				g := NewWithT(t)
				query := question(test.Query, test.Type)
				response := ask(g, query)
				g.Expect(response.Id).To(Equal(query.Id))
				g.Expect(dns.RcodeToString[response.Rcode]).To(Equal(dns.RcodeToString[test.Rcode]))
				g.Expect(response.Question).To(Equal(query.Question), "the question is repeated as it was spelled")
				g.Expect(response.Authoritative).To(Equal(test.Rcode != dns.RcodeRefused), "AA")
				g.Expect(response.RecursionDesired).To(BeTrue(), "RD is copied")
				g.Expect(response.RecursionAvailable).To(BeFalse(), "RA")
				g.Expect(response.Truncated).To(BeFalse(), "TC")
				g.Expect(texts(response.Answer)).To(ConsistOf(canonical(g, test.Answer)), "answer section")
				g.Expect(texts(response.Ns)).To(ConsistOf(canonical(g, test.Authority)), "authority section")
				g.Expect(texts(response.Extra)).To(ConsistOf(canonical(g, test.Additional)), "additional section")
			})
		}
	})
}

// texts returns records in presentation format.
func texts(records []dns.RR) []string {
	texts := make([]string, 0, len(records))
	for _, record := range records {
		texts = append(texts, record.String())
	}
	return texts
}

// canonical writes records in presentation format as the library would.
func canonical(g Gomega, written []string) []string {
	records := make([]dns.RR, 0, len(written))
	for _, text := range written {
		record, err := dns.NewRR(text)
		g.Expect(err).NotTo(HaveOccurred())
		records = append(records, record)
	}
	return texts(records)
}

func TestQueriesThatAreNotLookedUp(t *testing.T) {
	t.Parallel()
	everyWay(t, dnstest.Snapshot(), func(t *testing.T, ask ask) {
		t.Helper()
		for name, test := range map[string]struct {
			change func(query *dns.Msg)
			rcode  int
		}{
			"a transfer of the zone":          {func(q *dns.Msg) { q.Question[0].Qtype = dns.TypeAXFR }, dns.RcodeRefused},
			"an incremental transfer":         {func(q *dns.Msg) { q.Question[0].Qtype = dns.TypeIXFR }, dns.RcodeRefused},
			"the class CHAOS":                 {func(q *dns.Msg) { q.Question[0].Qclass = dns.ClassCHAOS }, dns.RcodeRefused},
			"any class":                       {func(q *dns.Msg) { q.Question[0].Qclass = dns.ClassANY }, dns.RcodeRefused},
			"a class that is not assigned":    {func(q *dns.Msg) { q.Question[0].Qclass = 4711 }, dns.RcodeRefused},
			"a NOTIFY":                        {func(q *dns.Msg) { q.Opcode = dns.OpcodeNotify }, dns.RcodeNotImplemented},
			"an UPDATE":                       {func(q *dns.Msg) { q.Opcode = dns.OpcodeUpdate }, dns.RcodeNotImplemented},
			"a STATUS":                        {func(q *dns.Msg) { q.Opcode = dns.OpcodeStatus }, dns.RcodeNotImplemented},
			"an opcode that is not assigned":  {func(q *dns.Msg) { q.Opcode = 15 }, dns.RcodeNotImplemented},
			"no question":                     {func(q *dns.Msg) { q.Question = nil }, dns.RcodeFormatError},
			"two questions":                   {func(q *dns.Msg) { q.Question = append(q.Question, q.Question[0]) }, dns.RcodeFormatError},
			"two OPT records":                 {func(q *dns.Msg) { q.SetEdns0(1232, false); q.SetEdns0(1232, false) }, dns.RcodeFormatError},
			"a version of EDNS that is not 0": {func(q *dns.Msg) { q.SetEdns0(1232, false); q.IsEdns0().SetVersion(1) }, dns.RcodeBadVers},
			"a NOTIFY of that version":        {func(q *dns.Msg) { q.Opcode = dns.OpcodeNotify; q.SetEdns0(1232, false); q.IsEdns0().SetVersion(1) }, dns.RcodeNotImplemented},
			"a transfer of a zone not of ours": {func(q *dns.Msg) {
				q.Question[0] = dns.Question{Name: "example.com.", Qtype: dns.TypeAXFR, Qclass: dns.ClassINET}
			}, dns.RcodeRefused},
		} {
			t.Run(name, func(t *testing.T) {
				g := NewWithT(t)
				query := question("plain.xcc.test.", dns.TypeA)
				test.change(query)
				response := ask(g, query)
				g.Expect(dns.RcodeToString[response.Rcode]).To(Equal(dns.RcodeToString[test.rcode]))
				g.Expect(response.Id).To(Equal(query.Id))
				g.Expect(response.Response).To(BeTrue())
				g.Expect(response.Opcode).To(Equal(query.Opcode))
				g.Expect(response.Authoritative).To(BeFalse())
				g.Expect(response.Answer).To(BeEmpty())
				g.Expect(response.Ns).To(BeEmpty())
			})
		}
	})
}

func TestEverythingFailsBeforeTheFirstSync(t *testing.T) {
	t.Parallel()
	everyWay(t, nil, func(t *testing.T, ask ask) {
		t.Helper()
		for _, query := range []*dns.Msg{
			question("plain.xcc.test.", dns.TypeA), question("xcc.test.", dns.TypeSOA), question("example.com.", dns.TypeA),
			question(".", dns.TypeNS),
		} {
			g := NewWithT(t)
			response := ask(g, query)
			g.Expect(response.Rcode).To(Equal(dns.RcodeServerFailure), query.Question[0].String())
			g.Expect(response.Authoritative).To(BeFalse())
			g.Expect(response.Answer).To(BeEmpty())
		}
	})
}

func TestFlagsAreCopiedOrClear(t *testing.T) {
	t.Parallel()
	everyWay(t, dnstest.Snapshot(), func(t *testing.T, ask ask) {
		t.Helper()
		g := NewWithT(t)
		query := question("plain.xcc.test.", dns.TypeA)
		query.RecursionDesired = false
		query.CheckingDisabled, query.AuthenticatedData, query.Authoritative, query.Zero = true, true, true, true
		response := ask(g, query)
		g.Expect(response.RecursionDesired).To(BeFalse())
		g.Expect(response.CheckingDisabled).To(BeTrue(), "RFC 4035, section 3.1.6")
		g.Expect(response.AuthenticatedData).To(BeFalse(), "nothing is signed")
		g.Expect(response.Zero).To(BeFalse())
		g.Expect(response.Authoritative).To(BeTrue())
		g.Expect(response.Answer).To(HaveLen(1))
	})
}

func TestAddressesTakeTurns(t *testing.T) {
	t.Parallel()
	everyWay(t, dnstest.Snapshot(), func(t *testing.T, ask ask) {
		t.Helper()
		g := NewWithT(t)
		first := map[string]int{}
		for range 200 {
			// Clients ask for A and AAAA in turn, which must not fall into step with the rotation.
			answer := ask(g, question("kuard.gateway.cluster-a.dev-team.clusters.xcc.test.", dns.TypeA)).Answer
			ask(g, question("kuard.gateway.cluster-a.dev-team.clusters.xcc.test.", dns.TypeAAAA))
			g.Expect(answer).To(HaveLen(2))
			first[answer[0].(*dns.A).A.String()]++
		}
		g.Expect(first).To(HaveLen(2), "after 200 answers each address was the first")
	})
}

func TestObservation(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var seen []wire.Observation
	handler := newHandler(dnstest.Snapshot())
	handler.Observe = func(o wire.Observation) { seen = append(seen, o) }

	handler.ServeDNS(&recorder{remote: &net.UDPAddr{}}, question("nope.xcc.test.", dns.TypeAAAA))
	handler.ServeDNS(&recorder{remote: &net.TCPAddr{}}, &dns.Msg{})

	g.Expect(seen).To(HaveLen(2))
	g.Expect(seen[0].Duration).To(BeNumerically(">", 0))
	seen[0].Duration, seen[1].Duration = 0, 0
	g.Expect(seen).To(Equal([]wire.Observation{
		{Transport: "udp", Type: dns.TypeAAAA, Rcode: dns.RcodeNameError}, {Transport: "tcp", Rcode: dns.RcodeFormatError},
	}))
}

func TestResponsesAreNotAnswered(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	query := question("plain.xcc.test.", dns.TypeA)
	query.Response = true
	g.Expect(throughHandler(newHandler(dnstest.Snapshot()))(g, query)).To(BeNil())
}

// FuzzHandler gives the handler whatever the library can read as a message.
func FuzzHandler(f *testing.F) {
	for _, test := range dnstest.Cases() {
		packed, err := question(test.Query, test.Type).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
	}
	large := question(dnstest.ManyAddresses, dns.TypeA)
	large.SetEdns0(65535, true)
	packed, err := large.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	handler := newHandler(dnstest.Snapshot())
	f.Fuzz(func(t *testing.T, packet []byte) {
		query := new(dns.Msg)
		if query.Unpack(packet) != nil || query.Response {
			return
		}
		g := NewWithT(t)
		w := &recorder{remote: &net.UDPAddr{}}
		handler.ServeDNS(w, query)
		g.Expect(w.response).NotTo(BeNil(), "a response that can be packed and unpacked")
		g.Expect(w.size).To(BeNumerically("<=", 1232))
		if query.IsEdns0() == nil {
			g.Expect(w.size).To(BeNumerically("<=", 512))
			g.Expect(w.response.IsEdns0()).To(BeNil())
		}
		g.Expect(w.response.Id).To(Equal(query.Id))
		g.Expect(w.response.Response).To(BeTrue())
		for _, record := range w.response.Answer {
			g.Expect(strings.EqualFold(record.Header().Name, query.Question[0].Name)).To(BeTrue())
		}
	})
}
