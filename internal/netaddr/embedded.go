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
	// RFC 6052, section 2.1: the well-known prefix of DNS64 answers.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	// RFC 8215: the range for an operator's own prefix.
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")
	// RFC 2765, section 2.1: obsolete, but some translators still support it.
	translated = netip.MustParsePrefix("::ffff:0:0:0/96")
	// RFC 3056, section 2.
	sixToFour = netip.MustParsePrefix("2002::/16")
	// RFC 4380, section 4.
	teredo = netip.MustParsePrefix("2001::/32")
)

// embedded returns the IPv4 addresses that packets to an IPv6 address may reach, and the name of
// the address's form with an article. The forms are allowed as such: a network without IPv4 needs
// them to reach IPv4 hosts. A prefix outside of the well-known ones is not recognised; an
// administrator can deny it.
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
		// RFC 5214, section 6.1, with any prefix.
		return "an ISATAP", []netip.Addr{at(12)}
	}
	return "", nil
}

// local returns the IPv4 address in an address in 64:ff9b:1::/48. Its position depends on the
// length of the operator's prefix: 48, 56, 64 or 96 bits (RFC 6052, section 2.2). The number of
// trailing zeros distinguishes the forms. Octet 8 is always zero and is not part of the IPv4
// address.
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
