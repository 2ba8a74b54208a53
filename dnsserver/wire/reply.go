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

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// reply is a response that grows behind what a buffer holds already.
type reply struct {
	message []byte
	// start is where the response begins in the message, and question is the size of its header and question.
	start, question int
	// limit is the most octets that there may be in front of the OPT record. extraLimit is the same for a response with records in
	// the additional section: over TCP, too, they never make it larger than one over UDP. A client that wants more asks for it.
	limit, extraLimit int

	answers, authorities, additionals int

	authoritative, truncated bool
	rcode                    int
}

// size is how large the response is up to now, which is the offset of what comes next.
func (r *reply) size() int { return len(r.message) - r.start }

// fits returns whether there is room for so many octets.
func (r *reply) fits(octets int) bool { return r.size()+octets <= r.limit }

// fitsExtra returns whether there is room for so many octets in the additional section.
func (r *reply) fitsExtra(octets int) bool { return r.size()+octets <= r.extraLimit }

// fail says that the end of an alias cannot be found. The alias alone would look as if there were no addresses.
func (r *reply) fail() {
	r.message = r.message[:r.start+r.question]
	r.answers, r.authorities, r.additionals = 0, 0, 0
	r.authoritative, r.truncated = false, false
	r.rcode = dns.RcodeServerFailure
}

// appendMoved appends so many records of one size, of the owner at an offset, and returns the offset of the first.
func (r *reply) appendMoved(records []byte, count, owner int) int {
	at := r.size()
	r.message = append(r.message, records...)
	moveOwners(r.message[r.start+at:], len(records)/count, owner)
	return at
}

// moveOwners gives records of one size the owner at an offset.
func moveOwners(records []byte, size, owner int) {
	for at := 0; at < len(records); at += size {
		binary.BigEndian.PutUint16(records[at:], uint16(pointer|owner)) //nolint:gosec // Aliases and their targets end before 4096.
	}
}

// appendAuthority appends the SOA of a denial, in which two names point at its owner.
func (r *reply) appendAuthority(z *zone.Zone) {
	if !r.fits(len(z.Authority())) {
		r.truncated = true
		return
	}
	owner := r.size()
	r.message = append(r.message, z.Authority()...)
	for _, fromEnd := range authorityPointers {
		binary.BigEndian.PutUint16(r.message[len(r.message)-fromEnd:], uint16(pointer|owner)) //nolint:gosec // Behind the question.
	}
	r.authorities = 1
}

// appendStart appends the SOA as an answer. Its owner is spelled as in the question, and the names in it are as the zone spells them.
func (r *reply) appendStart(z *zone.Zone, owner int) {
	packed := z.Authority()
	apex := packed[:len(z.Apex())+2]
	numbers := packed[len(packed)-5*4:]
	mailbox := "\x0ahostmaster"
	r.message = append(binary.BigEndian.AppendUint16(r.message, uint16(pointer|owner)), packed[len(apex):len(apex)+8]...)    //nolint:gosec // As in moveOwners.
	r.message = binary.BigEndian.AppendUint16(r.message, uint16(len(nameServerLabel)+len(apex)+len(mailbox)+2+len(numbers))) //nolint:gosec // Three names.
	r.message = append(r.message, nameServerLabel...)
	apexAt := r.size()
	r.message = append(append(r.message, apex...), mailbox...)
	r.message = append(binary.BigEndian.AppendUint16(r.message, uint16(pointer|apexAt)), numbers...) //nolint:gosec // As in moveOwners.
	r.answers++
}

// nameServerLabel is the first DNS label of a zone's name server.
const nameServerLabel = "\x02ns"

// appendNameServer appends the NS of a zone, and the addresses of the name server as far as they fit.
func (r *reply) appendNameServer(result *zone.Result, owner int, ttl uint32) {
	apex := result.Zone.Authority()[:len(result.Zone.Apex())+2]
	r.message = appendHeader(r.message, pointer|owner, dns.TypeNS, apexTTL, len(nameServerLabel)+len(apex))
	target := r.size()
	r.message = append(append(r.message, nameServerLabel...), apex...)
	r.answers++
	for _, address := range result.Addresses {
		if !r.fitsExtra(addressSize(address.Is4())) {
			return
		}
		r.message = appendAddress(r.message, pointer|target, ttl, address)
		r.additionals++
	}
}

// appendExists appends what RFC 8482, section 4.2 allows to say of a name that holds something.
func (r *reply) appendExists(owner int, ttl uint32) {
	const data = "\x07RFC8482\x00"
	r.message = append(appendHeader(r.message, pointer|owner, dns.TypeHINFO, ttl, len(data)), data...)
	r.answers++
}

// finish writes the header, and the OPT record where the query has one.
func (r *reply) finish(packet []byte, q plainQuery) []byte {
	message := r.message
	if q.hasOption {
		// RFC 6891, section 6.1.2: the root, OPT, our size, extended code and version, the DO bit, no options.
		extended := byte(r.rcode >> 4) //nolint:gosec // A code has 12 bits.
		message = append(message, 0, 0, byte(dns.TypeOPT), maxUDP>>8, maxUDP&0xff, extended, 0, q.do, 0, 0, 0)
		r.additionals++
	}
	header := message[r.start : r.start+headerSize]
	// QR, AA and the RD of the query; CD of the query (RFC 4035, section 3.1.6) and the code.
	header[2] = 0x80 | packet[2]&0x01
	if r.authoritative {
		header[2] |= 0x04
	}
	if r.truncated {
		header[2] |= 0x02
	}
	header[3] = packet[3]&0x10 | byte(r.rcode&0xf)
	binary.BigEndian.PutUint16(header[6:], uint16(r.answers))      //nolint:gosec // As many as fit.
	binary.BigEndian.PutUint16(header[8:], uint16(r.authorities))  //nolint:gosec // One at most.
	binary.BigEndian.PutUint16(header[10:], uint16(r.additionals)) //nolint:gosec // As many as fit.
	return message
}
