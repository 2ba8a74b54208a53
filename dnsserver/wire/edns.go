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
)

// maxUDP is the largest response over UDP in octets, which no path of the internet fragments (the DNS flag day of 2020).
const maxUDP = 1232

// optionsOf returns the OPT records of the query. There should be one at most.
func optionsOf(query *dns.Msg) []*dns.OPT {
	var options []*dns.OPT
	for _, record := range query.Extra {
		if option, ok := record.(*dns.OPT); ok {
			options = append(options, option)
		}
	}
	return options
}

// udpLimit returns how many octets a response over UDP may have: what the client asks for, within bounds, and 512 when
// it says nothing (RFC 6891, section 6.2.3).
func udpLimit(query *dns.Msg) int {
	options := optionsOf(query)
	if len(options) == 0 {
		return dns.MinMsgSize
	}
	return min(max(int(options[0].UDPSize()), dns.MinMsgSize), maxUDP)
}

// respondEDNS adds an OPT record to the response when the query has one, and only then (RFC 6891, section 6.1.1). It
// repeats the DO bit (RFC 3225, section 3) and no options, because we know none.
func respondEDNS(query, response *dns.Msg) {
	if options := optionsOf(query); len(options) > 0 {
		response.SetEdns0(maxUDP, options[0].Do())
	}
}

// hasOption returns whether an OPT record follows the question of a packet that cannot be read. The response to one that is badly
// formatted has an OPT record itself (RFC 6891, section 7).
func hasOption(packet []byte) bool {
	counts := binary.BigEndian.Uint64(packet[4:])
	_, at, err := dns.UnpackDomainName(packet, headerSize)
	// One question, no answer, no authority, and something behind them.
	if err != nil || counts>>16 != 1<<32 || counts&0xffff == 0 {
		return false
	}
	// Behind the type and the class, an OPT record begins with the root and its type.
	rest := packet[min(at+4, len(packet)):]
	return len(rest) >= 3 && rest[0] == 0 && binary.BigEndian.Uint16(rest[1:]) == dns.TypeOPT
}
