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
	// maxTTL is a day, in seconds. It also bounds a TTL whose highest bit is set (RFC 8767, section
	// 4).
	maxTTL = 86400
	// maxNegativeTTL is the longest time for which a denial is cached, in seconds. A load balancer
	// gets its name before the name gets addresses.
	maxNegativeTTL = 30
	// keptTTL is the TTL of stale addresses, in seconds. RFC 8767, section 4 suggests 30. This
	// server retries the lookup more often.
	keptTTL = 5
	// maxChain is the largest number of further aliases behind a target.
	maxChain = 16
	// maxRecords is the number of records that are read of a response. Resolvers send the aliases
	// first and then the addresses. A message over TCP has room for some 4,000 more records, which
	// would cost milliseconds of CPU each time.
	maxRecords = 512
	// maxAddresses is the largest number of addresses served for a target, the same as for a
	// gateway. Clients have no use for more.
	maxAddresses = 100
)

// Answer is the result of a lookup for a target and a type of address. It never changes.
type Answer struct {
	// Rcode is dns.RcodeSuccess, dns.RcodeNameError if the target does not exist, or
	// dns.RcodeServerFailure.
	Rcode int
	// Chain is the chain of aliases behind the target, in presentation format with a final dot. The
	// addresses belong to the last name.
	Chain []string
	// Addresses are of the requested type. There may be none.
	Addresses []netip.Addr
	// Packed is the records in wire format: see Options.Pack.
	Packed []byte

	ttl     time.Duration
	expires time.Time
	// learned is the time of the response.
	learned time.Time
	// kept marks a stale answer: all lookups since have failed.
	kept bool
	// refused describes the addresses of the target that are not served.
	refused refused
}

// refused is the number of addresses that must not be served, with the first address and its
// reason.
type refused struct {
	count   int
	address netip.Addr
	reason  string
}

// TTL returns for how many more seconds clients may cache the answer, at least 1.
func (a *Answer) TTL(now time.Time) uint32 {
	if a.kept {
		return keptTTL
	}
	return uint32(max(1, min(a.expires.Sub(now)/time.Second, maxTTL)))
}

// reader reads responses. The zero value accepts every address and every chain.
type reader struct {
	// judge decides which addresses to serve.
	judge netaddr.Judge
	// isOurs returns whether a name is in one of our zones. The name is in presentation format with
	// a final dot.
	isOurs func(name string) bool
}

// read returns the answer that a response has for the target, and false if the response is not
// reliable. The answer has no times and no wire format yet.
//
// It leaves out addresses that must not be served. A target without other addresses exists without
// addresses (NODATA), as behind a resolver with rebinding protection. A failure would make clients
// drop the other type of address, too.
//
// A chain must not lead back into our zones. The name there may belong to another tenant. A cache
// may trust the records because this server is the authority for them (RFC 2181, section 5.4.1).
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

// recordsByOwner returns the first maxRecords records of an answer, by canonical owner.
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

// collect adds the addresses of an owner's records to the answer. If there are none, it returns the
// target of the owner's alias.
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

// take adds an address to the served or to the refused ones.
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

// isReferral returns whether a response without addresses only names other servers to query. That
// is no denial (RFC 2308, section 2.2).
func isReferral(response *dns.Msg) bool {
	has := func(rrtype uint16) bool {
		return slices.ContainsFunc(response.Ns, func(record dns.RR) bool { return record.Header().Rrtype == rrtype })
	}
	return response.Rcode == dns.RcodeSuccess && has(dns.TypeNS) && !has(dns.TypeSOA)
}

// negativeTTL returns for how long to cache a denial, in seconds (RFC 2308, section 5).
func negativeTTL(response *dns.Msg) uint32 {
	for _, record := range response.Ns {
		if soa, ok := record.(*dns.SOA); ok {
			return min(soa.Hdr.Ttl, soa.Minttl, maxNegativeTTL)
		}
	}
	return keptTTL
}
