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

package reach

import "net"

// hasFamily reports whether this host has an address that could reach another host, per IP family.
// If it cannot tell, it has both.
func hasFamily() (ipv4, ipv6 bool) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return true, true
	}
	for _, address := range addresses {
		network, ok := address.(*net.IPNet)
		if !ok || !network.IP.IsGlobalUnicast() {
			continue
		}
		if network.IP.To4() != nil {
			ipv4 = true
		} else {
			ipv6 = true
		}
	}
	if !ipv4 && !ipv6 {
		return true, true
	}
	return ipv4, ipv6
}
