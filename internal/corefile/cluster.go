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
	"slices"
	"strings"
)

// rejectClusterZone refuses a zone whose block would hide names of Services and Pods. CoreDNS
// answers from the block with the longest matching zone, and the plugin kubernetes is usually in
// the block for the root zone.
func rejectClusterZone(f *files, blocks []statement, zone string) error {
	for _, s := range blocks {
		for _, p := range s.plugins() {
			if p.name != "kubernetes" {
				continue
			}
			served := p.arguments
			if len(served) == 0 {
				served = s.keys
			}
			if i := slices.IndexFunc(served, refersToEnvironment); i >= 0 {
				return fmt.Errorf("%w: %s: the zone %s may hide names of the cluster itself, whose zone %s comes from CoreDNS's environment",
					ErrUnsupported, f.position(s.file, s.first), zone, served[i])
			}
			if cluster := hiddenBy(zone, served); cluster != "" {
				return fmt.Errorf("%w: %s: the zone %s would hide names of the cluster itself, which are in %s in %s; choose another zone",
					ErrUnsupported, f.position(s.file, s.first), zone, cluster, f.name(s.file))
			}
		}
	}
	return nil
}

// hiddenBy returns the first of the cluster's zones with names of Services or Pods in the zone, or
// "". A zone such as xcc.cluster.local hides no such names.
func hiddenBy(zone string, served []string) string {
	for _, key := range served {
		cluster, _ := splitKey(strings.ToLower(key))
		for _, names := range []string{"svc", "pod"} {
			if cluster != "" {
				names += "." + cluster
			}
			if isWithin(names, zone) || isWithin(zone, names) {
				return key
			}
		}
	}
	return ""
}

// isWithin returns whether a name is the zone or below it.
func isWithin(name, zone string) bool {
	return name == zone || strings.HasSuffix(name, "."+zone)
}
