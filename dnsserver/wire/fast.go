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
	"math/rand/v2"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// chase is how a target outside of our zones is looked for.
type chase int

const (
	// onlyCached looks at what is known already.
	onlyCached chase = iota
	// waitForIt waits for what is not known.
	waitForIt
	// giveUp fails.
	giveUp
)

// target returns what is known of a target outside of our zones, nil when it has to be waited for.
func (h *Handler) target(name string, qtype uint16, chase chase) *alias.Answer {
	switch chase {
	case waitForIt:
		return h.Aliases.Wait(name, qtype)
	case giveUp:
		return &alias.Answer{Rcode: dns.RcodeServerFailure}
	default:
		return h.Aliases.Cached(name, qtype)
	}
}

// outcome is what came of an attempt to answer without the library.
type outcome int

const (
	// answered means that the response is complete.
	answered outcome = iota
	// mustWait means that a target has to be waited for.
	mustWait
	// notPlain means that the query or its answer is left to the library.
	notPlain
)

// fast appends the response to a plain query to out. Of records that do not fit it appends those that do. For everything that it leaves
// to the library out is as it was: a query that is not plain, and an answer of which something else than addresses and services does not
// fit. It does not allocate where out is large enough.
func (h *Handler) fast(out, packet []byte, t Transport, now time.Time, chase chase) ([]byte, plainQuery, outcome) {
	var space [maxName]byte
	q, ok := parsePlain(packet, &space)
	if !ok {
		return out, q, notPlain
	}
	r := reply{message: append(out, packet[:q.end]...), start: len(out), question: q.end, limit: q.limit(t) - q.optionSize()}
	r.extraLimit = min(r.limit, maxUDP-q.optionSize())
	switch snapshot := h.Snapshot(); {
	case q.version != 0: // RFC 6891, section 6.1.3
		r.rcode = dns.RcodeBadVers
	case q.qclass != dns.ClassINET, q.qtype == dns.TypeAXFR, q.qtype == dns.TypeIXFR:
		r.rcode = dns.RcodeRefused
	case snapshot == nil:
		r.rcode = dns.RcodeServerFailure
	default:
		l := lookups{handler: h, snapshot: snapshot, qtype: q.qtype, now: now, chase: chase}
		if came := l.answer(&r, space[:q.nameSize]); came != answered {
			return out, q, came
		}
	}
	q.rcode = r.rcode
	if r.size() > r.limit {
		return out, q, notPlain
	}
	return r.finish(packet, q), q, answered
}

// lookups put what they find into a reply.
type lookups struct {
	handler  *Handler
	snapshot *zone.Snapshot
	qtype    uint16
	now      time.Time
	chase    chase
}

// answer appends what a lookup of the question's name finds, and where that is an alias, what its target holds.
func (l *lookups) answer(r *reply, name []byte) outcome {
	result := l.snapshot.Lookup(name, l.qtype)
	if result.Kind == zone.OutsideZones {
		r.rcode = dns.RcodeRefused
		return answered
	}
	r.authoritative = true
	owner := headerSize
	for aliases := maxAliases; result.Kind == zone.Alias; aliases-- {
		if !r.fits(len(result.Packed)) {
			r.truncated = true
			return answered
		}
		owner = r.appendMoved(result.Packed, 1, owner) + recordHeader
		r.answers++
		if l.qtype == dns.TypeCNAME || l.qtype == dns.TypeANY {
			return answered
		}
		target := l.snapshot.Lookup(result.Target, l.qtype)
		switch {
		case target.Kind == zone.OutsideZones && (l.qtype == dns.TypeA || l.qtype == dns.TypeAAAA):
			return l.appendForeign(r, result.Alias, owner)
		case target.Kind == zone.OutsideZones:
			// Of a name that is not ours we know addresses alone.
			return answered
		case aliases == 0:
			// More likely a loop than a chain.
			r.fail()
			return answered
		}
		name, result = result.Target, target
	}
	l.appendHeld(r, name, &result, owner)
	return answered
}

// appendHeld appends what a name of our zones holds, whose owner is at the offset.
func (l *lookups) appendHeld(r *reply, name []byte, result *zone.Result, owner int) {
	switch result.Kind {
	case zone.Addresses:
		start, count := len(r.message), len(result.Addresses)
		r.answers += r.appendAddresses(result.Packed, count)
		if owner != headerSize {
			moveOwners(r.message[start:], len(result.Packed)/count, owner)
		}
	case zone.NoData:
		r.appendAuthority(result.Zone)
	case zone.NameError:
		r.rcode = dns.RcodeNameError
		r.appendAuthority(result.Zone)
	case zone.StartOfAuthority:
		r.appendStart(result.Zone, owner)
	case zone.NameServers:
		r.appendNameServer(result, owner, l.handler.TTL)
	case zone.Services:
		l.appendServices(r, name, result, owner)
	case zone.Exists:
		r.appendExists(owner, l.handler.TTL)
	}
}

// appendForeign appends what is known of a target outside of our zones, whose name is at the offset.
func (l *lookups) appendForeign(r *reply, target string, offset int) outcome {
	answer := l.handler.target(target, l.qtype, l.chase)
	switch {
	case answer == nil:
		return mustWait
	case answer.Rcode == dns.RcodeServerFailure:
		r.fail()
		return answered
	case answer.Packed == nil && len(answer.Addresses)+len(answer.Chain) > 0:
		return notPlain
	}
	start, count := len(r.message), len(answer.Addresses)
	chain := len(answer.Packed) - count*addressSize(l.qtype == dns.TypeA)
	if !r.fits(chain) {
		r.truncated = true
		return answered
	}
	r.message = append(r.message, answer.Packed[:chain]...)
	r.answers += len(answer.Chain) + r.appendAddresses(answer.Packed[chain:], count)
	movePacked(r.message[start:], offset, answer.TTL(l.now))
	r.rcode = answer.Rcode
	return answered
}

// appendAddresses appends as many of so many address records of one size as fit, of which any may be the first: that is the one
// that most clients take. The choice is random, because a counter would fall into step with clients that ask for A and AAAA in
// turn. It returns how many those are.
func (r *reply) appendAddresses(records []byte, count int) int {
	if count == 0 {
		return 0
	}
	size := len(records) / count
	fit := min(count, max(0, r.limit-r.size())/size)
	r.truncated = fit < count
	first := 0
	if count > 1 {
		first = rand.IntN(count) //nolint:gosec // This spreads load and protects nothing.
	}
	behind := min(fit, count-first)
	r.message = append(r.message, records[first*size:(first+behind)*size]...)
	r.message = append(r.message, records[:(fit-behind)*size]...)
	return fit
}
