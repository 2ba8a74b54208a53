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

package corefile

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

const defaultPort = "53"

// servesZone returns whether the statement is a server block for the zone on the port. CoreDNS does
// not start with two of them ("already defined").
func servesZone(s statement, zone, port string) bool {
	return !s.isImport() && slices.ContainsFunc(s.keys, func(key string) bool { return isZone(key, zone, port) })
}

// isZone returns whether a key of a server block, such as "dns://XCC.test.:53", is the zone on the
// port for plain DNS.
func isZone(key, zone, port string) bool {
	name, on := splitKey(key)
	return on == port && strings.EqualFold(name, zone)
}

// splitKey returns the zone of a key, without the final dot, and the port. As in CoreDNS, the part
// after the last colon is the port if it is a number. The prefix of a transport other than plain
// DNS stays, so the result equals no zone.
func splitKey(key string) (zone, port string) {
	zone, port = strings.TrimPrefix(key, "dns://"), defaultPort
	if colon := strings.LastIndexByte(zone, ':'); colon >= 0 {
		if number, err := strconv.Atoi(zone[colon+1:]); err == nil {
			zone, port = zone[:colon], strconv.Itoa(number)
		}
	}
	return strings.TrimSuffix(zone, "."), port
}

// zonesOf returns the zones of a server block's key: one zone, or the reverse zones of a network.
func zonesOf(key string) ([]zoneOnPort, error) {
	transport, name := splitTransport(key)
	port := defaultPorts[transport]
	if colon := strings.LastIndexByte(name, ':'); colon >= 0 {
		if colon == len(name)-1 {
			return nil, fmt.Errorf("the key %q has no port after its colon", key)
		}
		if number, err := strconv.Atoi(name[colon+1:]); err == nil {
			name, port = name[:colon], strconv.Itoa(number)
		}
	}
	names := []string{strings.TrimSuffix(strings.ToLower(name), ".")}
	if prefix, err := netip.ParsePrefix(name); err == nil && name[0] != ':' && (name[0] != '0' || prefix.Addr().Is4()) {
		names = reverseZones(prefix.Masked())
	} else if !isDomainName(names[0]) {
		return nil, fmt.Errorf("the key %q is not a domain name", key)
	}
	zones := make([]zoneOnPort, 0, len(names))
	for _, name := range names {
		zones = append(zones, zoneOnPort{transport: transport, zone: name, port: port})
	}
	return zones, nil
}

// defaultPorts are the default ports of CoreDNS's transports.
var defaultPorts = map[string]string{"dns": defaultPort, "tls": "853", "quic": "853", "grpc": "443", "https": "443", "https3": "443", "unix": ""}

func splitTransport(key string) (transport, rest string) {
	for transport := range defaultPorts {
		if rest, found := strings.CutPrefix(key, transport+"://"); found {
			return transport, rest
		}
	}
	return "dns", key
}

// isDomainName returns whether CoreDNS accepts a name without the final dot. It allows any
// characters in DNS labels of up to 63 bytes. Escapes are not supported here.
func isDomainName(name string) bool {
	return name == "" || len(name) < 255 && !slices.ContainsFunc(strings.Split(name, "."), func(label string) bool {
		return label == "" || len(label) > 63 || strings.Contains(label, `\`)
	})
}

// reverseZones returns the reverse zones of a network, without final dots. There is one if the
// prefix ends at a DNS label, and otherwise up to 128.
func reverseZones(network netip.Prefix) []string {
	labelBits, suffix := 8, "in-addr.arpa"
	if network.Addr().Is6() {
		labelBits, suffix = 4, "ip6.arpa"
	}
	labels := (network.Bits() + labelBits - 1) / labelBits
	address := network.Addr().AsSlice()
	label := func(i int) int {
		if labelBits == 4 {
			return int(address[i/2]>>(4*(1-i%2))) & 0xf
		}
		return int(address[i])
	}
	format := func(value int) string {
		if labelBits == 4 {
			return strconv.FormatInt(int64(value), 16)
		}
		return strconv.Itoa(value)
	}
	zone := suffix
	for i := range labels - 1 {
		zone = format(label(i)) + "." + zone
	}
	if labels == 0 {
		return []string{suffix}
	}
	var zones []string
	for i := range 1 << (labels*labelBits - network.Bits()) {
		zones = append(zones, format(label(labels-1)+i)+"."+zone)
	}
	return zones
}

// isAddress returns whether a target of the forward plugin, such as "dns://10.96.0.10:53", is port
// 53 of one of the IPs.
func isAddress(target string, ips []string) bool {
	target = strings.TrimPrefix(target, "dns://")
	if host, port, err := net.SplitHostPort(target); err == nil && port == defaultPort {
		target = host
	}
	ip := net.ParseIP(target)
	return ip != nil && slices.ContainsFunc(ips, func(other string) bool { return ip.Equal(net.ParseIP(other)) })
}
