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
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// reference answers by looking at every record for every question. It follows the steps of RFC
// 1034, section 4.3.2 and RFC 4592, and shares only the records with the server.
type reference struct {
	zones   []string
	records []zone.Record
	serials map[string]uint32
}

// response is a response in a form that is easy to compare.
type response struct {
	rcode                         string
	authoritative                 bool
	answer, authority, additional []string
}

func (r *reference) zoneOf(name string) string {
	longest := ""
	for _, apex := range r.zones {
		if (name == apex || strings.HasSuffix(name, "."+apex)) && len(apex) > len(longest) {
			longest = apex
		}
	}
	return longest
}

// inZone returns the records of a zone, including the zone's own and the owner names of SRV
// records.
func (r *reference) inZone(apex string) []zone.Record {
	records := []zone.Record{
		{Name: "ns." + apex, Addresses: nameServers}, {Name: "*._probe." + apex, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.53")}},
	}
	for _, record := range r.records {
		if r.zoneOf(record.Name) == apex {
			records = append(records, record)
		}
		for _, service := range record.Services {
			if name := service.Prefix + "." + record.Name; !strings.HasPrefix(record.Name, "*.") && r.zoneOf(name) == apex {
				records = append(records, zone.Record{Name: name})
			}
		}
	}
	return records
}

// at returns the record at exactly this name.
func (r *reference) at(name string) zone.Record {
	for _, record := range r.inZone(r.zoneOf(name)) {
		if record.Name == name && (len(record.Addresses) > 0 || record.Alias != "") {
			return record
		}
	}
	return zone.Record{}
}

// exists returns whether the name is the apex, or has a record or another zone at or below it.
func (r *reference) exists(name, apex string) bool {
	if name == apex {
		return true
	}
	for _, record := range r.inZone(apex) {
		if record.Name == name || strings.HasSuffix(record.Name, "."+name) {
			return true
		}
	}
	return slices.ContainsFunc(r.zones, func(other string) bool { return strings.HasSuffix(other, "."+name) })
}

// find returns the record that answers for the name, and whether the name exists.
func (r *reference) find(name, apex string) (zone.Record, bool) {
	if r.exists(name, apex) {
		return r.at(name), true
	}
	encloser := name
	for !r.exists(encloser, apex) {
		_, encloser, _ = strings.Cut(encloser, ".")
	}
	return r.at("*." + encloser), r.exists("*."+encloser, apex)
}

// services returns the ports of an owner name of SRV records, and the record of the name behind the
// prefix.
func (r *reference) services(name, apex string) (ports []uint16, base zone.Record) {
	labels := strings.SplitN(name, ".", 3)
	if len(labels) < 3 || r.zoneOf(labels[2]) == "" {
		return nil, base
	}
	if r.exists(name, apex) {
		base = r.at(labels[2])
	} else if wildcard, _ := r.find(name, apex); !r.exists(labels[2], apex) {
		// The same wildcard has to cover both names.
		if base, _ = r.find(labels[2], r.zoneOf(labels[2])); base.Name != wildcard.Name {
			return nil, base
		}
	}
	for _, service := range base.Services {
		if service.Prefix == labels[0]+"."+labels[1] {
			ports = append(ports, service.Port)
		}
	}
	return ports, base
}

// service answers for an owner name of SRV records.
func (r *reference) service(owner string, ports []uint16, base zone.Record) response {
	found := response{rcode: "NOERROR", authoritative: true}
	target, ttl := strings.SplitN(owner, ".", 3)[2], "7"
	known := base.Addresses
	for hops := 0; base.Alias != ""; hops++ {
		if hops == 8 {
			return response{rcode: "SERVFAIL"}
		}
		target = base.Alias + "."
		apex := r.zoneOf(base.Alias)
		if apex == "" {
			known, ttl = balancer, "1"
			break
		}
		base, _ = r.find(base.Alias, apex)
		known = base.Addresses
	}
	for _, port := range ports {
		found.answer = append(found.answer, fmt.Sprintf("%s 7 SRV 0 0 %d %s", owner, port, target))
	}
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		for _, text := range addressTexts(known, target, qtype) {
			found.additional = append(found.additional, strings.Replace(text, ". 7 ", ". "+ttl+" ", 1))
		}
	}
	return found
}

func (r *reference) soa(owner, apex string) string {
	return fmt.Sprintf("%s 5 SOA ns.%s. hostmaster.%s. %d 7200 1800 1209600 5", owner, apex, apex, r.serials[apex])
}

