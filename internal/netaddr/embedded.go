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

package netaddr

import (
	"bytes"
	"net/netip"
)

var (
	// RFC 6052, section 2.1. DNS64 answers with such addresses.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	// RFC 8215: prefixes of an operator's own choice.
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")
	// RFC 2765, section 2.1: obsolete, and still translated by some.
	translated = netip.MustParsePrefix("::ffff:0:0:0/96")
	// RFC 3056, section 2.
	sixToFour = netip.MustParsePrefix("2002::/16")
	// RFC 4380, section 4.
	teredo = netip.MustParsePrefix("2001::/32")
)

// embedded returns the IPv4 addresses that packets for an IPv6 address may end up at, and the name of its form, with
// an article. The forms themselves are no reason to refuse: networks without IPv4 reach the rest of the world through
// them. An operator's own prefix outside of the well-known ones looks like any other address; its ranges can be
// denied.
func embedded(address netip.Addr) (form string, carried []netip.Addr) {
	if !address.Is6() || address.Is4In6() {
		return "", nil
	}
	octets := address.As16()
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte(octets[i : i+4])) }
	switch {
	case nat64.Contains(address):
		return "a NAT64", []netip.Addr{at(12)}
	case localNAT64.Contains(address):
		return "a NAT64", []netip.Addr{local(octets)}
	case translated.Contains(address):
		return "an IPv4-translated", []netip.Addr{at(12)}
	case sixToFour.Contains(address):
		return "a 6to4", []netip.Addr{at(2)}
	case teredo.Contains(address):
		// The server's address, and the client's with all bits inverted.
		var client [4]byte
		for i := range client {
			client[i] = ^octets[12+i]
		}
		return "a Teredo", []netip.Addr{at(4), netip.AddrFrom4(client)}
	case octets[8]&^0x02 == 0 && octets[9] == 0 && octets[10] == 0x5e && octets[11] == 0xfe:
		// RFC 5214, section 6.1, below any prefix.
		return "an ISATAP", []netip.Addr{at(12)}
	}
	return "", nil
}

// local returns the IPv4 address in an address below 64:ff9b:1::/48. Where it stands depends on the length of the
// operator's prefix, which is 48, 56, 64 or 96 bits (RFC 6052, section 2.2). It can be told by the zeros that follow
// the shorter forms. Octet 8 is always zero, and no part of it.
func local(octets [16]byte) netip.Addr {
	zeros := func(from int) bool { return bytes.Count(octets[from:], []byte{0}) == len(octets)-from }
	switch {
	case zeros(11):
		return netip.AddrFrom4([4]byte{octets[6], octets[7], octets[9], octets[10]})
	case zeros(12):
		return netip.AddrFrom4([4]byte{octets[7], octets[9], octets[10], octets[11]})
	case zeros(13):
		return netip.AddrFrom4([4]byte(octets[9:13]))
	}
	return netip.AddrFrom4([4]byte(octets[12:16]))
}
