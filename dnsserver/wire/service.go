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
	"strings"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// writeServices adds SRV records of the name, and what is known of the addresses that they lead to (RFC 2782). All are as good as
// each other: there is one gateway behind them.
func (w *writer) writeServices(name string, result zone.Result) {
	// Behind the service and the protocol, spelled as it was asked for.
	target := name[dns.Split(name)[2]:]
	if result.Alias != "" {
		end, ok := w.endOf(result.Alias)
		if !ok {
			w.fail()
			return
		}
		target = end + "."
	}
	for _, service := range result.Services {
		w.response.Answer = append(w.response.Answer, &dns.SRV{
			Hdr: header(name, dns.TypeSRV, w.handler.TTL), Port: service.Port, Target: target,
		})
	}
	var known []dns.RR
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		known = append(known, w.known(target, qtype)...)
	}
	// In front of the OPT record, which is there already.
	w.response.Extra = append(known, w.response.Extra...)
}

// endOf returns the name at the end of the aliases within our zones that begin with the name, because an SRV record must not lead to
// an alias. It returns false where there are so many that they are more likely a loop.
func (w *writer) endOf(name string) (string, bool) {
	for range maxAliases {
		result := lookup(w.snapshot, name, dns.TypeA)
		if result.Kind != zone.Alias {
			return name, true
		}
		name = result.Alias
	}
	return "", false
}

// known returns address records of a name as far as they are known without waiting, aliases left out.
func (w *writer) known(name string, qtype uint16) []dns.RR {
	switch result := lookup(w.snapshot, name, qtype); result.Kind {
	case zone.Addresses:
		return rotated(addressRecords(name, result.Addresses, w.handler.TTL))
	case zone.OutsideZones:
		answer := w.handler.Aliases.Cached(strings.TrimSuffix(name, "."), qtype)
		if answer == nil || len(answer.Chain) > 0 {
			return nil
		}
		return rotated(addressRecords(name, answer.Addresses, answer.TTL(w.now)))
	default:
		return nil
	}
}

// shed leaves out of the additional section what does not fit into as many octets, a whole RRset at a time, before anything of the answer
// is left out. The response is not truncated by that (RFC 2181, section 9).
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
