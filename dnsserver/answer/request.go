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

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

const (
	// maxName is the length of the longest name in presentation format, without the final dot and
	// escapes.
	maxName = 253
	// optionHeader is the size of an OPT record without options (RFC 6891, section 6.1.2).
	optionHeader = 11
)

// request is a parsed query.
type request struct {
	// refusal is the response code if the query is refused before a lookup.
	refusal int
	// nameSize is the length of the name of the question, in lower case and without the final dot.
	nameSize      int
	qtype, qclass uint16
	// end is the end of the question in the packet. It is headerSize if the response does not
	// repeat the question.
	end int

	hasOption bool
	// version is the version of EDNS.
	version uint8
	// udpSize is the size of messages over UDP that the OPT record allows.
	udpSize uint16
	// do is the octet of the OPT record that has the DO bit, with all other bits clear.
	do byte
}

// otherOctet replaces octets that no name of a zone has. A wildcard may still cover the name.
const otherOctet = '?'

// plainOctets maps the octets of names to lower case, and octets that no name of a zone has to
// otherOctet. A dot within a DNS label is one of the latter.
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

// parse parses the usual form of a query: one question, at most an OPT record, and nothing else. It
// returns false for any other packet, and r is then of no use. It writes the name to the given
// space.
func (r *request) parse(packet []byte, name *[maxName]byte) bool {
	// The opcode is 0, and the counts are one question, no answer, no authority, at most one
	// additional record.
	if packet[2]&0x78 != 0 || binary.BigEndian.Uint64(packet[4:])&^1 != 1<<48 {
		return false
	}
	size, end, ok := parseName(packet, headerSize, name)
	if !ok || len(packet) < end+4 {
		return false
	}
	r.setQuestion(packet, size, end)
	if packet[11] == 0 {
		return len(packet) == r.end
	}
	return r.parseOption(packet[r.end:])
}

// setQuestion reads the type and class behind a name that ends in the packet. size is the length of
// the parsed name.
func (r *request) setQuestion(packet []byte, size, end int) {
	r.nameSize = size
	r.qtype = binary.BigEndian.Uint16(packet[end:])
	r.qclass = binary.BigEndian.Uint16(packet[end+2:])
	r.end = end + 4
}

// parseName writes the name of a question that starts in the packet to the given space. It returns
// its length there and its end in the packet. No name precedes a question, so a compressed name is
// an error.
func parseName(packet []byte, at int, name *[maxName]byte) (size, end int, ok bool) {
	for at < len(packet) {
		length := int(packet[at])
		at++
		if length == 0 {
			return max(0, size-1), at, true
		}
		// The two highest bits would mark a pointer. A dot follows each DNS label but the last.
		if length > 63 || at+length > len(packet) || size+length > maxName {
			return 0, 0, false
		}
		for _, octet := range packet[at : at+length] {
			name[size] = plainOctets[octet]
			size++
		}
		at += length
		if size < maxName {
			name[size] = '.'
		}
		size++
	}
	return 0, 0, false
}

// parseOption parses the rest of the packet as an OPT record. It skips the options, because the
// server supports none.
func (r *request) parseOption(rest []byte) bool {
	if len(rest) < optionHeader || rest[0] != 0 || binary.BigEndian.Uint16(rest[1:]) != dns.TypeOPT {
		return false
	}
	r.setOption(rest[1:])
	return areOptions(rest[optionHeader:], int(binary.BigEndian.Uint16(rest[9:])))
}

// setOption reads the fields of an OPT record, starting with its type.
func (r *request) setOption(record []byte) {
	r.hasOption = true
	r.udpSize = binary.BigEndian.Uint16(record[2:])
	r.version = record[5]
	r.do = record[6] & 0x80
}

// areOptions returns whether the data has this size and consists of well-formed options (RFC 6891,
// section 6.1.2).
func areOptions(data []byte, size int) bool {
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

func (r *request) optionSize() int {
	if r.hasOption {
		return optionHeader
	}
	return 0
}

// limit returns the largest size of the response in octets. Over UDP the client asks for it, within
// bounds, and without an OPT record it is 512 (RFC 6891, section 6.2.3).
func (r *request) limit(t query.Transport) int {
	switch {
	case t == query.TCP:
		return dns.MaxMsgSize
	case !r.hasOption:
		return dns.MinMsgSize
	default:
		return min(max(int(r.udpSize), dns.MinMsgSize), query.MaxUDP)
	}
}
