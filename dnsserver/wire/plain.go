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

	"github.com/miekg/dns"
)

const (
	// maxName is the most octets of a name in presentation format without the final dot.
	maxName = 253
	// optionHeader is the size of an OPT record without options (RFC 6891, section 6.1.2).
	optionHeader = 11
)

// plainQuery is a query as nearly all are: one question, with at most an OPT record, and nothing behind it.
type plainQuery struct {
	// nameSize is how many octets of the space are the name, in lower case and without the final dot.
	nameSize      int
	qtype, qclass uint16
	// end is where the question ends in the packet.
	end int

	hasOption bool
	// version is the version of EDNS.
	version uint8
	// udpSize is what the OPT record says.
	udpSize uint16
	// do is the octet of the OPT record that has the DO bit, with all other bits clear.
	do byte
	// rcode is that of the response.
	rcode int
}

// otherOctet stands for each octet that no name of a zone has. Such a name may still be below a wildcard.
const otherOctet = '?'

// plainOctets has the lower case of each octet that a name of a zone may have, and otherOctet for the others: the dot within a DNS
// label is one of them.
var plainOctets = func() (octets [256]byte) {
	for octet := range octets {
		octets[octet] = otherOctet
	}
	for _, octet := range []byte("abcdefghijklmnopqrstuvwxyz0123456789-_*") {
		octets[octet] = octet
		if 'a' <= octet && octet <= 'z' {
			octets[octet-'a'+'A'] = octet
		}
	}
	return octets
}()

// parsePlain reads a packet, and returns false when it is anything but a plain query. The name is written to the space.
func parsePlain(packet []byte, space *[maxName]byte) (plainQuery, bool) {
	var q plainQuery
	// A query of opcode 0, one question, no answer, no authority, at most one additional record.
	if len(packet) < headerSize || packet[2]&0xf8 != 0 || binary.BigEndian.Uint64(packet[4:])&^1 != 1<<48 {
		return q, false
	}
	n, at, ok := parsePlainName(packet, space)
	if !ok || len(packet) < at+4 {
		return q, false
	}
	q.nameSize = n
	q.qtype = binary.BigEndian.Uint16(packet[at:])
	q.qclass = binary.BigEndian.Uint16(packet[at+2:])
	q.end = at + 4
	if packet[11] == 0 {
		return q, len(packet) == q.end
	}
	return q, q.parseOption(packet[q.end:])
}

// parsePlainName returns the length of the name in the space and where it ends in the packet.
func parsePlainName(packet []byte, space *[maxName]byte) (n, end int, ok bool) {
	at := headerSize
	for at < len(packet) {
		length := int(packet[at])
		at++
		if length == 0 {
			return n - 1, at, n > 0
		}
		// The two bits above are those of a pointer. A dot follows each DNS label but the last.
		if length > 63 || at+length > len(packet) || n+length > maxName {
			return 0, 0, false
		}
		for _, octet := range packet[at : at+length] {
			space[n] = plainOctets[octet]
			n++
		}
		at += length
		if n < maxName {
			space[n] = '.'
		}
		n++
	}
	return 0, 0, false
}

// parseOption reads the rest of the packet as an OPT record. Its options are not looked at, because we know none.
func (q *plainQuery) parseOption(rest []byte) bool {
	if len(rest) < optionHeader || rest[0] != 0 || binary.BigEndian.Uint16(rest[1:]) != dns.TypeOPT {
		return false
	}
	q.hasOption = true
	q.version = rest[6]
	q.udpSize = binary.BigEndian.Uint16(rest[3:])
	q.do = rest[7] & 0x80
	return wholeOptions(rest[optionHeader:], int(binary.BigEndian.Uint16(rest[9:])))
}

// wholeOptions returns whether the data has this size and consists of whole options (RFC 6891, section 6.1.2). What is in them is
// not looked at, because we know none of them.
func wholeOptions(data []byte, size int) bool {
	if len(data) != size {
		return false
	}
	for len(data) > 0 {
		if len(data) < 4 {
			return false
		}
		length := 4 + int(binary.BigEndian.Uint16(data[2:]))
		if length > len(data) {
			return false
		}
		data = data[length:]
	}
	return true
}

func (q *plainQuery) optionSize() int {
	if q.hasOption {
		return optionHeader
	}
	return 0
}

// limit returns how many octets the response may have.
func (q *plainQuery) limit(t Transport) int {
	switch {
	case t == TCP:
		return dns.MaxMsgSize
	case !q.hasOption:
		return dns.MinMsgSize
	default:
		return min(max(int(q.udpSize), dns.MinMsgSize), maxUDP)
	}
}
