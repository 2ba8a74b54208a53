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

import "slices"

// rejectUnreachable refuses a Corefile in which a block of ours would do harm beside the main one, that of the root zone.
// CoreDNS opens a socket for each port and each address that blocks are bound to, and answers a query from the blocks of
// the socket that it came to. So beside "bind 0.0.0.0" a block without bind takes a share of all queries and refuses
// those for other zones; beside another address it is never asked. If the main block is on port 8053 because CoreDNS
// may not open port 53, CoreDNS does not start with a block there.
//
// A Corefile without a block for the root zone says nothing about it.
func rejectUnreachable(statements []statement, zones string) error {
	roots := slices.DeleteFunc(slices.Clone(statements), func(s statement) bool {
		return s.isImport() || !slices.ContainsFunc(s.keys, isRootZone)
	})
	onPort := slices.IndexFunc(roots, func(s statement) bool { return servesZone(s, "") })
	switch {
	case len(roots) == 0:
		return nil
	case onPort < 0:
		return unsupported(roots[0].first, "no block for the root zone is on port %s, so one for %s would not be asked there", defaultPort, zones)
	case roots[onPort].isBound():
		return unsupported(roots[onPort].first, "the block for the root zone is bound to addresses, where one for %s would not be asked", zones)
	}
	return nil
}

// isRootZone returns whether the key is the root zone's on any port of plain DNS.
func isRootZone(key string) bool {
	zone, _ := splitKey(key)
	return zone == ""
}

func (s statement) isBound() bool {
	return slices.ContainsFunc(s.plugins(), func(plugin []string) bool { return plugin[0] == "bind" })
}
