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

package answer

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// writer adds the results of lookups to a dns.Msg. Owner names keep the spelling of the question.
type writer struct {
	handler  *Handler
	snapshot *zone.Snapshot
	response *dns.Msg
	now      time.Time
}

func (w *writer) lookup(name string, qtype uint16) zone.Result {
	return w.snapshot.Lookup([]byte(strings.ToLower(strings.TrimSuffix(name, "."))), qtype)
}

func (w *writer) write(question dns.Question) {
	result := w.lookup(question.Name, question.Qtype)
	if result.Kind == zone.OutsideZones {
		w.response.Rcode = dns.RcodeRefused
		return
	}
	w.response.Authoritative = true
	w.writeResult(question.Name, question.Qtype, result, 8)
}

func (w *writer) writeResult(name string, qtype uint16, result zone.Result, aliases int) {
	r, ttl := w.response, w.handler.TTL
	switch result.Kind {
	case zone.NameError:
		r.Rcode = dns.RcodeNameError
		r.Ns = []dns.RR{soa(result.Zone, result.Zone.Apex()+".")}
	case zone.NoData:
		r.Ns = []dns.RR{soa(result.Zone, result.Zone.Apex()+".")}
	case zone.Addresses:
		if result.Choices != nil && result.Choices.MaxTTL > 0 {
			ttl = min(ttl, result.Choices.MaxTTL)
		}
		r.Answer = append(r.Answer, rotated(addressRecords(name, result.Addresses, ttl))...)
	case zone.Unresolved:
		w.fail()
	case zone.Alias:
		r.Answer = append(r.Answer, &dns.CNAME{Hdr: header(name, dns.TypeCNAME, ttl), Target: result.Alias + "."})
		w.follow(result, qtype, aliases)
	case zone.StartOfAuthority:
		r.Answer = append(r.Answer, soa(result.Zone, name))
	case zone.NameServers:
		nameServer := zone.NameServer(result.Zone.Apex()) + "."
		r.Answer = append(r.Answer, &dns.NS{Hdr: header(name, dns.TypeNS, 5), Ns: nameServer})
		// In front of the OPT record.
		r.Extra = append(addressRecords(nameServer, result.Addresses, ttl), r.Extra...)
	case zone.Services:
		w.writeServices(name, result)
	case zone.Exists:
		// RFC 8482, section 4.2
		r.Answer = []dns.RR{&dns.HINFO{Hdr: header(name, dns.TypeHINFO, ttl), Cpu: "RFC8482"}}
	}
}

// follow adds the records of an alias target: those of our zones (RFC 1034, section 4.3.2) and
// addresses from elsewhere.
func (w *writer) follow(found zone.Result, qtype uint16, aliases int) {
	if qtype == dns.TypeCNAME || qtype == dns.TypeANY {
		return
	}
	target := found.Alias
	result := w.snapshot.Lookup(found.Target, qtype)
	switch {
	case result.Kind != zone.OutsideZones && aliases == 0:
		w.fail()
	case result.Kind != zone.OutsideZones:
		w.writeResult(target+".", qtype, result, aliases-1)
	case qtype == dns.TypeA || qtype == dns.TypeAAAA:
		w.writeTarget(target, qtype)
	}
}

// writeTarget adds the addresses of a name outside our zones, and the aliases that lead to them.
func (w *writer) writeTarget(target string, qtype uint16) {
	answer := w.handler.Aliases.Cached(target, qtype)
	if answer == nil {
		answer = w.handler.Aliases.Wait(target, qtype)
	}
	if answer.Rcode == dns.RcodeServerFailure {
		w.fail()
		return
	}
	w.response.Rcode = answer.Rcode
	w.response.Answer = append(w.response.Answer, chainRecords(target+".", answer, w.now)...)
}

func chainRecords(owner string, answer *alias.Answer, now time.Time) []dns.RR {
	var records []dns.RR
	ttl := answer.TTL(now)
	for _, next := range answer.Chain {
		records = append(records, &dns.CNAME{Hdr: header(owner, dns.TypeCNAME, ttl), Target: next})
		owner = next
	}
	return append(records, rotated(addressRecords(owner, answer.Addresses, ttl))...)
}

// fail turns the response into SERVFAIL.
func (w *writer) fail() {
	w.response.Rcode = dns.RcodeServerFailure
	w.response.Authoritative = false
	w.response.Answer = nil
}

// writeServices adds the SRV records of a name, and the known addresses of their target (RFC 2782).
func (w *writer) writeServices(name string, result zone.Result) {
	// The name behind the prefix, in the spelling of the question.
	target := name[dns.Split(name)[2]:]
	if result.Alias != "" {
		end, ok := w.endOf(result.Alias)
		if !ok {
			w.fail()
			return
		}
		target = end + "."
	}
	ttl := w.handler.TTL
	if result.Choices != nil && result.Choices.MaxTTL > 0 {
		ttl = min(ttl, result.Choices.MaxTTL)
	}
	targets := []string{}
	for _, service := range result.Services {
		if service.Target != "" {
			target = service.Target + "."
		}
		if !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
		w.response.Answer = append(w.response.Answer, &dns.SRV{
			Hdr: header(name, dns.TypeSRV, ttl), Priority: service.Priority, Weight: service.Weight, Port: service.Port, Target: target,
		})
	}
	var known []dns.RR
	for _, target := range targets {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			known = append(known, w.known(target, qtype)...)
		}
	}
	// In front of the OPT record.
	w.response.Extra = append(known, w.response.Extra...)
}

// endOf follows the aliases within our zones. It returns false if there are too many.
func (w *writer) endOf(name string) (string, bool) {
	for range 8 {
		result := w.lookup(name, dns.TypeA)
		if result.Kind != zone.Alias {
			return name, true
		}
		name = result.Alias
	}
	return "", false
}

// known returns address records that need no lookup.
func (w *writer) known(name string, qtype uint16) []dns.RR {
	switch result := w.lookup(name, qtype); result.Kind {
	case zone.Addresses:
		return addressRecords(name, result.Addresses, w.handler.TTL)
	case zone.OutsideZones:
		answer := w.handler.Aliases.Cached(strings.TrimSuffix(name, "."), qtype)
		if answer == nil || len(answer.Chain) > 0 {
			return nil
		}
		return addressRecords(name, answer.Addresses, answer.TTL(w.now))
	default:
		return nil
	}
}

func header(name string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

func soa(z *zone.Zone, owner string) *dns.SOA {
	return &dns.SOA{
		Hdr:    header(owner, dns.TypeSOA, 5),
		Ns:     zone.NameServer(z.Apex()) + ".",
		Mbox:   "hostmaster." + z.Apex() + ".",
		Serial: z.Serial(), Refresh: 7200, Retry: 1800, Expire: 1209600, Minttl: 5,
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

// rotated returns the records with a random one as the first.
func rotated(records []dns.RR) []dns.RR {
	if len(records) < 2 {
		return records
	}
	first := rand.IntN(len(records))
	return append(append(make([]dns.RR, 0, len(records)), records[first:]...), records[:first]...)
}
