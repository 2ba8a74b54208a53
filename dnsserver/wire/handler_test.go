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
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/wire"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// ask sends a query somewhere and returns the response, nil if there is none.
type ask func(g Gomega, query *dns.Msg) *dns.Msg

// targets are what is known of the targets of aliases. A target that is not there is not known yet and never will be.
type targets map[string]*alias.Answer

func (t targets) Cached(target string, qtype uint16) *alias.Answer {
	return t[target+" "+dns.TypeToString[qtype]]
}

func (t targets) Wait(target string, qtype uint16) *alias.Answer {
	if answer := t.Cached(target, qtype); answer != nil {
		return answer
	}
	return &alias.Answer{Rcode: dns.RcodeServerFailure}
}

// knownTargets has what dnstest says of them.
func knownTargets() targets {
	known := targets{}
	for name, answer := range dnstest.Targets() {
		answer.Packed = wire.PackAlias(name[:strings.IndexByte(name, ' ')], answer)
		known[name] = answer
	}
	return known
}

func newHandler(snapshot *zone.Snapshot) *wire.Handler {
	return &wire.Handler{
		Snapshot: func() *zone.Snapshot { return snapshot },
		TTL:      dnstest.TTL,
		Aliases:  knownTargets(),
	}
}

// throughHandler hands the query to the handler as if it came over UDP, and to the part of it that uses the library.
func throughHandler(handler *wire.Handler) ask {
	return func(g Gomega, query *dns.Msg) *dns.Msg {
		packet, err := query.Pack()
		g.Expect(err).NotTo(HaveOccurred())
		return unpacked(g, answer(handler, packet, wire.UDP))
	}
}

func throughLibrary(handler *wire.Handler) ask {
	return func(g Gomega, query *dns.Msg) *dns.Msg {
		packet, err := query.Pack()
		g.Expect(err).NotTo(HaveOccurred())
		return unpacked(g, handler.AnswerWithLibrary(packet, wire.UDP))
	}
}

// answer returns the response as it is sent.
func answer(handler *wire.Handler, packet []byte, transport wire.Transport) []byte {
	query := wire.Query{Packet: packet, Transport: transport, Arrived: time.Now()}
	response, done := handler.Answer(nil, query, &wire.Counters{})
	if !done {
		response = handler.Wait(nil, query, &wire.Counters{})
	}
	return response
}

// unpacked returns nil where there is no response.
func unpacked(g Gomega, packet []byte) *dns.Msg {
	if len(packet) == 0 {
		return nil
	}
	response := new(dns.Msg)
	g.Expect(response.Unpack(packet)).To(Succeed())
	return response
}

// serve answers on real sockets of this machine until the test ends, and returns their addresses.
func serve(t *testing.T, handler *wire.Handler) (udp, tcp string) {
	t.Helper()
	g := NewWithT(t)
	packets, err := wire.ListenUDP(t.Context(), "127.0.0.1:0", 2, handler)
	g.Expect(err).NotTo(HaveOccurred())
	connections, err := wire.ListenTCP(t.Context(), "127.0.0.1:0", handler)
	g.Expect(err).NotTo(HaveOccurred())
	run(t, packets.Serve, packets.Shutdown)
	run(t, connections.Serve, connections.Shutdown)
	return packets.Addr().String(), connections.Addr().String()
}

// run serves until the test ends.
func run(t *testing.T, serve func() error, shutdown func(context.Context) error) {
	t.Helper()
	g := NewWithT(t)
	ended := make(chan error, 1)
	go func() { ended <- serve() }()
	t.Cleanup(func() {
		g.Expect(shutdown(context.WithoutCancel(t.Context()))).To(Succeed())
		g.Expect(<-ended).To(Succeed())
	})
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
	t.Run("library", func(t *testing.T) { check(t, throughLibrary(handler)) })
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

// inOrder returns whether each alias is followed by what is known of its target.
func inOrder(records []dns.RR) bool {
	for i := 1; i < len(records); i++ {
		if alias, ok := records[i-1].(*dns.CNAME); ok && alias.Target != records[i].Header().Name {
			return false
		}
	}
	return true
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
				for _, withOption := range []bool{false, true} {
					query := question("plain.xcc.test.", dns.TypeA)
					test.change(query)
					if withOption && query.IsEdns0() == nil {
						query.SetEdns0(1232, false)
					}
					response := ask(g, query)
					g.Expect(dns.RcodeToString[response.Rcode]).To(Equal(dns.RcodeToString[test.rcode]))
					g.Expect(response.Id).To(Equal(query.Id))
					g.Expect(response.Response).To(BeTrue())
					g.Expect(response.Opcode).To(Equal(query.Opcode))
					g.Expect(response.Authoritative).To(BeFalse())
					g.Expect(response.Answer).To(BeEmpty())
					g.Expect(response.Ns).To(BeEmpty())
					g.Expect(response.IsEdns0() != nil).To(Equal(query.IsEdns0() != nil), "RFC 6891, section 6.1.1")
				}
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

func TestResponsesAreCounted(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := newHandler(dnstest.Snapshot())
	var counters wire.Counters
	for _, query := range []*dns.Msg{
		question("nope.xcc.test.", dns.TypeAAAA), question("plain.xcc.test.", dns.TypeA), question("plain.xcc.test.", dns.TypeA),
		question("plain.xcc.test.", 4711), {},
	} {
		packet, err := query.Pack()
		g.Expect(err).NotTo(HaveOccurred())
		handler.Answer(nil, wire.Query{Packet: packet}, &counters)
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
	handler := newHandler(dnstest.Snapshot())
	var logged []wire.LogEntry
	handler.Log, handler.LogEvery = func(entry wire.LogEntry) { logged = append(logged, entry) }, 3
	client := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 4242}
	var counters wire.Counters
	for _, name := range []string{"a.xcc.test.", "b.xcc.test.", "PLAIN.xcc.test.", "d.xcc.test.", "e.xcc.test.", "xcc.test."} {
		qtype := dns.TypeA
		if name == "xcc.test." {
			qtype = dns.TypeSOA
		}
		packet, err := question(name, qtype).Pack()
		g.Expect(err).NotTo(HaveOccurred())
		handler.Answer(nil, wire.Query{Packet: packet, Client: client, Transport: wire.TCP}, &counters)
	}
	g.Expect(logged).To(HaveLen(2))
	g.Expect(logged[0]).To(Equal(wire.LogEntry{Client: client, Transport: wire.TCP, Name: "PLAIN.xcc.test.", Type: dns.TypeA, Size: 48}))
	g.Expect(logged[1].Name).To(Equal("xcc.test."))
	g.Expect(logged[1].Type).To(Equal(dns.TypeSOA))
}

func TestResponsesAreNotAnswered(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	query := question("plain.xcc.test.", dns.TypeA)
	query.Response = true
	for _, through := range []func(*wire.Handler) ask{throughHandler, throughLibrary} {
		g.Expect(through(newHandler(dnstest.Snapshot()))(g, query)).To(BeNil())
	}
}