func (r *reference) ask(owner string, qtype uint16, hops int) response {
	name := strings.ToLower(strings.TrimSuffix(owner, "."))
	apex := r.zoneOf(name)
	if apex == "" {
		return response{rcode: "REFUSED"}
	}
	record, exists := r.find(name, apex)
	ports, base := r.services(name, apex)
	if record.Alias != "" && !r.exists(name, apex) && len(ports) > 0 {
		record.Alias = ""
	} else if record.Alias != "" {
		ports = nil
	}
	denial := []string{r.soa(apex+".", apex)}
	found := response{rcode: "NOERROR", authoritative: true}
	switch {
	case !exists:
		found.rcode, found.authority = "NXDOMAIN", denial
	case name == apex && qtype == dns.TypeSOA:
		found.answer = []string{r.soa(owner, apex)}
	case name == apex && qtype == dns.TypeNS:
		found.answer = []string{owner + " 5 NS ns." + apex + "."}
		found.additional = append(addressTexts(nameServers, "ns."+apex+".", dns.TypeA), addressTexts(nameServers, "ns."+apex+".", dns.TypeAAAA)...)
	case qtype == dns.TypeSRV && len(ports) > 0:
		return r.service(owner, ports, base)
	case record.Alias != "":
		return r.alias(owner, record.Alias, qtype, hops)
	case qtype == dns.TypeANY && (name == apex || len(record.Addresses) > 0 || len(ports) > 0):
		found.answer = []string{owner + ` 7 HINFO "RFC8482" ""`}
	default:
		if found.answer = addressTexts(record.Addresses, owner, qtype); len(found.answer) == 0 {
			found.authority = denial
		}
	}
	return found
}

func (r *reference) alias(owner, target string, qtype uint16, hops int) response {
	answer := owner + " 7 CNAME " + target + "."
	if qtype == dns.TypeCNAME || qtype == dns.TypeANY {
		return response{rcode: "NOERROR", authoritative: true, answer: []string{answer}}
	}
	var rest response
	switch {
	case r.zoneOf(target) != "":
		if hops == 8 {
			return response{rcode: "SERVFAIL"}
		}
		rest = r.ask(target+".", qtype, hops+1)
	case qtype == dns.TypeA || qtype == dns.TypeAAAA:
		// All targets outside the zones are the same balancer.
		rest = response{rcode: "NOERROR", authoritative: true, answer: addressTexts(balancer, target+".", qtype)}
		for i := range rest.answer {
			rest.answer[i] = strings.Replace(rest.answer[i], ". 7 ", ". 1 ", 1)
		}
	default:
		rest = response{rcode: "NOERROR", authoritative: true}
	}
	if rest.rcode != "SERVFAIL" {
		rest.answer = append([]string{answer}, rest.answer...)
	}
	return rest
}

var (
	nameServers = []netip.Addr{netip.MustParseAddr("10.96.0.53"), netip.MustParseAddr("fd00::53")}
	balancer    = []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2"), netip.MustParseAddr("2001:db8::1")}
)

// addressTexts returns address records of a type as text.
func addressTexts(addresses []netip.Addr, owner string, qtype uint16) []string {
	var found []string
	for _, address := range addresses {
		if qtype == dns.TypeA && address.Is4() || qtype == dns.TypeAAAA && address.Is6() {
			found = append(found, fmt.Sprintf("%s 7 %s %s", owner, dns.TypeToString[qtype], address))
		}
	}
	return found
}

// generator makes zones and questions that often share names.
type generator struct{ *rand.Rand }

func (r generator) pick(texts ...string) string { return texts[r.IntN(len(texts))] }

func (r generator) name(apex string) string {
	name := apex
	for range r.IntN(4) {
		name = r.pick("a", "b", "c", "gap", "ns") + "." + name
	}
	return name
}

func (r generator) records(zones []string) []zone.Record {
	byName := map[string]zone.Record{}
	var names []string
	for range 1 + r.IntN(14) {
		apex := r.pick(zones...)
		name := r.name(apex)
		switch r.IntN(8) {
		case 0, 1, 2:
			name = "*." + name
		case 3:
			name = "_p._tcp." + name
		}
		record := zone.Record{Name: name}
		switch r.IntN(5) {
		case 0:
			record.Alias = r.pick("lb.example.com", "lb.example.net", r.name(r.pick(zones...)), r.name(r.pick(zones...)))
		case 1:
			record.Addresses = []netip.Addr{netip.MustParseAddr("fd00::1")}
		case 2:
			record.Addresses = []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}
		default:
			record.Addresses = []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}
		}
		if r.IntN(3) == 0 {
			record.Services = [][]zone.Service{
				{{Prefix: "_p._tcp", Port: 1}}, {{Prefix: "_p._tcp", Port: 1}, {Prefix: "_p._tcp", Port: 2}, {Prefix: "_q._udp", Port: 3}},
			}[r.IntN(2)]
		}
		within, _ := zone.Find(zones, name)
		if _, there := byName[name]; there || zone.Reserved(within, name, record.Alias != "") {
			continue
		}
		byName[name] = record
		names = append(names, name)
	}
	var records []zone.Record
	for _, name := range names {
		records = append(records, byName[name])
	}
	return records
}

