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

package netaddr_test

import (
	"net/netip"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

func TestAllowedAddresses(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, text := range []string{
		"8.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "100.100.100.201", "168.63.129.17",
		"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.0.1.0", "1.0.0.0", "223.255.255.255", "239.0.0.1.",
		"2001:db8::1", "3fff::1", "fd00::1", "fc00::1", "2606:4700::1111", "fd00:ec2::253", "2001:4860:4860::8888",
		// IPv4 in IPv6.
		"::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::808:808", "2002:c000:201::1", "2001:0:c000:201:0:0:3fff:fdfe",
		"::ffff:0:192.0.2.1", "fd00::5efe:10.0.0.1",
		"64:ff9b:1::10.0.0.1", "64:ff9b:1:0:a:1:200:0", "64:ff9b:1:a00:0:100::", "64:ff9b:1:a01:2:300::", "64:ff9b:1:abcd:ab::10.0.0.1",
		// Addresses next to the refused ranges.
		"fe00::1", "ff:ff::1", "101::1", "100:0:0:1::1", "64:ff9b:0:1::7f00:1", "64:ff9c::7f00:1",
	} {
		address, err := netip.ParseAddr(text)
		if err != nil {
			g.Expect(text).To(HaveSuffix("."), "only the invalid address of the table")
			continue
		}
		g.Expect(netaddr.Judge{}.Refuse(address)).To(BeEmpty(), text)
	}
}

func TestRefusedAddresses(t *testing.T) {
	t.Parallel()
	for text, why := range map[string]string{
		"0.0.0.0":            "the unspecified address",
		"::":                 "the unspecified address",
		"0.0.0.1":            "this network",
		"0.255.255.255":      "this network",
		"127.0.0.1":          "a loopback address",
		"127.255.255.254":    "a loopback address",
		"::1":                "a loopback address",
		"169.254.169.254":    "a link-local address",
		"fe80::1":            "a link-local address",
		"febf::1":            "a link-local address",
		"224.0.0.1":          "a link-local address",
		"ff02::1":            "a link-local address",
		"239.255.255.255":    "a multicast address",
		"ff0e::1":            "a multicast address",
		"240.0.0.1":          "a reserved address",
		"255.255.255.254":    "a reserved address",
		"255.255.255.255":    "the broadcast address",
		"192.0.0.1":          "reserved for protocols",
		"fec0::1":            "a site-local address",
		"feff::1":            "a site-local address",
		"100::1":             "a discard-only address",
		"::2":                "an IPv4-compatible address",
		"::10.0.0.1":         "an IPv4-compatible address",
		"::127.0.0.1":        "an IPv4-compatible address",
		"2001:db8::1%eth0":   "an address with a zone",
		"168.63.129.16":      "metadata",
		"100.100.100.200":    "metadata",
		"192.0.0.192":        "metadata",
		"fd00:ec2::254":      "metadata",
		"fd00:ec2::23":       "metadata",
		"fd20:ce::254":       "metadata",
		"fd00:c1::a9fe:a9fe": "metadata",
		"fd00:42::42":        "metadata",
		"fd00:a9fe:a9fe::1":  "metadata",
		"fd00:100::100:200":  "metadata",
		// IPv4 in IPv6.
		"::ffff:127.0.0.1":                 "a loopback address",
		"::ffff:169.254.169.254":           "a link-local address",
		"::ffff:0.0.0.0":                   "the unspecified address",
		"64:ff9b::7f00:1":                  "a NAT64 address for 127.0.0.1, which is a loopback address",
		"64:ff9b::169.254.169.254":         "a NAT64 address for 169.254.169.254, which is a link-local address",
		"64:ff9b::168.63.129.16":           "metadata",
		"64:ff9b::":                        "the unspecified address",
		"64:ff9b::224.0.0.251":             "a link-local address",
		"64:ff9b:1::7f00:1":                "a NAT64 address for 127.0.0.1",
		"64:ff9b:1:7f00:0:100::":           "a NAT64 address for 127.0.0.1",
		"64:ff9b:1:7f:0:1::":               "a NAT64 address for 127.0.0.1",
		"64:ff9b:1:ab7f:0:1::":             "a NAT64 address for",
		"64:ff9b:1:abcd:7f:0:100:0":        "a NAT64 address for 127.0.0.1",
		"64:ff9b:1:abcd:a9:fea9:fe00:0":    "a NAT64 address for 169.254.169.254",
		"64:ff9b:1:a9fe:a9:fe00::":         "a NAT64 address for 169.254.169.254",
		"::ffff:0:127.0.0.1":               "an IPv4-translated address",
		"2002:7f00:1::1":                   "a 6to4 address for 127.0.0.1, which is a loopback address",
		"2002:a9fe:a9fe::1":                "a 6to4 address for 169.254.169.254",
		"2002::":                           "a 6to4 address for 0.0.0.0",
		"2001:0:7f00:1::3fff:fdfe":         "a Teredo address for 127.0.0.1",
		"2001:0:c000:201::80ff:fffe":       "a Teredo address for 127.0.0.1",
		"fd00::5efe:127.0.0.1":             "an ISATAP address for 127.0.0.1",
		"2001:db8::200:5efe:169.254.169.2": "an ISATAP address for 169.254.169.2",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			NewWithT(t).Expect(netaddr.Judge{}.Refuse(netip.MustParseAddr(text))).To(ContainSubstring(why))
		})
	}
	NewWithT(t).Expect(netaddr.Judge{}.Refuse(netip.Addr{})).To(Equal("not an IP address"))
}

