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
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// ask sends a query and returns the response, nil if there is none.
type ask func(g Gomega, msg *dns.Msg) *dns.Msg

// throughHandler hands queries to the handler as if they came over UDP.
func throughHandler(handler *answer.Handler) ask {
	return func(g Gomega, msg *dns.Msg) *dns.Msg {
		packet, err := msg.Pack()
		g.Expect(err).NotTo(HaveOccurred())
		return unpacked(g, respond(handler, packet, query.UDP))
	}
}

// throughLibrary hands queries to the second implementation, which uses the library.
func throughLibrary(handler *answer.Handler) ask {
	return func(g Gomega, msg *dns.Msg) *dns.Msg {
		packet, err := msg.Pack()
		g.Expect(err).NotTo(HaveOccurred())
		return unpacked(g, handler.AnswerWithLibrary(packet, query.UDP))
	}
}

// respond returns the response as it is sent.
func respond(handler *answer.Handler, packet []byte, transport query.Transport) []byte {
	q := query.Query{Packet: packet, Transport: transport, Arrived: time.Now(), Counters: &query.Counters{}}
	response, done := handler.Answer(nil, q)
	if !done {
		q.Patience = query.Wait
		response, _ = handler.Answer(nil, q)
	}
	return response
}

// unpacked returns nil if there is no response.
func unpacked(g Gomega, packet []byte) *dns.Msg {
	if len(packet) == 0 {
		return nil
	}
	response := new(dns.Msg)
	g.Expect(response.Unpack(packet)).To(Succeed(), "%x", packet)
	return response
}

// everyWay runs the check through the handler, through the library, over UDP and over TCP.
func everyWay(t *testing.T, snapshot *zone.Snapshot, check func(t *testing.T, ask ask)) {
	t.Helper()
	handler := dnstest.NewHandler(snapshot)
	udp, tcp := dnstest.Serve(t, handler)
	t.Run("handler", func(t *testing.T) { check(t, throughHandler(handler)) })
	t.Run("library", func(t *testing.T) { check(t, throughLibrary(handler)) })
	t.Run("udp", func(t *testing.T) { check(t, dnstest.Over("udp", udp)) })
	t.Run("tcp", func(t *testing.T) { check(t, dnstest.Over("tcp", tcp)) })
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	everyWay(t, dnstest.Snapshot(), func(t *testing.T, ask ask) {
		t.Helper()
		for _, test := range dnstest.Cases() {
			t.Run(test.About, func(t *testing.T) {
				g := NewWithT(t)
				msg := dnstest.Question(test.Query, test.Type)
				response := ask(g, msg)
				g.Expect(response.Id).To(Equal(msg.Id))
				g.Expect(dns.RcodeToString[response.Rcode]).To(Equal(dns.RcodeToString[test.Rcode]))
				g.Expect(response.Question).To(Equal(msg.Question), "the question is repeated as it was spelled")
				g.Expect(response.Authoritative).To(Equal(test.Rcode != dns.RcodeRefused && test.Rcode != dns.RcodeServerFailure), "AA")
				g.Expect(response.RecursionDesired).To(BeTrue(), "RD is copied")
				g.Expect(response.RecursionAvailable).To(BeFalse(), "RA")
				g.Expect(response.Truncated).To(BeFalse(), "TC")
				g.Expect(texts(response.Answer)).To(ConsistOf(canonical(g, test.Answer)), "answer section")
				g.Expect(inOrder(response.Answer)).To(BeTrue(), "an alias comes before its target")
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

// inOrder returns whether the records of its target follow each alias.
func inOrder(records []dns.RR) bool {
	for i := 1; i < len(records); i++ {
		if alias, ok := records[i-1].(*dns.CNAME); ok && alias.Target != records[i].Header().Name {
			return false
		}
	}
	return true
}

// canonical converts records to the library's presentation format.
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
			change func(msg *dns.Msg)
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
				for _, withOption := range []bool{false, true} {
					msg := dnstest.Question("plain.xcc.test.", dns.TypeA)
					test.change(msg)
					if withOption && msg.IsEdns0() == nil {
						msg.SetEdns0(1232, false)
					}
					response := ask(g, msg)
					g.Expect(dns.RcodeToString[response.Rcode]).To(Equal(dns.RcodeToString[test.rcode]))
					g.Expect(response.Id).To(Equal(msg.Id))
					g.Expect(response.Response).To(BeTrue())
					g.Expect(response.Opcode).To(Equal(msg.Opcode))
					g.Expect(response.Authoritative).To(BeFalse())
					g.Expect(response.Answer).To(BeEmpty())
					g.Expect(response.Ns).To(BeEmpty())
					g.Expect(response.IsEdns0() != nil).To(Equal(msg.IsEdns0() != nil), "RFC 6891, section 6.1.1")
				}
			})
		}
	})
}

