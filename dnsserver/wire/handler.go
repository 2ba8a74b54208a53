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
	"net"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// Transport is how a query came.
type Transport int

const (
	// UDP limits the size of responses.
	UDP Transport = iota
	// TCP does not.
	TCP
)

// String returns "udp" or "tcp".
func (t Transport) String() string { return [...]string{"udp", "tcp"}[t] }

// Aliases know the addresses of names outside of our zones. See package alias.
type Aliases interface {
	// Cached returns nil for a target that has to be waited for.
	Cached(target string, qtype uint16) *alias.Answer
	// Wait returns a failure when that takes too long.
	Wait(target string, qtype uint16) *alias.Answer
}

// Handler answers queries.
type Handler struct {
	// Snapshot returns what is served now, nil before anything is known: every query then gets SERVFAIL.
	Snapshot func() *zone.Snapshot
	// TTL of addresses and aliases, in seconds. It is that of the Packer that the snapshots were made with.
	TTL uint32
	// Aliases know the targets of aliases.
	Aliases Aliases
	// Log is told of one in LogEvery queries. Zero is none.
	Log      func(LogEntry)
	LogEvery uint64
}

// Query is a packet that came from a client.
type Query struct {
	Packet    []byte
	Transport Transport
	Client    net.Addr
	// Arrived is when.
	Arrived time.Time
}

// LogEntry is a query that was answered.
type LogEntry struct {
	// Client is who asked. It is somebody else as soon as Log has returned.
	Client    net.Addr
	Transport Transport
	// Name is in presentation format, as it was asked for. It is empty where there was no question.
	Name  string
	Type  uint16
	Rcode int
	// Size is that of the response in octets.
	Size int
}

// Answer appends the response to out. It appends nothing to what gets no response, such as a message that is itself a
// response, or two servers could keep each other busy. It returns false, with out as it was, when the response has to be
// waited for: see Wait.
func (h *Handler) Answer(out []byte, q Query, counters *Counters) ([]byte, bool) {
	return h.answer(out, &q, counters, onlyCached)
}

// Wait is Answer for a query that has to be waited for.
func (h *Handler) Wait(out []byte, q Query, counters *Counters) []byte {
	response, _ := h.answer(out, &q, counters, waitForIt)
	return response
}

// GiveUp is Wait for a query that cannot wait, because too many others do.
func (h *Handler) GiveUp(out []byte, q Query, counters *Counters) []byte {
	response, _ := h.answer(out, &q, counters, giveUp)
	return response
}

func (h *Handler) answer(out []byte, q *Query, counters *Counters, chase chase) ([]byte, bool) {
	response, plain, came := h.fast(out, q.Packet, q.Transport, q.Arrived, chase)
	if came == notPlain && len(q.Packet) >= headerSize && q.Packet[2]&0x80 == 0 {
		if stripped, ok := strip(q.Packet); ok {
			response, plain, came = h.fast(out, stripped, q.Transport, q.Arrived, chase)
		}
	}
	switch came {
	case answered:
		h.sample(q, plain.qtype, plain.rcode, len(response)-len(out), counters.count(plain.qtype, plain.rcode))
		return response, true
	case mustWait:
		return out, false
	default:
		return h.answerWithLibrary(out, q, counters, chase)
	}
}

func (h *Handler) answerWithLibrary(out []byte, q *Query, counters *Counters, chase chase) ([]byte, bool) {
	if len(q.Packet) < headerSize || q.Packet[2]&0x80 != 0 {
		counters.drop(NoQuery)
		return out, true
	}
	query := unpack(q.Packet)
	response, limit := refuseUnread(q.Packet, query), dns.MinMsgSize
	if response == nil {
		limit = udpLimit(query)
		if response = h.respond(query, chase, q.Arrived); response == nil {
			return out, false
		}
	}
	if q.Transport == TCP {
		limit = dns.MaxMsgSize
	}
	// Compressing costs less than the octets it saves are worth, above all when a client has a small buffer.
	response.Compress = true
	shed(response, min(limit, maxUDP))
	response.Truncate(limit)
	// Truncate switches it off where all fits without.
	response.Compress = true
	packed, err := response.Pack()
	if err != nil {
		// No query is known that leads here. The client asks again.
		counters.drop(NotSent)
		return out, true
	}
	var qtype uint16
	if query != nil && len(query.Question) > 0 {
		qtype = query.Question[0].Qtype
	}
	h.sample(q, qtype, response.Rcode, len(packed), counters.count(qtype, response.Rcode))
	return append(out, packed...), true
}

// sample logs one in LogEvery queries, of which this is the one of the number.
func (h *Handler) sample(q *Query, qtype uint16, rcode, size int, number uint64) {
	if h.LogEvery == 0 || number%h.LogEvery != 0 {
		return
	}
	name, _, err := dns.UnpackDomainName(q.Packet, headerSize)
	if err != nil {
		name = ""
	}
	h.Log(LogEntry{Client: q.Client, Transport: q.Transport, Name: name, Type: qtype, Rcode: rcode, Size: size})
}
