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
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// maxRecords is how many questions and records a message may have in total, or it is not read, because that allocates something for
// each. A query has a question, and needs an OPT record, perhaps a signature, and an incremental transfer's SOA.
const maxRecords = 5

// unpack returns the query with no more than its header, its questions and OPT records without options. It is nil where the packet is none
// that can be read.
func unpack(packet []byte) *dns.Msg {
	stripped, ok := strip(packet)
	query := new(dns.Msg)
	if !ok || query.Unpack(stripped) != nil || !isWhole(stripped, query) {
		return nil
	}
	return query
}

// strip returns the packet without what no response depends on. To read that would allocate for each option of an OPT record and
// each string of a TXT record, so that one query would cost hundreds of times another.
func strip(packet []byte) ([]byte, bool) {
	var counts [4]int
	total := 0
	for i := range counts {
		counts[i] = int(binary.BigEndian.Uint16(packet[4+2*i:]))
		total += counts[i]
	}
	if total > maxRecords {
		return nil, false
	}
	at := headerSize
	for range counts[0] {
		end, ok := skipName(packet, at)
		// There is nothing in front of the question that its name could be compressed with.
		if !ok || end+4 > len(packet) || packet[end-1] != 0 {
			return nil, false
		}
		at = end + 4
	}
	stripped := slices.Clone(packet[:at])
	options := uint16(0)
	for range total - counts[0] {
		owner := at
		end, ok := skipName(packet, at)
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
		if !wholeOptions(packet[end+10:at], size) {
			return nil, false
		}
		options++
		if packet[owner] != 0 {
			// Any name but the root: that is all that is asked of it.
			stripped = append(stripped, 1, 'x')
		}
		stripped = append(stripped, 0)
		stripped = append(append(stripped, header[:8]...), 0, 0)
	}
	binary.BigEndian.PutUint32(stripped[6:], 0)
	binary.BigEndian.PutUint16(stripped[10:], options)
	return stripped, true
}

// skipName returns where a name ends that begins in the packet, without following pointers.
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

// refuseUnread returns the response to a query that is refused for what its header says or because it cannot be read, nil for
// others.
func refuseUnread(packet []byte, query *dns.Msg) *dns.Msg {
	var response *dns.Msg
	switch opcode := int(packet[2]>>3) & 0xf; {
	case opcode != dns.OpcodeQuery:
		response = refuse(packet, dns.RcodeNotImplemented)
	case query == nil, len(query.Question) != 1: // RFC 9619
		response = refuse(packet, dns.RcodeFormatError)
	default:
		return nil
	}
	switch {
	case query != nil:
		respondEDNS(query, response)
	case hasOption(packet):
		response.SetEdns0(maxUDP, false)
	}
	return response
}

// isWhole returns whether the library has found as many records as the header says. It lets them be missing at the end.
func isWhole(packet []byte, query *dns.Msg) bool {
	for i, found := range []int{len(query.Question), len(query.Answer), len(query.Ns), len(query.Extra)} {
		if found != int(binary.BigEndian.Uint16(packet[4+2*i:])) {
			return false
		}
	}
	return true
}

// refuse returns a response that repeats nothing but the header, because the rest is of no use or could not be read.
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

// respond returns the response to the query, of any size, and nil when it has to be waited for.
func (h *Handler) respond(query *dns.Msg, chase chase, now time.Time) *dns.Msg {
	response := new(dns.Msg).SetReply(query)
	response.Rcode = refusal(query)
	respondEDNS(query, response)
	if response.Rcode != dns.RcodeSuccess {
		return response
	}
	snapshot := h.Snapshot()
	if snapshot == nil {
		response.Rcode = dns.RcodeServerFailure
		return response
	}
	w := writer{handler: h, snapshot: snapshot, response: response, chase: chase, now: now}
	if !w.write(query.Question[0]) {
		return nil
	}
	return response
}

// refusal returns the code of a query that is not looked up at all, dns.RcodeSuccess for one that is.
func refusal(query *dns.Msg) int {
	options := optionsOf(query)
	switch {
	case len(options) > 1, len(options) == 1 && options[0].Hdr.Name != ".": // RFC 6891, sections 6.1.1 and 6.1.2
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

// lookup looks a name of the library up.
func lookup(snapshot *zone.Snapshot, name string, qtype uint16) zone.Result {
	return snapshot.Lookup([]byte(strings.ToLower(strings.TrimSuffix(name, "."))), qtype)
}
