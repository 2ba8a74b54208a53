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

// fast appends the response to a plain query to out. Of addresses that do not fit it appends those that do. It returns false,
// with out as it was, for everything that it leaves to the library: a query that is not plain, an answer of which more than
// addresses does not fit, a chain of aliases within our zones, a target that has to be waited for, and all before the first
// snapshot. It does not allocate where out is large enough.
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
	r := reply{message: append(out, packet[:q.end]...), start: len(out), limit: q.limit(t) - q.optionSize()}
	if !h.appendResult(&r, snapshot, result, q.qtype, now) {
		return out, q, false
	}
	q.rcode = r.rcode
	if r.size() > r.limit {
		return out, q, false
	}
	return r.finish(packet, q), q, true
}

// reply is a response that grows behind what a buffer holds already.
type reply struct {
	message []byte
	// start is where the response begins in the message.
	start int
	// limit is the most octets that there may be in front of the OPT record.
	limit                int
	answers, authorities int
	truncated            bool
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

// appendResult appends what a lookup has found.
func (h *Handler) appendResult(r *reply, snapshot *zone.Snapshot, result zone.Result, qtype uint16, now time.Time) bool {
	if result.Kind != zone.Alias {
		return r.appendHeld(result, headerSize)
	}
	offset := r.size() + recordHeader
	r.message = append(r.message, result.Packed...)
	r.answers = 1
	if target := snapshot.Lookup(result.Target, qtype); target.Kind != zone.OutsideZones {
		return r.appendHeld(target, offset)
	}
	if qtype != dns.TypeA && qtype != dns.TypeAAAA {
		// Of a name that is not ours we know addresses alone.
		return true
	}
	return h.appendForeign(r, result.Alias, offset, qtype, now)
}

// appendHeld appends what a name of our zones holds, whose owner is at the offset.
func (r *reply) appendHeld(result zone.Result, offset int) bool {
	switch result.Kind {
	case zone.Addresses:
		start, count := len(r.message), len(result.Addresses)
		r.appendAddresses(result.Packed, count)
		if offset != headerSize {
			for at := start; at < len(r.message); at += len(result.Packed) / count {
				binary.BigEndian.PutUint16(r.message[at:], uint16(pointer|offset)) //nolint:gosec // Behind the question.
			}
		}
	case zone.NoData:
		r.appendAuthority(result.Zone)
	case zone.NameError:
		r.rcode = dns.RcodeNameError
		r.appendAuthority(result.Zone)
	default:
		return false
	}
	return true
}

// appendForeign appends what is known of a target outside of our zones, whose name is at the offset.
func (h *Handler) appendForeign(r *reply, target string, offset int, qtype uint16, now time.Time) bool {
	answer := h.Aliases.Cached(target, qtype)
	if answer == nil || answer.Rcode == dns.RcodeServerFailure || answer.Packed == nil && len(answer.Addresses)+len(answer.Chain) > 0 {
		return false
	}
	start, count := len(r.message), len(answer.Addresses)
	chain := len(answer.Packed) - count*addressSize(qtype == dns.TypeA)
	r.message = append(r.message, answer.Packed[:chain]...)
	r.answers += len(answer.Chain)
	r.appendAddresses(answer.Packed[chain:], count)
	movePacked(r.message[start:], offset, answer.TTL(now))
	r.rcode = answer.Rcode
	return true
}

// appendAddresses appends as many of so many address records of one size as fit, of which any may be the first: that is the one
// that most clients take. The choice is random, because a counter would fall into step with clients that ask for A and AAAA in
// turn.
func (r *reply) appendAddresses(records []byte, count int) {
	if count == 0 {
		return
	}
	size := len(records) / count
	fit := min(count, max(0, r.limit-r.size())/size)
	r.truncated = fit < count
	r.answers += fit
	first := 0
	if count > 1 {
		first = rand.IntN(count) //nolint:gosec // This spreads load and protects nothing.
	}
	behind := min(fit, count-first)
	r.message = append(r.message, records[first*size:(first+behind)*size]...)
	r.message = append(r.message, records[:(fit-behind)*size]...)
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
	if r.truncated {
		header[2] |= 0x02
	}
	header[3] = packet[3]&0x10 | byte(r.rcode)                    //nolint:gosec // One of the first 16.
	binary.BigEndian.PutUint16(header[6:], uint16(r.answers))     //nolint:gosec // As many as fit.
	binary.BigEndian.PutUint16(header[8:], uint16(r.authorities)) //nolint:gosec // One at most.
	header[10], header[11] = 0, additional
	return message
}
