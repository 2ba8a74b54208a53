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
)

const (
	// maxTTL is a day, in seconds. An address that is good for longer is asked for all the same.
	maxTTL = 86400
	// maxNegativeTTL is how long a denial is believed, in seconds. A load balancer gets its name before the name gets addresses.
	maxNegativeTTL = 30
	// keptTTL is the TTL of last good addresses, in seconds (RFC 8767, section 4 says 30; the lookup is tried more often).
	keptTTL = 5
	// maxChain is how many further aliases a target may be behind.
	maxChain = 16
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
}

// TTL returns for how many more seconds the answer may be kept by others, at least one.
func (a *Answer) TTL(now time.Time) uint32 {
	if a.kept {
		return keptTTL
	}
	return uint32(max(1, min(a.expires.Sub(now)/time.Second, maxTTL)))
}

// read returns what a response says of the target, and false when it says nothing that can be relied on. The answer
// has neither a time nor a packed form yet.
func read(response *dns.Msg, target string, qtype uint16) (*Answer, bool) {
	if response.Rcode != dns.RcodeSuccess && response.Rcode != dns.RcodeNameError {
		return nil, false
	}
	a := &Answer{Rcode: response.Rcode}
	ttl := uint32(maxTTL)
	owner := dns.Fqdn(target)
	for hop := 0; ; hop++ {
		next, found := a.collect(response.Answer, owner, qtype, &ttl)
		if next == "" || found {
			break
		}
		if hop == maxChain {
			return nil, false
		}
		a.Chain = append(a.Chain, next)
		owner = next
	}
	if len(a.Addresses) == 0 && isReferral(response) {
		return nil, false
	}
	if len(a.Addresses) == 0 {
		a.Rcode, ttl = response.Rcode, min(ttl, negativeTTL(response))
	} else {
		a.Rcode = dns.RcodeSuccess
	}
	a.ttl = time.Duration(max(1, ttl)) * time.Second
	return a, true
}

// collect takes the owner's addresses, or returns the name that the owner is an alias for.
func (a *Answer) collect(records []dns.RR, owner string, qtype uint16, ttl *uint32) (next string, found bool) {
	for _, record := range records {
		header := record.Header()
		if dns.CanonicalName(header.Name) != owner {
			continue
		}
		var address netip.Addr
		switch record := record.(type) {
		case *dns.CNAME:
			next = dns.CanonicalName(record.Target)
		case *dns.A:
			address, _ = netip.AddrFromSlice(record.A.To4())
		case *dns.AAAA:
			address, _ = netip.AddrFromSlice(record.AAAA.To16())
		}
		if header.Rrtype != qtype && header.Rrtype != dns.TypeCNAME {
			continue
		}
		*ttl = min(*ttl, header.Ttl)
		if address.IsValid() {
			a.Addresses = append(a.Addresses, address)
			found = true
		}
	}
	return next, found
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
