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

import "strings"

// rejectClusterZone refuses a zone whose block would take names of Services and Pods away from the plugin kubernetes:
// CoreDNS answers from the block with the longest matching zone, and the cluster's is usually in that of the root zone.
func rejectClusterZone(d document, zone string) error {
	for _, s := range d.statements {
		for _, plugin := range s.plugins() {
			if plugin[0] != "kubernetes" {
				continue
			}
			served := plugin[1:]
			if len(served) == 0 {
				served = s.keys
			}
			if cluster := takesFrom(zone, served); cluster != "" {
				return unsupported(s.first, "the zone %s would take names of the cluster itself, which are in %s by %s; choose another zone",
					zone, cluster, d.name)
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
		for _, names := range []string{"svc." + cluster, "pod." + cluster} {
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
