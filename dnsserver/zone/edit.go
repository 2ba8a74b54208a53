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

package zone

import (
	"cmp"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone/table"
)

// editor changes a copy of the names of a snapshot.
type editor struct{ *table.Editor[node] }

// update changes the node of a name and returns the index of its zone. It adds and removes empty
// non-terminals as needed.
func (e editor) update(name string, change func(n *node)) int {
	before := e.Get(name)
	if before == nil {
		created := node{}
		change(&created)
		return int(e.attach(name, created))
	}
	changed := *before
	change(&changed)
	e.replace(name, changed)
	e.prune(name)
	return int(changed.zone)
}

// attach adds a name that does not exist, and the names between it and the apex of its zone. It
// returns the zone's index.
func (e editor) attach(name string, n node) int32 {
	aboveName := parent(name)
	if e.Get(aboveName) == nil {
		e.attach(aboveName, node{})
	}
	above := *e.Get(aboveName)
	above.children++
	e.replace(aboveName, above)
	n.zone = above.zone
	e.replace(name, n)
	return n.zone
}

// replace sets the node of a name. If the name is a wildcard, it also tells the node above.
func (e editor) replace(name string, n node) {
	e.Put(name, n)
	if covered, ok := wildcardParent(name); ok {
		above := *e.Get(covered)
		above.wildcard = cmp.Or(n.data, empty)
		e.replace(covered, above)
	}
}

// prune removes the name if nothing needs it, and then the empty non-terminals above it that
// nothing needs any more.
func (e editor) prune(name string) {
	n := e.Get(name)
	if n.kept || n.data != nil || n.srv != nil || n.children > 0 {
		return
	}
	e.Remove(name)
	aboveName := parent(name)
	above := *e.Get(aboveName)
	above.children--
	if _, ok := wildcardParent(name); ok {
		above.wildcard = nil
	}
	e.replace(aboveName, above)
	e.prune(aboveName)
}
