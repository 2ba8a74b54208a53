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
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// drawn counts the answers for a name by their first address.
func drawn(g Gomega, handler *answer.Handler, name string, qtype uint16, draws int) map[string]int {
	packet, err := dnstest.Question(name, qtype).Pack()
	g.Expect(err).NotTo(HaveOccurred())
	counts := map[string]int{}
	for range draws {
		response := unpacked(g, respond(handler, packet, query.UDP))
		g.Expect(response.Answer).To(HaveLen(1), "one cluster for each answer")
		switch record := response.Answer[0].(type) {
		case *dns.A:
			counts[record.A.String()]++
		case *dns.AAAA:
			counts[record.AAAA.String()]++
		}
	}
	return counts
}

// TestAnswersAreInProportionToTheWeights draws 10,000 answers of each type, and allows 4 standard
// deviations: one run in 1,000 would exceed 3 of them for one of ten counts.
func TestAnswersAreInProportionToTheWeights(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	const draws, clusters = 10_000, 5
	handler := dnstest.NewHandler(dnstest.Snapshot().With([]zone.Record{sharedBy("*.weighted.xcc.test", clusters)}, time.Unix(2000, 0)))
	ipv4, ipv6 := drawn(g, handler, "a.weighted.xcc.test.", dns.TypeA, draws), drawn(g, handler, "a.weighted.xcc.test.", dns.TypeAAAA, draws)
	total := 0
	for i := range clusters {
		total += 1 + i
	}
	for i := range clusters {
		share := float64(1+i) / float64(total)
		tolerance := 4 * math.Sqrt(draws*share*(1-share))
		g.Expect(ipv4[netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}).String()]).To(BeNumerically("~", draws*share, tolerance), "cluster %d", i)
		g.Expect(ipv6[netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(i)}).String()]).To(BeNumerically("~", draws*share, tolerance), "cluster %d", i)
	}
}

func TestChoicesOfWeightZeroAreEquallyLikely(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	const draws = 1_000
	record := sharedBy("*.weightless.xcc.test", 2)
	for i := range record.Choices.All {
		record.Choices.All[i].Weight = 0
	}
	handler := dnstest.NewHandler(dnstest.Snapshot().With([]zone.Record{record}, time.Unix(2000, 0)))
	counts := drawn(g, handler, "a.weightless.xcc.test.", dns.TypeA, draws)
	tolerance := 4 * math.Sqrt(draws*0.25)
	g.Expect(counts["10.0.1.0"]).To(BeNumerically("~", draws/2, tolerance))
	g.Expect(counts["10.0.1.1"]).To(BeNumerically("~", draws/2, tolerance))
}

// marks counts the queries for a name.
type marks struct{ count int }

func (m *marks) Mark() { m.count++ }

func TestQueriesForAProbedNameAreNoted(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	noted := &marks{}
	record := sharedBy("*.noted.xcc.test", 2)
	record.Choices.Usage = noted
	handler := dnstest.NewHandler(dnstest.Snapshot().With([]zone.Record{record}, time.Unix(2000, 0)))
	for i, question := range []*dns.Msg{
		dnstest.Question("a.noted.xcc.test.", dns.TypeA), dnstest.Question("a.noted.xcc.test.", dns.TypeAAAA),
		dnstest.Question("_https._tcp.a.noted.xcc.test.", dns.TypeSRV),
	} {
		packet, err := question.Pack()
		g.Expect(err).NotTo(HaveOccurred())
		respond(handler, packet, query.UDP)
		g.Expect(noted.count).To(Equal(i + 1))
	}
}

// TestServicesOfManyClustersAreTruncated asks over UDP for more SRV records than fit, and gets the
// others over TCP.
func TestServicesOfManyClustersAreTruncated(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := dnstest.NewHandler(dnstest.Snapshot().With([]zone.Record{sharedBy("*.large.xcc.test", 100)}, time.Unix(2000, 0)))
	msg := dnstest.Question("_https._tcp.a.large.xcc.test.", dns.TypeSRV)
	msg.SetEdns0(1232, false)
	packet, err := msg.Pack()
	g.Expect(err).NotTo(HaveOccurred())
	response := respond(handler, packet, query.UDP)
	g.Expect(len(response)).To(BeNumerically("<=", 1232))
	g.Expect(unpacked(g, response).Truncated).To(BeTrue())
	whole := unpacked(g, respond(handler, packet, query.TCP))
	g.Expect(whole.Truncated).To(BeFalse())
	g.Expect(whole.Answer).To(HaveLen(100))
}