func TestEverythingFailsBeforeTheFirstSync(t *testing.T) {
	t.Parallel()
	everyWay(t, nil, func(t *testing.T, ask ask) {
		t.Helper()
		for _, msg := range []*dns.Msg{
			dnstest.Question("plain.xcc.test.", dns.TypeA), dnstest.Question("xcc.test.", dns.TypeSOA), dnstest.Question("example.com.", dns.TypeA),
			dnstest.Question(".", dns.TypeNS),
		} {
			g := NewWithT(t)
			response := ask(g, msg)
			g.Expect(response.Rcode).To(Equal(dns.RcodeServerFailure), msg.Question[0].String())
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
		msg := dnstest.Question("plain.xcc.test.", dns.TypeA)
		msg.RecursionDesired = false
		msg.CheckingDisabled, msg.AuthenticatedData, msg.Authoritative, msg.Zero = true, true, true, true
		response := ask(g, msg)
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
			// Clients query for A and AAAA in turn, which must not fall into step with the
			// rotation.
			answer := ask(g, dnstest.Question("kuard.gateway.cluster-a.dev-team.clusters.xcc.test.", dns.TypeA)).Answer
			ask(g, dnstest.Question("kuard.gateway.cluster-a.dev-team.clusters.xcc.test.", dns.TypeAAAA))
			g.Expect(answer).To(HaveLen(2))
			first[answer[0].(*dns.A).A.String()]++
		}
		g.Expect(first).To(HaveLen(2), "after 200 answers each address was the first")
	})
}

func TestResponsesAreCounted(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	var counters query.Counters
	for _, msg := range []*dns.Msg{
		dnstest.Question("nope.xcc.test.", dns.TypeAAAA), dnstest.Question("plain.xcc.test.", dns.TypeA), dnstest.Question("plain.xcc.test.", dns.TypeA),
		dnstest.Question("plain.xcc.test.", 4711), {},
	} {
		packet, err := msg.Pack()
		g.Expect(err).NotTo(HaveOccurred())
		handler.Answer(nil, query.Query{Packet: packet, Counters: &counters})
	}
	counted := map[string]uint64{}
	counters.Responses(func(qtype uint16, rcode int, count uint64) {
		if count > 0 {
			counted[dns.Type(qtype).String()+" "+dns.RcodeToString[rcode]] = count
		}
	})
	g.Expect(counted).To(Equal(map[string]uint64{"AAAA NXDOMAIN": 1, "A NOERROR": 2, "None NOERROR": 1, "None FORMERR": 1}))
}

func TestOneInSoManyQueriesIsLogged(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot())
	var logged []answer.LogEntry
	handler.Log, handler.LogEvery = func(entry answer.LogEntry) { logged = append(logged, entry) }, 3
	client := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 4242}
	var counters query.Counters
	for _, name := range []string{"a.xcc.test.", "b.xcc.test.", "PLAIN.xcc.test.", "d.xcc.test.", "e.xcc.test.", "xcc.test."} {
		qtype := dns.TypeA
		if name == "xcc.test." {
			qtype = dns.TypeSOA
		}
		packet, err := dnstest.Question(name, qtype).Pack()
		g.Expect(err).NotTo(HaveOccurred())
		handler.Answer(nil, query.Query{Packet: packet, Client: client, Transport: query.TCP, Counters: &counters})
	}
	g.Expect(logged).To(HaveLen(2))
	g.Expect(logged[0]).To(Equal(answer.LogEntry{Client: client, Transport: query.TCP, Name: "PLAIN.xcc.test.", Type: dns.TypeA, Size: 48}))
	g.Expect(logged[1].Name).To(Equal("xcc.test."))
	g.Expect(logged[1].Type).To(Equal(dns.TypeSOA))
}

func TestResponsesAreNotAnswered(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	msg := dnstest.Question("plain.xcc.test.", dns.TypeA)
	msg.Response = true
	for _, through := range []func(*answer.Handler) ask{throughHandler, throughLibrary} {
		g.Expect(through(dnstest.NewHandler(dnstest.Snapshot()))(g, msg)).To(BeNil())
	}
}
