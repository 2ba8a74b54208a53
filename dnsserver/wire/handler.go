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
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// Handler answers queries.
type Handler struct {
	// Snapshot returns what is served now, nil before anything is known: every query then gets SERVFAIL.
	Snapshot func() *zone.Snapshot
	// TTL of addresses and aliases, in seconds.
	TTL uint32
	// Observe is told of every response, once it was sent.
	Observe func(Observation)
}

// Observation is what there is to know of a response.
type Observation struct {
	// Transport is "udp" or "tcp".
	Transport string
	// Type is the type that was asked for, zero when there was no question.
	Type uint16
	// Rcode is the response's.
	Rcode int
	// Duration is the time from the query's arrival in the handler until the response was handed to the kernel.
	Duration time.Duration
}

var _ dns.Handler = &Handler{}

// ServeDNS answers one query. A message that is itself a response gets none, or two servers could keep each other busy.
func (h *Handler) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	if query.Response {
		return
	}
	start := time.Now()
	observation := Observation{Transport: "udp"}
	limit := udpLimit(query)
	if _, ok := w.RemoteAddr().(*net.TCPAddr); ok {
		observation.Transport = "tcp"
		limit = dns.MaxMsgSize
	}
	response := h.respond(query)
	response.Truncate(limit)
	// Compressing costs less than the octets it saves are worth, above all when a client has a small buffer.
	response.Compress = true
	// There is nobody to tell when it fails: the client asks again.
	_ = w.WriteMsg(response)

	if len(query.Question) > 0 {
		observation.Type = query.Question[0].Qtype
	}
	observation.Rcode = response.Rcode
	observation.Duration = time.Since(start)
	h.Observe(observation)
}

// respond returns the response to the query, of any size.
func (h *Handler) respond(query *dns.Msg) *dns.Msg {
	response := new(dns.Msg).SetReply(query)
	response.Opcode = query.Opcode
	response.Rcode = h.refusal(query)
	respondEDNS(query, response)
	if response.Rcode != dns.RcodeSuccess {
		return response
	}
	snapshot := h.Snapshot()
	if snapshot == nil {
		response.Rcode = dns.RcodeServerFailure
		return response
	}
	question := query.Question[0]
	result := snapshot.Lookup(strings.ToLower(strings.TrimSuffix(question.Name, ".")), question.Qtype)
	h.fill(response, question, result)
	return response
}

// refusal returns the code of a query that is not looked up at all, dns.RcodeSuccess for one that is.
func (h *Handler) refusal(query *dns.Msg) int {
	options := optionsOf(query)
	switch {
	case query.Opcode != dns.OpcodeQuery:
		return dns.RcodeNotImplemented
	case len(query.Question) != 1, len(options) > 1: // RFC 9619, RFC 6891, section 6.1.1
		return dns.RcodeFormatError
	case len(options) == 1 && options[0].Version() != 0: // RFC 6891, section 6.1.3
		return dns.RcodeBadVers
	}
	question := query.Question[0]
	switch {
	case question.Qclass != dns.ClassINET:
		return dns.RcodeRefused
	case question.Qtype == dns.TypeAXFR, question.Qtype == dns.TypeIXFR:
		return dns.RcodeRefused
	}
	return dns.RcodeSuccess
}
