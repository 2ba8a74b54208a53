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
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

// library answers queries with the DNS library: it unpacks the query, builds a dns.Msg and packs
// it. It shares only the zone and the aliases with the production code.
type library struct {
	handler *Handler
	now     time.Time
}

func (l *library) answer(packet []byte, transport query.Transport) []byte {
	if len(packet) < 12 || packet[2]&0x80 != 0 {
		return nil
	}
	asked := unpack(packet)
	response, limit := refuseUnread(packet, asked), dns.MinMsgSize
	if response == nil {
		limit = udpLimit(asked)
		response = l.respond(asked)
	}
	if transport == query.TCP {
		limit = dns.MaxMsgSize
	}
	response.Compress = true
	shed(response, min(limit, query.MaxUDP))
	response.Truncate(limit)
	// Truncate switches compression off if the message fits without it.
	response.Compress = true
	packed, err := response.Pack()
	if err != nil {
		panic(err)
	}
	return packed
}

// unpack returns the query with its header, its questions and its OPT records, whose options are
// left out. It returns nil for a malformed packet.
func unpack(packet []byte) *dns.Msg {
	stripped, ok := strip(packet)
	asked := new(dns.Msg)
	if !ok || asked.Unpack(stripped) != nil || !isWhole(stripped, asked) {
		return nil
	}
	return asked
}

// strip returns the packet without everything that no response depends on.
func strip(packet []byte) ([]byte, bool) {
	var counts [4]int
	total := 0
	for i := range counts {
		counts[i] = int(binary.BigEndian.Uint16(packet[4+2*i:]))
		total += counts[i]
	}
	if total > 5 {
		return nil, false
	}
	at := 12
	for range counts[0] {
		end, ok := nameEnd(packet, at)
		if !ok || end+4 > len(packet) || isCompressed(packet, at) {
			return nil, false
		}
		at = end + 4
	}
	stripped := slices.Clone(packet[:at])
	options := uint16(0)
	for range total - counts[0] {
		owner := at
		end, ok := nameEnd(packet, at)
		if !ok || end+10 > len(packet) {
			return nil, false
		}
		header := packet[end : end+10]
		size := int(binary.BigEndian.Uint16(header[8:]))
		if at = end + 10 + size; at > len(packet) {
			return nil, false
		}
		if binary.BigEndian.Uint16(header) != dns.TypeOPT {
			continue
		}
		if !optionsAreWhole(packet[end+10 : at]) {
			return nil, false
		}
		options++
		if packet[owner] != 0 {
			// Any name but the root gets the same response.
			stripped = append(stripped, 1, 'x')
		}
		stripped = append(stripped, 0)
		stripped = append(append(stripped, header[:8]...), 0, 0)
	}
	binary.BigEndian.PutUint32(stripped[6:], 0)
	binary.BigEndian.PutUint16(stripped[10:], options)
	return stripped, true
}

func nameEnd(packet []byte, at int) (end int, ok bool) {
	for at < len(packet) {
		switch length := int(packet[at]); {
		case length == 0:
			return at + 1, true
		case length >= 0xc0:
			return at + 2, at+2 <= len(packet)
		case length > 63:
			return 0, false
		default:
			at += 1 + length
		}
	}
	return 0, false
}

// isCompressed returns whether a name that nameEnd accepts ends in a pointer. A question has nothing
// in front of it to point to.
func isCompressed(packet []byte, at int) bool {
	for packet[at] != 0 && packet[at] < 0xc0 {
		at += 1 + int(packet[at])
	}
	return packet[at] != 0
}

func optionsAreWhole(data []byte) bool {
	for len(data) >= 4 {
		length := 4 + int(binary.BigEndian.Uint16(data[2:]))
		if length > len(data) {
			return false
		}
		data = data[length:]
	}
	return len(data) == 0
}

// isWhole returns whether the library has found as many records as the header says. The library
// accepts missing ones at the end.
func isWhole(packet []byte, asked *dns.Msg) bool {
	for i, found := range []int{len(asked.Question), len(asked.Answer), len(asked.Ns), len(asked.Extra)} {
		if found != int(binary.BigEndian.Uint16(packet[4+2*i:])) {
			return false
		}
	}
	return true
}

