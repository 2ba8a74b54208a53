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

// rejectClusterZone refuses a zone whose block would take names of Services and Pods away from the plugin kubernetes:
// CoreDNS answers from the block with the longest matching zone, and the cluster's is usually in that of the root zone.
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
				return fmt.Errorf("%w: %s: it is not known whether the zone %s would take names of the cluster itself, which are in %s, from CoreDNS's environment",
					ErrUnsupported, f.place(s.file, s.first), zone, served[i])
			}
			if cluster := takesFrom(zone, served); cluster != "" {
				return fmt.Errorf("%w: %s: the zone %s would take names of the cluster itself, which are in %s by %s; choose another zone",
					ErrUnsupported, f.place(s.file, s.first), zone, cluster, f.name(s.file))
			}
		}
	}
	return nil
}

// takesFrom returns the first of the cluster's zones that has names of Services or Pods in the zone. Other names in it can
// be ours, such as xcc.cluster.local.
func takesFrom(zone string, served []string) string {
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
