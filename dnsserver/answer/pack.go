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
	"net/netip"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

const (
	// headerSize is the size of a message's header (RFC 1035, section 4.1.1).
	headerSize = 12
	// recordHeader is the size of a record without its data, if its owner is a pointer.
	recordHeader = 2 + recordFields
	// pointer marks the two octets of a pointer, whose other 14 bits are an offset (RFC 1035,
	// section 4.1.4). The offsets in our messages are at most 7,000: see maxAliases and PackTarget.
	pointer = 0xc000
	// toQuestion points to the name in the question.
	toQuestion = pointer | headerSize
)

// Packer encodes the records of a zone.Snapshot in wire format. Their owners are pointers to the
// question.
type Packer struct {
	// TTL of addresses and aliases, in seconds.
	TTL uint32
}

var _ zone.Packer = Packer{}

// Addresses encodes address records, which all have one size.
func (p Packer) Addresses(addresses []netip.Addr, maxTTL uint32) []byte {
	packed := make([]byte, 0, len(addresses)*addressSize(addresses[0].Is4()))
	for _, address := range addresses {
		packed = appendAddress(packed, toQuestion, limitTTL(p.TTL, maxTTL), address)
	}
	return packed
}

// Name encodes a name without compression.
func (Packer) Name(name string) []byte { return packName(name + ".") }

// limitTTL returns the TTL, or the limit if that is lower. A limit of 0 is none.
func limitTTL(ttl, limit uint32) uint32 {
	if limit == 0 {
		return ttl
	}
	return min(ttl, limit)
}

// Alias encodes a CNAME record. The target is not compressed, so that the target's records can
// point to it.
func (p Packer) Alias(target string) []byte {
	name := packName(target + ".")
	return append(appendHeader(nil, toQuestion, dns.TypeCNAME, p.TTL, len(name)), name...)
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
	message = binary.BigEndian.AppendUint16(message, uint16(owner)) //nolint:gosec // See pointer.
	message = binary.BigEndian.AppendUint16(message, rrtype)
	message = binary.BigEndian.AppendUint16(message, dns.ClassINET)
	message = binary.BigEndian.AppendUint32(message, ttl)
	return binary.BigEndian.AppendUint16(message, uint16(size)) //nolint:gosec // A name or an address.
}

func appendPointer(message []byte, offset int) []byte {
	return binary.BigEndian.AppendUint16(message, uint16(pointer|offset)) //nolint:gosec // See pointer.
}

// setOwners sets the owners of records of one size to the name at an offset.
func setOwners(records []byte, size, offset int) {
	for at := 0; at < len(records); at += size {
		binary.BigEndian.PutUint16(records[at:], uint16(pointer|offset)) //nolint:gosec // See pointer.
	}
}

// setTTLs sets the TTLs of records of one size.
func setTTLs(records []byte, size int, ttl uint32) {
	for at := 0; at < len(records); at += size {
		binary.BigEndian.PutUint32(records[at+6:], ttl)
	}
}

// packName returns a name that ends in a dot in wire format, uncompressed. It returns nil if the
// library rejects the name.
func packName(name string) []byte {
	var packed [256]byte
	end, err := dns.PackDomainName(name, packed[:], 0, nil, false)
	if err != nil {
		return nil
	}
	return packed[:end]
}
