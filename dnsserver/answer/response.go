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

// response is a message under construction, behind earlier content of a buffer. Offsets count from
// the start of the message.
type response struct {
	message []byte
	// start is the index of the message in the buffer, and body the offset of its first record.
	start, body int
	// limit is the largest size of the message without its OPT record. extraLimit is the same for
	// records of the additional section: it does not exceed the size of a packet over TCP either.
	// Clients can query for what is left out.
	limit, extraLimit int

	answers, authorities, additionals int

	authoritative, truncated bool
	rcode                    int
}

// newResponse returns a response that has the header and the question of the packet.
func newResponse(out, packet []byte, r *request, t query.Transport) response {
	limit := r.limit(t) - r.optionSize()
	return response{
		message: append(out, packet[:r.end]...), start: len(out), body: r.end,
		limit: limit, extraLimit: min(limit, query.MaxUDP-r.optionSize()),
	}
}

// size is the current size of the message, which is the offset of the next record.
func (r *response) size() int { return len(r.message) - r.start }

// fits returns whether there is room for so many octets.
func (r *response) fits(octets int) bool { return r.size()+octets <= r.limit }

// fitsExtra returns whether there is room for so many octets in the additional section.
func (r *response) fitsExtra(octets int) bool { return r.size()+octets <= r.extraLimit }

// fail turns the response into SERVFAIL. A partial answer would look complete: an alias alone means
// that its target has no addresses.
func (r *response) fail() {
	r.message = r.message[:r.start+r.body]
	r.answers, r.authorities, r.additionals = 0, 0, 0
	r.authoritative, r.truncated = false, false
	r.rcode = dns.RcodeServerFailure
}

// appendMoved appends a record and sets its owner to the name at an offset. It returns the offset
// of the record.
func (r *response) appendMoved(record []byte, owner int) int {
	at := r.size()
	r.message = append(r.message, record...)
	setOwners(r.message[r.start+at:], len(record), owner)
	return at
}

// finish writes the header, and an OPT record if the request has one.
func (r *response) finish(packet []byte, asked *request) []byte {
	message := r.message
	if asked.hasOption {
		// RFC 6891, section 6.1.2: the root, OPT, our size, extended code and version, the DO bit,
		// no options.
		extended := byte(r.rcode >> 4) //nolint:gosec // A code has 12 bits.
		message = append(message, 0, 0, byte(dns.TypeOPT), query.MaxUDP>>8, query.MaxUDP&0xff, extended, 0, asked.do, 0, 0, 0)
		r.additionals++
	}
	header := message[r.start : r.start+headerSize]
	// QR, the opcode and RD of the query, AA and TC.
	header[2] = 0x80 | packet[2]&0x79
	if r.authoritative {
		header[2] |= 0x04
	}
	if r.truncated {
		header[2] |= 0x02
	}
	// CD of the query (RFC 4035, section 3.1.6) and the code.
	header[3] = packet[3]&0x10 | byte(r.rcode&0xf)
	if r.body == headerSize {
		binary.BigEndian.PutUint16(header[4:], 0)
	}
	binary.BigEndian.PutUint16(header[6:], uint16(r.answers))      //nolint:gosec // As many as fit.
	binary.BigEndian.PutUint16(header[8:], uint16(r.authorities))  //nolint:gosec // One at most.
	binary.BigEndian.PutUint16(header[10:], uint16(r.additionals)) //nolint:gosec // As many as fit.
	return message
}