func judge(g Gomega, ranges ...string) netaddr.Judge {
	var denied []netip.Prefix
	for _, text := range ranges {
		prefix, err := netaddr.ParseRange(text)
		g.Expect(err).NotTo(HaveOccurred())
		denied = append(denied, prefix)
	}
	return netaddr.NewJudge(denied)
}

func TestDeniedRanges(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	j := judge(g, "10.96.0.0/12", "fd00:10:96::/112", "::ffff:192.0.2.0/120")
	for _, text := range []string{
		"10.96.0.1", "10.111.255.255", "fd00:10:96::1", "192.0.2.7", "::ffff:10.96.0.1", "::ffff:192.0.2.7", "64:ff9b::10.96.0.1", "2002:a60:1::",
	} {
		address := netip.MustParseAddr(text)
		g.Expect(j.Refuse(address)).To(ContainSubstring("in the denied range "), text)
		g.Expect(j.RefuseDenied(address)).To(Equal(j.Refuse(address)), text)
		g.Expect(netaddr.Judge{}.Refuse(address)).To(BeEmpty(), text)
	}
	for _, text := range []string{"10.95.255.255", "10.112.0.0", "fd00:10:97::1", "192.0.3.7", "64:ff9b::10.95.0.1"} {
		g.Expect(j.Refuse(netip.MustParseAddr(text))).To(BeEmpty(), text)
	}
	g.Expect(j.Refuse(netip.MustParseAddr("127.0.0.1"))).To(Equal("a loopback address"))
	g.Expect(j.RefuseDenied(netip.MustParseAddr("127.0.0.1"))).To(BeEmpty())
	g.Expect(judge(g, "::/0").Refuse(netip.MustParseAddr("2001:db8::1"))).To(Equal("in the denied range ::/0"))
	g.Expect(judge(g, "fd00::/8").RefuseDenied(netip.MustParseAddr("fd00::1%eth0"))).NotTo(BeEmpty(), "the zone is ignored")
}

func TestParseRange(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.96.0.0/12":        "10.96.0.0/12",
		"fd00::/8":            "fd00::/8",
		"::ffff:10.0.0.0/104": "10.0.0.0/8",
		"0.0.0.0/0":           "0.0.0.0/0",
		"10.96.0.1/12":        "!write 10.96.0.0/12",
		"10.96.0.0":           "!not a CIDR",
		"10.96.0.0/33":        "!not a CIDR",
		"fe80::%eth0/64":      "!not a CIDR",
		"":                    "!not a CIDR",
		"services":            "!not a CIDR",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			prefix, err := netaddr.ParseRange(text)
			if problem, ok := strings.CutPrefix(want, "!"); ok {
				g.Expect(err).To(MatchError(ContainSubstring(problem)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(prefix.String()).To(Equal(want))
		})
	}
}

// Refuse is called for each address of each slice and of each answer.
func TestRefuseDoesNotAllocateForAnAllowedAddress(t *testing.T) {
	g := NewWithT(t)
	j := judge(g, "10.96.0.0/12")
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	g.Expect(testing.AllocsPerRun(100, func() { j.Refuse(four); j.Refuse(six) })).To(BeZero())
}

// FuzzRefuse checks the judge against independent rules: it never panics, an IPv4-mapped address is
// judged like the IPv4 address, and every allowed address is a global unicast address.
func FuzzRefuse(f *testing.F) {
	for _, text := range []string{
		"127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1:7f00:0:100::", "2002:7f00:1::", "2001:0:7f00:1::", "fe80::1", "10.0.0.1",
		"fd00:ec2::254", "0.0.0.1", "240.0.0.1", "2001:db8::1",
	} {
		address := netip.MustParseAddr(text)
		f.Add(address.AsSlice())
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		address, ok := netip.AddrFromSlice(octets)
		reason := netaddr.Judge{}.Refuse(address)
		if !ok {
			if reason == "" {
				t.Fatalf("%v is not an address but is allowed", octets)
			}
			return
		}
		if again := (netaddr.Judge{}).Refuse(address.Unmap()); again != reason {
			t.Fatalf("%s: %q, and %q for the unmapped address", address, reason, again)
		}
		everything := netaddr.NewJudge([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")})
		if everything.Refuse(address) == "" || everything.RefuseDenied(address) == "" {
			t.Fatalf("%s is not refused although every range is denied", address)
		}
		if reason != "" {
			return
		}
		plain := address.Unmap()
		if !plain.IsGlobalUnicast() || plain.Is4() && (plain.As4()[0] == 0 || plain.As4()[0] >= 224) {
			t.Fatalf("%s is allowed", address)
		}
		// A NAT64 address is judged like the IPv4 address that it embeds.
		if plain.Is4() {
			four := plain.As4()
			through := netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 12: four[0], 13: four[1], 14: four[2], 15: four[3]})
			if reason := (netaddr.Judge{}).Refuse(through); reason != "" {
				t.Fatalf("%s is allowed, but %s is refused: %s", plain, through, reason)
			}
		}
	})
}
