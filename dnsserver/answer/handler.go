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
	"net"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// Aliases know the addresses of names outside our zones. See package alias.
type Aliases interface {
	// Cached returns nil if the target needs a lookup first.
	Cached(target string, qtype uint16) *alias.Answer
	// Wait waits for a lookup. It returns a failure if the lookup takes too long.
	Wait(target string, qtype uint16) *alias.Answer
}

// Handler answers queries. Any number of goroutines may use it.
type Handler struct {
	// Snapshot returns the snapshot to serve. While it returns nil, every query gets SERVFAIL.
	Snapshot func() *zone.Snapshot
	// TTL of addresses and aliases, in seconds. It equals that of the snapshots' Packer.
	TTL uint32
	// Aliases know the targets of aliases.
	Aliases Aliases
	// Log is called for one in LogEvery queries of each socket. Zero disables it.
	Log      func(LogEntry)
	LogEvery uint64
}

// LogEntry describes a query and its response.
type LogEntry struct {
	// Client is valid until Log returns.
	Client    net.Addr
	Transport query.Transport
	// Name is in presentation format, as the client spelled it. It is empty if the packet has no
	// question.
	Name  string
	Type  uint16
	Rcode int
	// Size is the length of the response in octets.
	Size int
}

// Answer appends the response to out. Some packets get none: a response among them, or two servers
// could keep each other busy. Answer returns false, and out unchanged, if the response has to wait
// and the query's patience is NoWait. It does not allocate if out has room for the response.
func (h *Handler) Answer(out []byte, q query.Query) ([]byte, bool) {
	if len(q.Packet) < headerSize || q.Packet[2]&0x80 != 0 {
		q.Counters.Drop(query.NoQuery)
		return out, true
	}
	var name [maxName]byte
	var r request
	if !r.parse(q.Packet, &name) {
		r = examine(q.Packet, &name)
	}
	b := builder{
		response: newResponse(out, q.Packet, &r, q.Transport),
		handler:  h, qtype: r.qtype, now: q.Arrived, patience: q.Patience,
	}
	if !h.build(&b, &r, name[:r.nameSize]) {
		return out, false
	}
	message := b.finish(q.Packet, &r)
	number := q.Counters.Count(r.qtype, b.rcode)
	if h.LogEvery != 0 && number%h.LogEvery == 0 {
		h.logQuery(&q, &r, b.rcode, len(message)-len(out))
	}
	return message, true
}

// build refuses the query or looks its name up. It returns false if the response has to wait.
func (h *Handler) build(b *builder, r *request, name []byte) bool {
	switch b.snapshot = h.Snapshot(); {
	case r.refusal != dns.RcodeSuccess:
		b.rcode = r.refusal
	case r.version != 0: // RFC 6891, section 6.1.3
		b.rcode = dns.RcodeBadVers
	case r.qclass != dns.ClassINET, r.qtype == dns.TypeAXFR, r.qtype == dns.TypeIXFR:
		b.rcode = dns.RcodeRefused
	case b.snapshot == nil:
		b.rcode = dns.RcodeServerFailure
	default:
		return b.answer(name)
	}
	return true
}

func (h *Handler) logQuery(q *query.Query, r *request, rcode, size int) {
	name, _, err := dns.UnpackDomainName(q.Packet, headerSize)
	if err != nil {
		name = ""
	}
	h.Log(LogEntry{Client: q.Client, Transport: q.Transport, Name: name, Type: r.qtype, Rcode: rcode, Size: size})
}

// NewPrefetch returns a function that warms the CPU cache for packets that are about to be
// answered. The function may not be used by two goroutines at a time. Packets that it cannot parse
// do no harm.
func (h *Handler) NewPrefetch() func(packets [][]byte) {
	var batch zone.Batch
	var name [maxName]byte
	return func(packets [][]byte) {
		snapshot := h.Snapshot()
		if snapshot == nil {
			return
		}
		batch.Clear()
		for _, packet := range packets {
			if size, _, ok := parseName(packet, headerSize, &name); ok {
				batch.Add(name[:size])
			}
		}
		snapshot.Prefetch(&batch)
	}
}
