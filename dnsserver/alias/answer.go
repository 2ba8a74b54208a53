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
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

const (
	// maxTTL is a day, in seconds. An address that is good for longer is asked for all the same, whatever the highest bit says
	// (RFC 8767, section 4).
	maxTTL = 86400
	// maxNegativeTTL is how long a denial is believed, in seconds. A load balancer gets its name before the name gets addresses.
	maxNegativeTTL = 30
	// keptTTL is the TTL of last good addresses, in seconds (RFC 8767, section 4 says 30; the lookup is tried more often).
	keptTTL = 5
	// maxChain is how many further aliases a target may be behind.
	maxChain = 16
	// maxRecords is how many records of a response are looked at. A resolver gives the aliases first and then the addresses; a
	// message over TCP has room for some 4,000 more, which would cost a processor milliseconds each time.
	maxRecords = 512
	// maxAddresses is how many addresses of a target are served, as of a gateway: a DNS answer with more serves nobody.
	maxAddresses = 100
)

// Answer is what is known of a target and one type of address. It never changes.
type Answer struct {
	// Rcode is dns.RcodeSuccess, dns.RcodeNameError for a target that does not exist, or dns.RcodeServerFailure.
	Rcode int
	// Chain are the names that the target is an alias for, one after the other, in presentation format with a final dot. The
	// addresses are those of the last one.
	Chain []string
	// Addresses are of the type asked for. There may be none.
	Addresses []netip.Addr
	// Packed is what the Resolver's Pack made of the answer.
	Packed []byte

	ttl     time.Duration
	expires time.Time
	// learned is when a resolver said so.
	learned time.Time
	// kept says that lookups fail since.
	kept bool
	// refused are the addresses that the target has and that are not served.
	refused refused
}

// refused are addresses that must not be served: how many, and the first of them with why.
type refused struct {
	count   int
	address netip.Addr
	reason  string
}

// TTL returns for how many more seconds the answer may be kept by others, at least one.
func (a *Answer) TTL(now time.Time) uint32 {
	if a.kept {
		return keptTTL
	}
	return uint32(max(1, min(a.expires.Sub(now)/time.Second, maxTTL)))
}

// reader reads responses. The zero value takes every address and every chain.
type reader struct {
	// judge decides which addresses may be served.
	judge netaddr.Judge
	// isOurs returns whether a name, in presentation format with a final dot, is in one of the zones that are served here.
	isOurs func(name string) bool
}

// read returns what a response says of the target, and false when it says nothing that can be relied on. The answer
// has neither a time nor a packed form yet.
//
// Addresses that must not be served are left out. A target that has no others exists without addresses (NODATA), as if a
// resolver that protects against rebinding had taken them out: a failure would make clients give up the other type of address
// too.
//
// A chain must not lead back into our zones. The name there may be another tenant's, and a cache may take what is said of it
// for ours, because we are the authority (RFC 2181, section 5.4.1).
func (r reader) read(response *dns.Msg, target string, qtype uint16) (*Answer, bool) {
	if response.Rcode != dns.RcodeSuccess && response.Rcode != dns.RcodeNameError {
		return nil, false
	}
	a := &Answer{Rcode: response.Rcode}
	ttl := uint32(maxTTL)
	byOwner := recordsByOwner(response.Answer)
	owner := dns.Fqdn(target)
	for hop := 0; ; hop++ {
		next := r.collect(a, byOwner[owner], qtype, &ttl)
		if next == "" {
			break
		}
		if hop == maxChain || r.isOurs != nil && r.isOurs(next) {
			return nil, false
		}
		a.Chain = append(a.Chain, next)
		owner = next
	}
	switch {
	case len(a.Addresses) > 0:
		a.Rcode = dns.RcodeSuccess
	case a.refused.count > 0:
		a.Rcode, ttl = dns.RcodeSuccess, min(ttl, maxNegativeTTL)
	case isReferral(response):
		return nil, false
	default:
		a.Rcode, ttl = response.Rcode, min(ttl, negativeTTL(response))
	}
	a.ttl = time.Duration(max(1, ttl)) * time.Second
	return a, true
}

// recordsByOwner returns the first records of an answer, by their canonical owner.
func recordsByOwner(records []dns.RR) map[string][]dns.RR {
	byOwner := map[string][]dns.RR{}
	for _, record := range records[:min(len(records), maxRecords)] {
		if header := record.Header(); header.Class == dns.ClassINET {
			owner := dns.CanonicalName(header.Name)
			byOwner[owner] = append(byOwner[owner], record)
		}
	}
	return byOwner
}

// collect takes the addresses among an owner's records. If there are none, it returns the name that the owner is an alias for.
func (r reader) collect(a *Answer, records []dns.RR, qtype uint16, ttl *uint32) (next string) {
	found := false
	for _, record := range records {
		header := record.Header()
		if header.Rrtype != qtype && header.Rrtype != dns.TypeCNAME {
			continue
		}
		*ttl = min(*ttl, header.Ttl)
		var address netip.Addr
		switch record := record.(type) {
		case *dns.CNAME:
			next = dns.CanonicalName(record.Target)
		case *dns.A:
			address, _ = netip.AddrFromSlice(record.A.To4())
		case *dns.AAAA:
			address, _ = netip.AddrFromSlice(record.AAAA.To16())
		}
		if address.IsValid() {
			found = true
			r.take(a, address)
		}
	}
	if found {
		return ""
	}
	return next
}

// take adds an address to those that are served, or to those that are not.
func (r reader) take(a *Answer, address netip.Addr) {
	reason := r.judge.Refuse(address)
	switch {
	case reason != "":
		if a.refused.count++; a.refused.count == 1 {
			a.refused.address, a.refused.reason = address, reason
		}
	case len(a.Addresses) < maxAddresses && !slices.Contains(a.Addresses, address):
		a.Addresses = append(a.Addresses, address)
	}
}

// isReferral returns whether a response without addresses only says who else to ask, which does not mean that there are none
// (RFC 2308, section 2.2).
func isReferral(response *dns.Msg) bool {
	has := func(rrtype uint16) bool {
		return slices.ContainsFunc(response.Ns, func(record dns.RR) bool { return record.Header().Rrtype == rrtype })
	}
	return response.Rcode == dns.RcodeSuccess && has(dns.TypeNS) && !has(dns.TypeSOA)
}

// negativeTTL returns how long a denial holds, in seconds (RFC 2308, section 5).
func negativeTTL(response *dns.Msg) uint32 {
	for _, record := range response.Ns {
		if soa, ok := record.(*dns.SOA); ok {
			return min(soa.Hdr.Ttl, soa.Minttl, maxNegativeTTL)
		}
	}
	return keptTTL
}
