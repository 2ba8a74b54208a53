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
	"encoding/binary"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

const (
	// headerSize is the size of a message's header (RFC 1035, section 4.1.1).
	headerSize = 12
	// recordHeader is the size of a record without its data, whose owner is a pointer.
	recordHeader = 12
	// pointer marks the two octets of a pointer (RFC 1035, section 4.1.4).
	pointer = 0xc000
	// toQuestion points at the name in the question.
	toQuestion = pointer | headerSize
	// maxPacked is how large a prepared chain of aliases may be, so that pointers reach every name in it. Others are not prepared.
	maxPacked = 8192
)

// Packer prepares the records of answers. Owner names point at the question, because that is what they are.
type Packer struct {
	// TTL of addresses and aliases, in seconds.
	TTL uint32
}

var _ zone.Packer = Packer{}

// Addresses packs address records, all of one size.
func (p Packer) Addresses(addresses []netip.Addr) []byte {
	packed := make([]byte, 0, len(addresses)*addressSize(addresses[0].Is4()))
	for _, address := range addresses {
		packed = appendAddress(packed, toQuestion, p.TTL, address)
	}
	return packed
}

// Alias packs a CNAME record. The target is not compressed, so that the records of its addresses can point at it.
func (p Packer) Alias(target string) []byte {
	name := packName(target + ".")
	return append(appendHeader(nil, toQuestion, dns.TypeCNAME, p.TTL, len(name)), name...)
}

// Authority packs the SOA. The two names in it point at its owner: see authorityPointers.
func (p Packer) Authority(apex string, serial uint32) []byte {
	record := soa(apex+".", apex, serial)
	packed := packName(apex + ".")
	packed = binary.BigEndian.AppendUint16(packed, dns.TypeSOA)
	packed = binary.BigEndian.AppendUint16(packed, dns.ClassINET)
	packed = binary.BigEndian.AppendUint32(packed, record.Hdr.Ttl)
	packed = binary.BigEndian.AppendUint16(packed, uint16(len("\x02ns")+2+len("\x0ahostmaster")+2+5*4))
	packed = append(packed, "\x02ns\x00\x00\x0ahostmaster\x00\x00"...)
	for _, number := range []uint32{record.Serial, record.Refresh, record.Retry, record.Expire, record.Minttl} {
		packed = binary.BigEndian.AppendUint32(packed, number)
	}
	return packed
}

// authorityPointers are where the pointers are in what Authority returns, from its end.
var authorityPointers = [...]int{5*4 + 2 + len("\x0ahostmaster") + 2, 5*4 + 2}

// PackAlias packs the records that follow the CNAME record of an alias. Their owners point into them as if the name of the
// target began at the start of the message: movePacked moves them, and writes TTLs.
func PackAlias(target string, answer *alias.Answer) []byte {
	owner := 0
	end := len(packName(target + "."))
	var packed []byte
	for _, next := range answer.Chain {
		name := packName(next)
		packed = appendHeader(packed, owner, dns.TypeCNAME, 0, len(name))
		owner = end + len(packed)
		packed = append(packed, name...)
		if len(name) == 0 || len(packed) > maxPacked {
			return nil
		}
	}
	for _, address := range answer.Addresses {
		packed = appendAddress(packed, owner, 0, address)
	}
	return packed
}

// movePacked turns what PackAlias returned into records of a message in which the name of the target is at the offset.
func movePacked(packed []byte, offset int, ttl uint32) {
	for at := 0; at < len(packed); {
		record := packed[at:]
		owner := int(binary.BigEndian.Uint16(record))
		binary.BigEndian.PutUint16(record, uint16(pointer|owner+offset)) //nolint:gosec // maxPacked bounds it.
		binary.BigEndian.PutUint32(record[6:], ttl)
		at += recordHeader + int(binary.BigEndian.Uint16(record[10:]))
	}
}

func addressSize(is4 bool) int {
	if is4 {
		return recordHeader + 4
	}
	return recordHeader + 16
}

func appendAddress(message []byte, owner int, ttl uint32, address netip.Addr) []byte {
	if address.Is4() {
		data := address.As4()
		return append(appendHeader(message, owner, dns.TypeA, ttl, len(data)), data[:]...)
	}
	data := address.As16()
	return append(appendHeader(message, owner, dns.TypeAAAA, ttl, len(data)), data[:]...)
}

func appendHeader(message []byte, owner int, rrtype uint16, ttl uint32, size int) []byte {
	message = binary.BigEndian.AppendUint16(message, uint16(owner)) //nolint:gosec // maxPacked bounds it.
	message = binary.BigEndian.AppendUint16(message, rrtype)
	message = binary.BigEndian.AppendUint16(message, dns.ClassINET)
	message = binary.BigEndian.AppendUint32(message, ttl)
	return binary.BigEndian.AppendUint16(message, uint16(size)) //nolint:gosec // A name or an address.
}

// packName returns the name, which ends in a dot, uncompressed, nil for one that the library cannot pack.
func packName(name string) []byte {
	var packed [256]byte
	end, err := dns.PackDomainName(name, packed[:], 0, nil, false)
	if err != nil {
		return nil
	}
	return packed[:end]
}
