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
	"bytes"
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

const (
	// srvHeader is the size of an SRV record without its target (RFC 2782), and srvPort the offset
	// of its port.
	srvHeader = recordHeader + 6
	srvPort   = recordHeader + 4
)

// srvTarget is the target of SRV records. Functions pass its alias separately: in the struct, the
// alias would escape to the heap and take the name of the question with it.
type srvTarget struct {
	// name is in presentation format without the final dot, and packed the same in wire format,
	// uncompressed.
	name, packed []byte
}

// appendServices appends as many SRV records as fit, and the addresses of their target. Without
// choices, one gateway is behind all of them, so they have the same priority and weight. The owner's
// name is at the offset owner.
func (b *builder) appendServices(name []byte, result *zone.Result, owner int) {
	if result.Choices != nil && len(result.Services) > 0 && result.Services[0].Target != "" {
		b.appendChoices(result, owner)
		return
	}
	target, alias, ok := b.srvTarget(name, result, owner)
	if !ok {
		b.fail()
		return
	}
	count, size := len(result.Services), srvHeader+len(target.packed)
	fit := min(count, max(0, b.limit-b.size())/size)
	b.truncated = fit < count
	b.answers += fit
	if fit == 0 {
		return
	}
	first := len(b.message)
	// The target is not compressed (RFC 2782). The records differ only in their ports.
	b.message = appendHeader(b.message, pointer|owner, dns.TypeSRV, b.handler.TTL, size-recordHeader)
	b.message = append(append(b.message, 0, 0, 0, 0, 0, 0), target.packed...)
	for range fit - 1 {
		b.message = append(b.message, b.message[first:first+size]...)
	}
	for i, service := range result.Services[:fit] {
		binary.BigEndian.PutUint16(b.message[first+i*size+srvPort:], service.Port)
	}
	if !b.truncated {
		b.appendTargetAddresses(target, alias, first-b.start+srvHeader)
	}
}

// appendChoices appends as many SRV records as fit, each with a target, a priority and a weight of
// its own, and the addresses of their targets.
func (b *builder) appendChoices(result *zone.Result, owner int) {
	ttl := limitTTL(b.handler.TTL, result.Choices.MaxTTL)
	first := b.size()
	for i := range result.Services {
		service := &result.Services[i]
		size := srvHeader + len(service.Packed())
		if !b.fits(size) {
			b.truncated = true
			return
		}
		b.message = appendHeader(b.message, pointer|owner, dns.TypeSRV, ttl, size-recordHeader)
		b.message = binary.BigEndian.AppendUint16(b.message, service.Priority)
		b.message = binary.BigEndian.AppendUint16(b.message, service.Weight)
		b.message = binary.BigEndian.AppendUint16(b.message, service.Port)
		b.message = append(b.message, service.Packed()...)
		b.answers++
	}
	for i := range result.Services {
		service := &result.Services[i]
		// Records of one target follow each other.
		if i == 0 || result.Services[i-1].Target != service.Target {
			var name [maxName]byte
			target := srvTarget{name: append(name[:0], service.Target...)}
			b.appendTargetAddresses(target, service.Target, first+srvHeader)
		}
		first += srvHeader + len(service.Packed())
	}
}

// srvTarget returns the target of a name's services: the name behind the prefix. If that is an
// alias, the target is the end of the aliases within our zones, because the target must not be an
// alias (RFC 2782). alias is then that name again, and empty otherwise. srvTarget returns false if
// there are more than maxAliases.
func (b *builder) srvTarget(name []byte, result *zone.Result, owner int) (target srvTarget, alias string, ok bool) {
	if result.Alias == "" {
		// The target repeats the spelling of the question.
		packed := b.message[b.start+owner:]
		for range 2 {
			_, name, _ = bytes.Cut(name, []byte{'.'})
			packed = packed[1+packed[0]:]
		}
		return srvTarget{name: name, packed: packed[:len(name)+2]}, "", true
	}
	target, alias = srvTarget{name: result.Target, packed: result.Packed[recordHeader:]}, result.Alias
	for range maxAliases {
		next := b.snapshot.Lookup(target.name, dns.TypeA)
		if next.Kind != zone.Alias {
			return target, alias, true
		}
		target, alias = srvTarget{name: next.Target, packed: next.Packed[recordHeader:]}, next.Alias
	}
	return srvTarget{}, "", false
}

// appendTargetAddresses appends the known addresses of the target of SRV records. The target is at
// the given offset. It leaves an RRset out that does not fit as a whole (RFC 2181, section 9).
func (b *builder) appendTargetAddresses(target srvTarget, alias string, offset int) {
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		packed, count, ttl := b.knownAddresses(target.name, alias, qtype)
		if !b.fitsExtra(len(packed)) {
			return
		}
		start := len(b.message)
		b.additionals += b.appendAddresses(packed, count)
		if alias != "" {
			setTTLs(b.message[start:], addressSize(qtype == dns.TypeA), ttl)
		}
		setOwners(b.message[start:], addressSize(qtype == dns.TypeA), offset)
	}
}

// knownAddresses returns address records of the target that need no lookup. It returns none if the
// target is an alias outside our zones.
func (b *builder) knownAddresses(name []byte, alias string, qtype uint16) (packed []byte, count int, ttl uint32) {
	switch found := b.snapshot.Lookup(name, qtype); found.Kind {
	case zone.Addresses:
		return found.Packed, len(found.Addresses), b.handler.TTL
	case zone.OutsideZones:
		answer := b.handler.Aliases.Cached(alias, qtype)
		if answer == nil || len(answer.Chain) > 0 || answer.Packed == nil {
			return nil, 0, 0
		}
		return answer.Packed, len(answer.Addresses), answer.TTL(b.now)
	default:
		return nil, 0, 0
	}
}
