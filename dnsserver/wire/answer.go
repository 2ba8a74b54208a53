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

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// apexTTL is the TTL of SOA and NS, and of a denial, in seconds: a resolver keeps a denial for the lower of the SOA's TTL
// and its MINIMUM (RFC 2308, section 5). A name that appears is so seen soon by everybody.
const apexTTL = 5

// fill puts the result of the lookup into the response. Owner names are spelled as in the question, whose case some
// resolvers check.
func (h *Handler) fill(response *dns.Msg, question dns.Question, result zone.Result) {
	if result.Kind == zone.OutsideZones {
		response.Rcode = dns.RcodeRefused
		return
	}
	response.Authoritative = true
	switch result.Kind {
	case zone.NameError:
		response.Rcode = dns.RcodeNameError
		response.Ns = []dns.RR{soa(result.Zone.Apex()+".", result.Zone)}
	case zone.NoData:
		response.Ns = []dns.RR{soa(result.Zone.Apex()+".", result.Zone)}
	case zone.Addresses:
		response.Answer = addressRecords(question.Name, result.Addresses, h.TTL)
		rotate(response.Answer)
	case zone.Alias:
		response.Answer = []dns.RR{&dns.CNAME{Hdr: header(question.Name, dns.TypeCNAME, h.TTL), Target: result.Alias + "."}}
	case zone.StartOfAuthority:
		response.Answer = []dns.RR{soa(question.Name, result.Zone)}
	case zone.NameServers:
		nameServer := zone.NameServer(result.Zone.Apex()) + "."
		response.Answer = []dns.RR{&dns.NS{Hdr: header(question.Name, dns.TypeNS, apexTTL), Ns: nameServer}}
		// In front of the OPT record, which is there already.
		response.Extra = append(addressRecords(nameServer, result.Addresses, h.TTL), response.Extra...)
	case zone.Exists:
		// RFC 8482, section 4.2
		response.Answer = []dns.RR{&dns.HINFO{Hdr: header(question.Name, dns.TypeHINFO, h.TTL), Cpu: "RFC8482"}}
	}
}

func header(name string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

func soa(owner string, z *zone.Zone) *dns.SOA {
	return &dns.SOA{
		Hdr:    header(owner, dns.TypeSOA, apexTTL),
		Ns:     zone.NameServer(z.Apex()) + ".",
		Mbox:   "hostmaster." + z.Apex() + ".",
		Serial: z.Serial(),
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

// rotate lets any of the records be the first, which is the one most clients take. The choice is random: a counter would
// fall into step with clients that ask for A and AAAA in turn.
func rotate(records []dns.RR) {
	if len(records) < 2 {
		return
	}
	first := rand.IntN(len(records)) //nolint:gosec // This spreads load and protects nothing.
	rotated := append(append(make([]dns.RR, 0, len(records)), records[first:]...), records[:first]...)
	copy(records, rotated)
}
