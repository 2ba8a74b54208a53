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
	"fmt"
	"net/netip"
	"slices"
)

// Judge decides which addresses may be published. The zero value has no denied ranges.
type Judge struct {
	denied []netip.Prefix
}

// NewJudge returns a Judge that also refuses addresses in the denied ranges. ParseRange parses a
// range.
func NewJudge(denied []netip.Prefix) Judge {
	return Judge{denied: denied}
}

// Refuse returns why an address must not be published, or "" if it may be. The reason completes the
// sentence "the address is …". An IPv4-mapped IPv6 address counts as the IPv4 address.
func (j Judge) Refuse(address netip.Addr) string {
	if reason := inherent(address); reason != "" {
		return reason
	}
	return j.RefuseDenied(address)
}

// RefuseDenied is Refuse for the denied ranges only. It is for addresses from a trusted author.
func (j Judge) RefuseDenied(address netip.Addr) string {
	if len(j.denied) == 0 {
		return ""
	}
	address = address.Unmap().WithZone("")
	within := func(address netip.Addr) string {
		if i := slices.IndexFunc(j.denied, func(prefix netip.Prefix) bool { return prefix.Contains(address) }); i >= 0 {
			return "in the denied range " + j.denied[i].String()
		}
		return ""
	}
	if reason := within(address); reason != "" {
		return reason
	}
	return throughEmbedded(address, within)
}

// ParseRange reads a range as CIDR, for example 10.96.0.0/12 or fd00::/8.
func ParseRange(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is not a CIDR such as 10.96.0.0/12", text)
	case prefix != prefix.Masked():
		return netip.Prefix{}, fmt.Errorf("%q has bits set beyond its length: write %s", text, prefix.Masked())
	case prefix.Addr().Is4In6() && prefix.Bits() >= mappedBits:
		return netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mappedBits), nil
	}
	return prefix, nil
}

// mappedBits is the prefix length of IPv4-mapped IPv6 addresses (RFC 4291, section 2.5.5.2).
const mappedBits = 96

// inherent is Refuse without the denied ranges.
func inherent(address netip.Addr) string {
	switch {
	case !address.IsValid():
		return "not an IP address"
	case address.Zone() != "":
		return "an address with a zone"
	}
	address = address.Unmap()
	if reason := special(address); reason != "" {
		return reason
	}
	return throughEmbedded(address, special)
}

// throughEmbedded applies judge to the IPv4 addresses that are embedded in an IPv6 address.
func throughEmbedded(address netip.Addr, judge func(netip.Addr) string) string {
	form, carried := embedded(address)
	for _, inner := range carried {
		if reason := judge(inner); reason != "" {
			return fmt.Sprintf("%s address for %s, which is %s", form, inner, reason)
		}
	}
	return ""
}

// special returns why an address must not be published, ignoring an embedded IPv4 address. The
// address must have no zone and must not be IPv4-mapped.
func special(address netip.Addr) string {
	switch {
	case address.IsUnspecified():
		// Linux connects to the local host (RFC 1122, section 3.2.1.3, forbids it as a
		// destination).
		return "the unspecified address"
	case address.IsLoopback():
		return "a loopback address"
	case metadata[address]:
		return "the address of a cloud's metadata service"
	case address.IsLinkLocalUnicast(), address.IsLinkLocalMulticast():
		return "a link-local address"
	case address.IsMulticast():
		return "a multicast address"
	case address == broadcast:
		return "the broadcast address"
	}
	for _, reserved := range reservedRanges {
		if reserved.prefix.Contains(address) {
			return reserved.reason
		}
	}
	return ""
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// reservedRanges contain no address that another host could connect to.
var reservedRanges = []struct {
	prefix netip.Prefix
	reason string
}{
	// RFC 1122, section 3.2.1.3.
	{netip.MustParsePrefix("0.0.0.0/8"), "an address of \"this network\""},
	// RFC 6890, section 2.2.2. It includes a node's own address for IPv4 over IPv6 (RFC 7335).
	{netip.MustParsePrefix("192.0.0.0/24"), "an address that is reserved for protocols"},
	// RFC 1112, section 4.
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},
	// RFC 3879: deprecated, and not unique.
	{netip.MustParsePrefix("fec0::/10"), "a site-local address"},
	// RFC 6666: routers discard the packets.
	{netip.MustParsePrefix("100::/64"), "a discard-only address"},
	// RFC 4291, section 2.5.5.1: deprecated.
	{netip.MustParsePrefix("::/96"), "an IPv4-compatible address, which is obsolete"},
}

// metadata are the addresses of the clouds' metadata services, which hand out credentials.
// Link-local addresses are refused anyway: 169.254.169.254 in most clouds, 169.254.170.2 and
// 169.254.170.23 on AWS, and 169.254.42.42 on Scaleway.
var metadata = map[netip.Addr]bool{
	netip.MustParseAddr("168.63.129.16"):      true, // Azure's platform services, WireServer
	netip.MustParseAddr("100.100.100.200"):    true, // Alibaba Cloud
	netip.MustParseAddr("192.0.0.192"):        true, // Oracle Cloud, first generation
	netip.MustParseAddr("fd00:ec2::254"):      true, // AWS EC2
	netip.MustParseAddr("fd00:ec2::23"):       true, // AWS EKS Pod Identity
	netip.MustParseAddr("fd20:ce::254"):       true, // Google Cloud
	netip.MustParseAddr("fd00:c1::a9fe:a9fe"): true, // Oracle Cloud Infrastructure
	netip.MustParseAddr("fd00:42::42"):        true, // Scaleway
	netip.MustParseAddr("fd00:a9fe:a9fe::1"):  true, // Akamai (Linode)
	netip.MustParseAddr("fd00:100::100:200"):  true, // Alibaba Cloud
}
