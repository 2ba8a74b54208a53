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

// servesZone returns whether the statement is a server block that CoreDNS takes for the zone's on port 53: two of them
// are "already defined".
func servesZone(s statement, zone string) bool {
	return !s.isImport() && slices.ContainsFunc(s.keys, func(key string) bool { return isZone(key, zone) })
}

// isZone returns whether a key of a server block, such as "dns://XCC.test.:53", means the zone on port 53 of plain DNS.
// It reads the key as CoreDNS does: the transport is in lower case, and what follows the last colon is the port if it is
// a number.
func isZone(key, zone string) bool {
	name := strings.TrimPrefix(key, "dns://")
	port := defaultPort
	if colon := strings.LastIndexByte(name, ':'); colon >= 0 {
		number, err := strconv.Atoi(name[colon+1:])
		if err != nil {
			return false
		}
		name, port = name[:colon], strconv.Itoa(number)
	}
	return port == defaultPort && strings.EqualFold(strings.TrimSuffix(name, "."), zone)
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
