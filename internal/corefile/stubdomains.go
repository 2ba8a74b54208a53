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
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

const (
	// stubDomainsFolder is the path at which NodeLocal DNSCache reads the ConfigMap of kube-dns, if
	// it is mounted.
	stubDomainsFolder = "/etc/kube-dns"
	// stubDomainsKey is the key of a JSON object with the DNS servers by zone.
	stubDomainsKey = "stubDomains"
)

// rejectStubDomain returns ErrForeignBlock if the zone is a stub domain of NodeLocal DNSCache. It
// adds a server block for each stub domain, and does not start with two blocks for one zone.
func (c Cluster) rejectStubDomain(s Server, zone string) error {
	if !s.Cache {
		return nil
	}
	for _, m := range s.Mounts {
		if path.Clean(m.Path) != stubDomainsFolder || m.ConfigMap.Name == "" {
			continue
		}
		file := File{ConfigMap: m.ConfigMap, Key: stubDomainsKey}
		// NodeLocal DNSCache also ignores a malformed value.
		var servers map[string]json.RawMessage
		if json.Unmarshal([]byte(c.text(file)), &servers) != nil {
			continue
		}
		for domain := range servers {
			if strings.EqualFold(strings.TrimSuffix(domain, "."), zone) {
				return fmt.Errorf("%w: %s has a stub domain for %s, for which the cache adds a server block", ErrForeignBlock, file, zone)
			}
		}
	}
	return nil
}
