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
	"math/rand/v2"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// fast appends the response to a plain query to out. It returns false, with out as it was, for everything that it leaves to
// the library: a query that is not plain, an answer that does not fit, an alias within our zones or one whose target has to be
// waited for, and all before the first snapshot. It does not allocate where out is large enough.
func (h *Handler) fast(out, packet []byte, t Transport, now time.Time) ([]byte, plainQuery, bool) {
	var space [maxName]byte
	q, ok := parsePlain(packet, &space)
	if !ok {
		return out, q, false
	}
	snapshot := h.Snapshot()
	if snapshot == nil {
		return out, q, false
	}
	result := snapshot.Lookup(space[:q.nameSize], q.qtype)
	r := reply{message: append(out, packet[:q.end]...), start: len(out)}
	switch result.Kind {
	case zone.Addresses:
		r.answers = len(result.Addresses)
		r.message = appendRotated(r.message, result.Packed, r.answers)
	case zone.NoData:
		r.appendAuthority(result.Zone)
	case zone.NameError:
		r.rcode = dns.RcodeNameError
		r.appendAuthority(result.Zone)
	case zone.Alias:
		if !h.appendTarget(&r, result, q.qtype, now) {
			return out, q, false
		}
	default:
		return out, q, false
	}
	q.rcode = r.rcode
	if len(r.message)-len(out)+q.optionSize() > q.limit(t) {
		return out, q, false
	}
	return r.finish(packet, q), q, true
}

// reply is a response that grows behind what a buffer holds already.
type reply struct {
	message []byte
	// start is where the response begins in the message.
	start                int
	answers, authorities int
	rcode                int
}

// size is how large the response is up to now, which is the offset of what comes next.
func (r *reply) size() int { return len(r.message) - r.start }

// appendAuthority appends the SOA, in which two names point at its owner.
func (r *reply) appendAuthority(z *zone.Zone) {
	owner := r.size()
	r.message = append(r.message, z.Authority()...)
	for _, fromEnd := range authorityPointers {
		binary.BigEndian.PutUint16(r.message[len(r.message)-fromEnd:], uint16(pointer|owner)) //nolint:gosec // Behind the question.
	}
	r.authorities = 1
}

// appendTarget appends an alias and what is known of its target.
func (h *Handler) appendTarget(r *reply, result zone.Result, qtype uint16, now time.Time) bool {
	answer := h.Aliases.Cached(result.Alias, qtype)
	if answer == nil || answer.Rcode == dns.RcodeServerFailure || answer.Packed == nil && len(answer.Addresses) > 0 {
		return false
	}
	offset := r.size() + recordHeader
	count := len(answer.Addresses)
	r.message = append(r.message, result.Packed...)
	r.message = appendAlias(r.message, answer.Packed, offset, count, qtype == dns.TypeA, answer.TTL(now))
	r.answers = 1 + len(answer.Chain) + count
	r.rcode = answer.Rcode
	return true
}

// finish writes the header, and the OPT record where the query has one.
func (r *reply) finish(packet []byte, q plainQuery) []byte {
	message := r.message
	additional := byte(0)
	if q.hasOption {
		// RFC 6891, section 6.1.2: the root, OPT, our size, extended code and version, the DO bit, no options.
		message = append(message, 0, 0, byte(dns.TypeOPT), maxUDP>>8, maxUDP&0xff, 0, 0, q.do, 0, 0, 0)
		additional = 1
	}
	header := message[r.start : r.start+headerSize]
	// QR, AA and the RD of the query; CD of the query (RFC 4035, section 3.1.6) and the code.
	header[2] = 0x84 | packet[2]&0x01
	header[3] = packet[3]&0x10 | byte(r.rcode)                    //nolint:gosec // One of the first 16.
	binary.BigEndian.PutUint16(header[6:], uint16(r.answers))     //nolint:gosec // As many as fit.
	binary.BigEndian.PutUint16(header[8:], uint16(r.authorities)) //nolint:gosec // One at most.
	header[10], header[11] = 0, additional
	return message
}

// appendRotated appends records of one size, of which any may be the first: that is the one most clients take. The choice is
// random, because a counter would fall into step with clients that ask for A and AAAA in turn.
func appendRotated(message, records []byte, count int) []byte {
	if count < 2 {
		return append(message, records...)
	}
	first := rand.IntN(count) * (len(records) / count) //nolint:gosec // This spreads load and protects nothing.
	message = append(message, records[first:]...)
	return append(message, records[:first]...)
}
