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
	"net"
	"slices"
	"strconv"
	"strings"
)

const defaultPort = "53"

// servesZone returns whether the statement is a server block that CoreDNS takes for the zone's on the port: two of them
// are "already defined".
func servesZone(s statement, zone, port string) bool {
	return !s.isImport() && slices.ContainsFunc(s.keys, func(key string) bool { return isZone(key, zone, port) })
}

// isZone returns whether a key of a server block, such as "dns://XCC.test.:53", means the zone on the port of plain DNS.
func isZone(key, zone, port string) bool {
	name, on := splitKey(key)
	return on == port && strings.EqualFold(name, zone)
}

// splitKey returns the zone of a key, without the final dot, and the port. It reads the key as CoreDNS does: the transport is in
// lower case, and what follows the last colon is the port if it is a number. Of another transport than plain DNS the
// prefix stays, so that it is no zone.
func splitKey(key string) (zone, port string) {
	zone, port = strings.TrimPrefix(key, "dns://"), defaultPort
	if colon := strings.LastIndexByte(zone, ':'); colon >= 0 {
		if number, err := strconv.Atoi(zone[colon+1:]); err == nil {
			zone, port = zone[:colon], strconv.Itoa(number)
		}
	}
	return strings.TrimSuffix(zone, "."), port
}

// isAddress returns whether a target of the forward plugin, such as "dns://10.96.0.10:53", is one of the IPs on port 53.
func isAddress(target string, ips []string) bool {
	target = strings.TrimPrefix(target, "dns://")
	if host, port, err := net.SplitHostPort(target); err == nil && port == defaultPort {
		target = host
	}
	ip := net.ParseIP(target)
	return ip != nil && slices.ContainsFunc(ips, func(other string) bool { return ip.Equal(net.ParseIP(other)) })
}
