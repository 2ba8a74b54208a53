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

package dnsname

import "strings"

const separator = ","

// JoinList returns the names as the value of an annotation: separated by commas.
func JoinList(names []string) string { return strings.Join(names, separator) }

// SplitList is the inverse of JoinList. It reads at most limit entries, and returns whether there
// are more. It trims white space and skips empty entries, but does not validate the names.
func SplitList(list string, limit int) (names []string, tooMany bool) {
	count := 0
	for name := range strings.SplitSeq(list, separator) {
		if count++; count > limit {
			return names, true
		}
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names, false
}
