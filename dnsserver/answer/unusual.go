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
)

// maxRecords bounds the questions and records of a message. A query has a question, and may have an
// OPT record, a signature and the SOA record of an incremental transfer. A message with more gets
// FORMERR.
const maxRecords = 5

// examine parses a query that has another form than request.parse accepts. If the server does not
// support the query, the request has a refusal.
func examine(packet []byte, name *[maxName]byte) request {
	var s scan
	ok := s.scan(packet, name)
	r := request{end: headerSize}
	if ok {
		r = s.request
		r.end = headerSize
	} else if hasOption(packet) {
		r.hasOption = true
	}
	switch {
	case packet[2]>>3&0xf != dns.OpcodeQuery:
		r.refusal = dns.RcodeNotImplemented
		return r
	case !ok, s.questions != 1: // RFC 9619
		r.refusal = dns.RcodeFormatError
		return r
	}
	r.end = s.end
	if s.options > 1 || s.misplaced { // RFC 6891, sections 6.1.1 and 6.1.2
		r.refusal = dns.RcodeFormatError
	}
	return r
}

// scan reads all records of a message and keeps only the fields that a response depends on. It does
// not allocate.
type scan struct {
	// request has the first question and the first OPT record.
	request
	questions, options int
	// misplaced means that an OPT record has an owner name other than the root.
	misplaced bool
}

// scan returns false if the message is malformed or has more than maxRecords. It writes the name of
// the first question to the given space. Octets behind the last record do not matter.
func (s *scan) scan(packet []byte, name *[maxName]byte) bool {
	s.questions = int(binary.BigEndian.Uint16(packet[4:]))
	records := 0
	for at := 6; at < headerSize; at += 2 {
		records += int(binary.BigEndian.Uint16(packet[at:]))
	}
	if s.questions+records > maxRecords {
		return false
	}
	at := headerSize
	var others [maxName]byte
	for i := range s.questions {
		size, end, ok := parseName(packet, at, name)
		if !ok || end+4 > len(packet) {
			return false
		}
		at = end + 4
		if i == 0 {
			s.setQuestion(packet, size, end)
			name = &others
		}
	}
	for range records {
		next, ok := s.scanRecord(packet, at)
		if !ok {
			return false
		}
		at = next
	}
	return true
}

// scanRecord reads one record and returns its end.
func (s *scan) scanRecord(packet []byte, at int) (next int, ok bool) {
	end, ok := skipName(packet, at)
	if !ok || end+recordFields > len(packet) {
		return 0, false
	}
	size := int(binary.BigEndian.Uint16(packet[end+8:]))
	data := end + recordFields
	if next = data + size; next > len(packet) {
		return 0, false
	}
	if binary.BigEndian.Uint16(packet[end:]) != dns.TypeOPT {
		return next, true
	}
	if s.options++; s.options == 1 {
		s.setOption(packet[end:])
	}
	s.misplaced = s.misplaced || packet[at] != 0
	return next, areOptions(packet[data:next], size)
}

// recordFields is the size of the type, class, TTL and data length of a record.
const recordFields = 10

// skipName returns the end of a name that starts in the packet. It does not follow pointers.
func skipName(packet []byte, at int) (end int, ok bool) {
	for at < len(packet) {
		switch length := int(packet[at]); {
		case length == 0:
			return at + 1, true
		case length >= pointer>>8:
			return at + 2, at+2 <= len(packet)
		case length > 63:
			return 0, false
		default:
			at += 1 + length
		}
	}
	return 0, false
}

// hasOption returns whether an OPT record follows the question of a malformed packet. If so, the
// response has an OPT record, too (RFC 6891, section 7).
func hasOption(packet []byte) bool {
	counts := binary.BigEndian.Uint64(packet[4:])
	_, at, err := dns.UnpackDomainName(packet, headerSize)
	// One question, no answer, no authority, at least one additional record.
	if err != nil || counts>>16 != 1<<32 || counts&0xffff == 0 {
		return false
	}
	// Behind the type and class of the question, an OPT record starts with the root and its type.
	rest := packet[min(at+4, len(packet)):]
	return len(rest) >= 3 && rest[0] == 0 && binary.BigEndian.Uint16(rest[1:]) == dns.TypeOPT
}
