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

package wire

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

const (
	// apexTTL is the TTL of SOA and NS, and of a denial, in seconds: a resolver keeps a denial for the lower of the SOA's TTL
	// and its MINIMUM (RFC 2308, section 5). A name that appears is so seen soon by everybody.
	apexTTL = 5
	// maxAliases is how many aliases within our zones are followed, one after the other.
	maxAliases = 8
)

// writer puts what a lookup found into a response. Owner names are spelled as in the question, whose case some resolvers
// check.
type writer struct {
	handler  *Handler
	snapshot *zone.Snapshot
	response *dns.Msg
	chase    chase
	now      time.Time
}

// write returns false when the target of an alias has to be waited for.
func (w *writer) write(question dns.Question) bool {
	result := lookup(w.snapshot, question.Name, question.Qtype)
	if result.Kind == zone.OutsideZones {
		w.response.Rcode = dns.RcodeRefused
		return true
	}
	w.response.Authoritative = true
	return w.writeResult(question.Name, question.Qtype, result, maxAliases)
}

func (w *writer) writeResult(name string, qtype uint16, result zone.Result, aliases int) bool {
	r, ttl := w.response, w.handler.TTL
	switch result.Kind {
	case zone.NameError:
		r.Rcode = dns.RcodeNameError
		r.Ns = []dns.RR{soaOf(result.Zone, result.Zone.Apex()+".")}
	case zone.NoData:
		r.Ns = []dns.RR{soaOf(result.Zone, result.Zone.Apex()+".")}
	case zone.Addresses:
		r.Answer = append(r.Answer, rotated(addressRecords(name, result.Addresses, ttl))...)
	case zone.Alias:
		r.Answer = append(r.Answer, &dns.CNAME{Hdr: header(name, dns.TypeCNAME, ttl), Target: result.Alias + "."})
		return w.follow(result, qtype, aliases)
	case zone.StartOfAuthority:
		r.Answer = append(r.Answer, soaOf(result.Zone, name))
	case zone.NameServers:
		nameServer := zone.NameServer(result.Zone.Apex()) + "."
		r.Answer = append(r.Answer, &dns.NS{Hdr: header(name, dns.TypeNS, apexTTL), Ns: nameServer})
		// In front of the OPT record, which is there already.
		r.Extra = append(addressRecords(nameServer, result.Addresses, ttl), r.Extra...)
	case zone.Services:
		w.writeServices(name, result)
	case zone.Exists:
		// RFC 8482, section 4.2
		r.Answer = []dns.RR{&dns.HINFO{Hdr: header(name, dns.TypeHINFO, ttl), Cpu: "RFC8482"}}
	}
	return true
}

// follow adds what is known of an alias' target: what our own zones say of it, as RFC 1034, section 4.3.2 wants it, and
// its addresses where it is outside of them, because the resolver in a pod does not look for them. The code of the
// response is that of the last name (RFC 6604, section 3). It returns false when the target has to be waited for.
func (w *writer) follow(alias zone.Result, qtype uint16, aliases int) bool {
	if qtype == dns.TypeCNAME || qtype == dns.TypeANY {
		return true
	}
	target := alias.Alias
	result := w.snapshot.Lookup(alias.Target, qtype)
	switch {
	case result.Kind != zone.OutsideZones && aliases == 0:
		// More likely a loop than a chain.
		w.fail()
		return true
	case result.Kind != zone.OutsideZones:
		return w.writeResult(target+".", qtype, result, aliases-1)
	case qtype == dns.TypeA || qtype == dns.TypeAAAA:
		return w.writeTarget(target, qtype)
	default:
		return true
	}
}

// writeTarget adds the addresses of a name outside of our zones, and the aliases that lead to them.
func (w *writer) writeTarget(target string, qtype uint16) bool {
	answer := w.handler.target(target, qtype, w.chase)
	if answer == nil {
		return false
	}
	if answer.Rcode == dns.RcodeServerFailure {
		w.fail()
		return true
	}
	w.response.Rcode = answer.Rcode
	ttl := answer.TTL(w.now)
	owner := target + "."
	for _, next := range answer.Chain {
		w.response.Answer = append(w.response.Answer, &dns.CNAME{Hdr: header(owner, dns.TypeCNAME, ttl), Target: next})
		owner = next
	}
	w.response.Answer = append(w.response.Answer, rotated(addressRecords(owner, answer.Addresses, ttl))...)
	return true
}

// fail says that the end of the alias cannot be found. The alias alone would look as if there were no addresses.
func (w *writer) fail() {
	w.response.Rcode = dns.RcodeServerFailure
	w.response.Authoritative = false
	w.response.Answer = nil
}

func header(name string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

func soaOf(z *zone.Zone, owner string) *dns.SOA { return soa(owner, z.Apex(), z.Serial()) }

func soa(owner, apex string, serial uint32) *dns.SOA {
	return &dns.SOA{
		Hdr:    header(owner, dns.TypeSOA, apexTTL),
		Ns:     zone.NameServer(apex) + ".",
		Mbox:   "hostmaster." + apex + ".",
		Serial: serial,
		// There are no secondaries to heed these three; the values are what RFC 1912, section 2.2 suggests.
		Refresh: 7200,
		Retry:   1800,
		Expire:  1209600,
		Minttl:  apexTTL,
	}
}

func addressRecords(owner string, addresses []netip.Addr, ttl uint32) []dns.RR {
	records := make([]dns.RR, 0, len(addresses))
	for _, address := range addresses {
		if address.Is4() {
			records = append(records, &dns.A{Hdr: header(owner, dns.TypeA, ttl), A: net.IP(address.AsSlice())})
		} else {
			records = append(records, &dns.AAAA{Hdr: header(owner, dns.TypeAAAA, ttl), AAAA: net.IP(address.AsSlice())})
		}
	}
	return records
}

// rotated returns the records with any of them as the first. See reply.appendAddresses.
func rotated(records []dns.RR) []dns.RR {
	if len(records) < 2 {
		return records
	}
	first := rand.IntN(len(records)) //nolint:gosec // This spreads load and protects nothing.
	return append(append(make([]dns.RR, 0, len(records)), records[first:]...), records[:first]...)
}