// refuseUnread returns the response to a query with an unsupported header and to a malformed query,
// nil for other queries.
func refuseUnread(packet []byte, asked *dns.Msg) *dns.Msg {
	var response *dns.Msg
	switch opcode := int(packet[2]>>3) & 0xf; {
	case opcode != dns.OpcodeQuery:
		response = refuse(packet, dns.RcodeNotImplemented)
	case asked == nil, len(asked.Question) != 1: // RFC 9619
		response = refuse(packet, dns.RcodeFormatError)
	default:
		return nil
	}
	switch {
	case asked != nil:
		respondEDNS(asked, response)
	case hasOption(packet):
		response.SetEdns0(query.MaxUDP, false)
	}
	return response
}

// refuse returns a response that repeats only the header.
func refuse(packet []byte, rcode int) *dns.Msg {
	response := new(dns.Msg)
	response.Id = binary.BigEndian.Uint16(packet)
	response.Response = true
	response.Opcode = int(packet[2]>>3) & 0xf
	response.RecursionDesired = packet[2]&0x01 != 0
	response.CheckingDisabled = packet[3]&0x10 != 0
	response.Rcode = rcode
	return response
}

// respond returns the response to the query, of any size.
func (l *library) respond(asked *dns.Msg) *dns.Msg {
	response := new(dns.Msg).SetReply(asked)
	response.Rcode = refusal(asked)
	respondEDNS(asked, response)
	if response.Rcode != dns.RcodeSuccess {
		return response
	}
	snapshot := l.handler.Snapshot()
	if snapshot == nil {
		response.Rcode = dns.RcodeServerFailure
		return response
	}
	w := writer{handler: l.handler, snapshot: snapshot, response: response, now: l.now}
	w.write(asked.Question[0])
	return response
}

// refusal returns the code for a query that is not looked up, dns.RcodeSuccess for other queries.
func refusal(asked *dns.Msg) int {
	options := optionsOf(asked)
	switch {
	case len(options) > 1, len(options) == 1 && options[0].Hdr.Name != ".": // RFC 6891, sections 6.1.1 and 6.1.2
		return dns.RcodeFormatError
	case len(options) == 1 && options[0].Version() != 0: // RFC 6891, section 6.1.3
		return dns.RcodeBadVers
	}
	question := asked.Question[0]
	switch {
	case question.Qclass != dns.ClassINET:
		return dns.RcodeRefused
	case question.Qtype == dns.TypeAXFR, question.Qtype == dns.TypeIXFR:
		return dns.RcodeRefused
	}
	return dns.RcodeSuccess
}

// optionsOf returns the OPT records of the query. There should be at most one.
func optionsOf(asked *dns.Msg) []*dns.OPT {
	var options []*dns.OPT
	for _, record := range asked.Extra {
		if option, ok := record.(*dns.OPT); ok {
			options = append(options, option)
		}
	}
	return options
}

// udpLimit returns the largest size of a response over UDP (RFC 6891, section 6.2.3).
func udpLimit(asked *dns.Msg) int {
	options := optionsOf(asked)
	if len(options) == 0 {
		return dns.MinMsgSize
	}
	return min(max(int(options[0].UDPSize()), dns.MinMsgSize), query.MaxUDP)
}

// respondEDNS adds an OPT record if the query has one (RFC 6891, section 6.1.1), with the same DO
// bit (RFC 3225, section 3).
func respondEDNS(asked, response *dns.Msg) {
	if options := optionsOf(asked); len(options) > 0 {
		response.SetEdns0(query.MaxUDP, options[0].Do())
	}
}

// shed removes RRsets from the end of the additional section until the message fits (RFC 2181,
// section 9). That does not count as truncation.
func shed(response *dns.Msg, limit int) {
	for response.Len() > limit {
		last := len(response.Extra) - 1
		if last >= 0 && response.Extra[last].Header().Rrtype == dns.TypeOPT {
			last--
		}
		if last < 0 {
			return
		}
		first := last
		for first > 0 && response.Extra[first-1].Header().Rrtype == response.Extra[last].Header().Rrtype {
			first--
		}
		response.Extra = append(response.Extra[:first:first], response.Extra[last+1:]...)
	}
}