func (r generator) question(zones []string) (string, uint16) {
	name := r.name(r.pick(zones...))
	if r.IntN(20) == 0 {
		name = r.name(r.pick("test", "example.com"))
	}
	switch r.IntN(6) {
	case 0:
		name = "*." + name
	case 1:
		name = "q." + name
	case 2:
		name = strings.ToUpper(name[:1]) + name[1:]
	case 3:
		name = r.pick("_p._tcp.", "_p._tcp.", "_p._tcp.", "_q._udp.", "_q._tcp.", "_tcp.", "_p._tcp.q.", "_p._tcp.q.q.", "_p._tcp.*.") + name
		if r.IntN(4) > 0 {
			return name + ".", dns.TypeSRV
		}
	case 4:
		if r.IntN(4) == 0 {
			name = r.pick("x._probe.", "_probe.", "_p._tcp._probe.") + r.pick(zones...)
		}
	}
	types := []uint16{dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeCNAME, dns.TypeTXT, dns.TypeSOA, dns.TypeNS, dns.TypeANY, dns.TypeSRV}
	return name + ".", types[r.IntN(len(types))]
}

// sentBy returns the handler's response in the form of the reference.
func sentBy(g Gomega, handler *answer.Handler, name string, qtype uint16) response {
	packet, err := dnstest.Question(name, qtype).Pack()
	g.Expect(err).NotTo(HaveOccurred())
	message := unpacked(g, respond(handler, packet, query.TCP))
	plain := func(records []dns.RR) []string {
		var found []string
		for _, text := range texts(records) {
			found = append(found, strings.ReplaceAll(strings.ReplaceAll(text, "\t", " "), " IN ", " "))
		}
		return found
	}
	g.Expect(message.Truncated || message.RecursionAvailable || message.AuthenticatedData || !message.RecursionDesired || !message.Response).To(BeFalse())
	return response{
		rcode: dns.RcodeToString[message.Rcode], authoritative: message.Authoritative,
		answer: plain(message.Answer), authority: plain(message.Ns), additional: plain(message.Extra),
	}
}

func TestReferenceAgrees(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	known := dnstest.Aliases{}
	for _, target := range []string{"lb.example.com", "lb.example.net"} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			known[target+" "+dns.TypeToString[qtype]] = balancerAnswer(target, qtype)
		}
	}
	const zoneSets, perSet = 500, 200
	seen, services := map[string]int{}, 0
	for seed := range uint64(zoneSets) {
		random := generator{rand.New(rand.NewPCG(seed, 3))}
		zones := [][]string{{"xcc.test"}, {"a.xcc.test", "xcc.test"}, {"b.gap.xcc.test", "other.test", "xcc.test"}}[random.IntN(3)]
		records := random.records(zones)
		snapshot := zone.New(zone.Content{Zones: zones, NameServer: nameServers, Packer: answer.Packer{TTL: 7}}, time.Unix(1000, 0)).
			With(records, time.Unix(2000, 0))
		handler := &answer.Handler{Snapshot: func() *zone.Snapshot { return snapshot }, TTL: 7, Aliases: known}
		judge := &reference{zones: zones, records: records, serials: map[string]uint32{}}
		for _, z := range snapshot.Zones() {
			judge.serials[z.Apex()] = z.Serial()
		}
		for range perSet {
			name, qtype := random.question(zones)
			is, want := sentBy(g, handler, name, qtype), judge.ask(name, qtype, 0)
			seen[want.rcode]++
			if len(want.answer) > 0 && strings.Contains(want.answer[0], " SRV ") {
				services++
			}
			// Addresses rotate; all else has an order.
			for _, r := range []response{is, want} {
				slices.Sort(r.answer)
				slices.Sort(r.additional)
			}
			if fmt.Sprint(is) != fmt.Sprint(want) {
				t.Fatalf("seed %d: %s %s\nthe server says     %v\nthe reference says  %v\nzones %v\nrecords %v",
					seed, name, dns.TypeToString[qtype], is, want, zones, records)
			}
		}
	}
	g.Expect(seen).To(HaveLen(4), "all of NOERROR, NXDOMAIN, REFUSED and SERVFAIL")
	g.Expect(services).To(BeNumerically(">", 500), "answers with SRV records")
	t.Logf("%d queries: %v, %d services", zoneSets*perSet, seen, services)
}

func balancerAnswer(target string, qtype uint16) *alias.Answer {
	found := &alias.Answer{}
	for _, address := range balancer {
		if address.Is4() == (qtype == dns.TypeA) {
			found.Addresses = append(found.Addresses, address)
		}
	}
	found.Packed = answer.PackTarget(target, found)
	return found
}
