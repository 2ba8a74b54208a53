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
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// maxAliases is the largest number of consecutive aliases within our zones. A longer chain is
// probably a loop.
const maxAliases = 8

// builder turns the lookups for one query into a response.
type builder struct {
	response

	handler  *Handler
	snapshot *zone.Snapshot
	qtype    uint16
	now      time.Time
	patience query.Patience
}

// answer looks the name of the question up and follows aliases within our zones (RFC 1034, section
// 4.3.2). The response code is that of the last name (RFC 6604, section 3). It returns false if the
// response has to wait.
func (b *builder) answer(name []byte) bool {
	result := b.snapshot.Lookup(name, b.qtype)
	if result.Kind == zone.OutsideZones {
		b.rcode = dns.RcodeRefused
		return true
	}
	b.authoritative = true
	if result.Choices != nil && result.Choices.Usage != nil {
		result.Choices.Usage.Mark()
	}
	owner := headerSize
	for aliases := maxAliases; result.Kind == zone.Alias; aliases-- {
		if !b.fits(len(result.Packed)) {
			b.truncated = true
			return true
		}
		owner = b.appendMoved(result.Packed, owner) + recordHeader
		b.answers++
		if b.qtype == dns.TypeCNAME || b.qtype == dns.TypeANY {
			return true
		}
		target := b.snapshot.Lookup(result.Target, b.qtype)
		switch {
		case target.Kind == zone.OutsideZones && (b.qtype == dns.TypeA || b.qtype == dns.TypeAAAA):
			return b.appendTarget(result.Alias, owner)
		case target.Kind == zone.OutsideZones:
			// Only the addresses of other names are known.
			return true
		case aliases == 0:
			b.fail()
			return true
		}
		name, result = result.Target, target
	}
	b.appendResult(name, &result, owner)
	return true
}

// appendResult appends the records of a name in our zones. The name is at the offset owner.
func (b *builder) appendResult(name []byte, result *zone.Result, owner int) {
	switch result.Kind {
	case zone.Addresses:
		start, count := len(b.message), len(result.Addresses)
		b.answers += b.appendAddresses(result.Packed, count)
		if owner != headerSize {
			setOwners(b.message[start:], len(result.Packed)/count, owner)
		}
	case zone.NoData:
		b.appendDenial(result.Zone)
	case zone.Unresolved:
		b.fail()
	case zone.NameError:
		b.rcode = dns.RcodeNameError
		b.appendDenial(result.Zone)
	case zone.StartOfAuthority:
		b.appendSOA(result.Zone, owner)
	case zone.NameServers:
		b.appendNameServer(result, owner)
	case zone.Services:
		b.appendServices(name, result, owner)
	case zone.Exists:
		b.appendHINFO(owner)
	}
}

// appendAddresses appends as many address records as fit and returns their number. The records have
// one size, and count is their number.
//
// The first record is a random one, because most clients connect to the first address. A counter
// would fall into step with clients that query for A and AAAA in turn.
func (r *response) appendAddresses(records []byte, count int) int {
	if count == 0 {
		return 0
	}
	size := len(records) / count
	fit := min(count, max(0, r.limit-r.size())/size)
	r.truncated = fit < count
	first := 0
	if count > 1 {
		first = rand.IntN(count) //nolint:gosec // This spreads load and protects nothing.
	}
	behind := min(fit, count-first)
	r.message = append(r.message, records[first*size:(first+behind)*size]...)
	r.message = append(r.message, records[:(fit-behind)*size]...)
	return fit
}

// appendHINFO answers a query for type ANY with the HINFO record that RFC 8482, section 4.2
// suggests. No alias precedes it, so it always fits.
func (b *builder) appendHINFO(owner int) {
	const data = "\x07RFC8482\x00"
	b.message = append(appendHeader(b.message, pointer|owner, dns.TypeHINFO, b.handler.TTL, len(data)), data...)
	b.answers++
}
