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
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

const (
	// apexTTL is the TTL of SOA and NS records, and of a denial, in seconds. A resolver caches a
	// denial for the lower of the SOA's TTL and its MINIMUM (RFC 2308, section 5), so that a new
	// name is soon visible.
	apexTTL = 5

	// serverLabel and mailboxLabel are the first DNS labels of a zone's name server and of its
	// mailbox, with their lengths.
	serverLabel  = "\x02ns"
	mailboxLabel = "\x0ahostmaster"
	// soaNumbers is the size of the five numbers of an SOA record.
	soaNumbers = 5 * 4
)

// Authority encodes the SOA record. The two names in it end in pointers to its owner: see
// authorityPointers.
func (p Packer) Authority(apex string, serial uint32) []byte {
	packed := packName(apex + ".")
	packed = binary.BigEndian.AppendUint16(packed, dns.TypeSOA)
	packed = binary.BigEndian.AppendUint16(packed, dns.ClassINET)
	packed = binary.BigEndian.AppendUint32(packed, apexTTL)
	packed = binary.BigEndian.AppendUint16(packed, uint16(len(serverLabel)+2+len(mailboxLabel)+2+soaNumbers))
	packed = append(packed, serverLabel+"\x00\x00"+mailboxLabel+"\x00\x00"...)
	// There are no secondaries, which would use refresh, retry and expire. The values follow RFC
	// 1912, section 2.2.
	const refresh, retry, expire, minimum = 7200, 1800, 1209600, apexTTL
	for _, number := range []uint32{serial, refresh, retry, expire, minimum} {
		packed = binary.BigEndian.AppendUint32(packed, number)
	}
	return packed
}

// authorityPointers are the places of the pointers in the result of Authority, counted from its
// end.
var authorityPointers = [...]int{soaNumbers + 2 + len(mailboxLabel) + 2, soaNumbers + 2}

// appendDenial appends the SOA record of NODATA and NXDOMAIN (RFC 2308, section 3).
func (b *builder) appendDenial(z *zone.Zone) {
	packed := z.Authority()
	if !b.fits(len(packed)) {
		b.truncated = true
		return
	}
	owner := b.size()
	b.message = append(b.message, packed...)
	for _, fromEnd := range authorityPointers {
		binary.BigEndian.PutUint16(b.message[len(b.message)-fromEnd:], uint16(pointer|owner)) //nolint:gosec // Behind the question.
	}
	b.authorities = 1
}

// appendSOA appends the SOA record as an answer. The owner repeats the spelling of the question.
// The names in it have the spelling of the zone.
func (b *builder) appendSOA(z *zone.Zone, owner int) {
	packed := z.Authority()
	fields := packed[len(z.Apex())+2:][:8]
	numbers := packed[len(packed)-soaNumbers:]
	apex, ok := b.apex(z, owner, 2+len(fields)+2+len(serverLabel)+len(mailboxLabel)+2+len(numbers))
	if !ok {
		return
	}
	size := len(serverLabel) + len(apex) + len(mailboxLabel) + 2 + len(numbers)
	b.message = append(appendPointer(b.message, owner), fields...)
	b.message = binary.BigEndian.AppendUint16(b.message, uint16(size)) //nolint:gosec // Three names at most.
	b.message = append(b.message, serverLabel...)
	apexAt := b.size()
	b.message = append(append(b.message, apex...), mailboxLabel...)
	b.message = append(appendPointer(b.message, apexAt), numbers...)
	b.answers++
}

// appendNameServer appends the NS record of a zone, and those addresses of the name server that
// fit.
func (b *builder) appendNameServer(result *zone.Result, owner int) {
	apex, ok := b.apex(result.Zone, owner, recordHeader+len(serverLabel))
	if !ok {
		return
	}
	b.message = appendHeader(b.message, pointer|owner, dns.TypeNS, apexTTL, len(serverLabel)+len(apex))
	target := b.size()
	b.message = append(append(b.message, serverLabel...), apex...)
	b.answers++
	for _, address := range result.Addresses {
		if !b.fitsExtra(addressSize(address.Is4())) {
			return
		}
		b.message = appendAddress(b.message, pointer|target, b.handler.TTL, address)
		b.additionals++
	}
}

// apex returns the apex of a zone in wire format, for a record with so many other octets. If the
// apex does not fit, it returns a pointer to the record's owner, which is the apex, too. If that
// does not fit either, the response is truncated.
func (b *builder) apex(z *zone.Zone, owner, others int) (apex []byte, ok bool) {
	apex = z.Authority()[:len(z.Apex())+2]
	if !b.fits(others + len(apex)) {
		apex = appendPointer(nil, owner)
	}
	b.truncated = !b.fits(others + len(apex))
	return apex, !b.truncated
}
