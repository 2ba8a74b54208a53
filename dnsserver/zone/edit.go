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

import "cmp"

// update changes what the name holds and returns the index of its zone. Names that exist only for the sake of names below
// them come and go with these.
func (e *editor) update(name string, change func(n *node)) int {
	before := e.get(name)
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

// attach makes the name exist, and with it the names between it and the apex of its zone, of which it returns the index. The name
// did not exist.
func (e *editor) attach(name string, n node) int32 {
	aboveName := parent(name)
	if e.get(aboveName) == nil {
		e.attach(aboveName, node{})
	}
	above := *e.get(aboveName)
	above.children++
	e.replace(aboveName, above)
	n.zone = above.zone
	e.replace(name, n)
	return n.zone
}

// replace puts the node of a name in the place of another one, and tells the name above where it is a wildcard.
func (e *editor) replace(name string, n node) {
	e.put(name, n)
	if covered, ok := wildcardParent(name); ok {
		above := *e.get(covered)
		above.wildcard = cmp.Or(n.data, empty)
		e.replace(covered, above)
	}
}

// prune removes the name when nothing needs it, and then the names above it that existed for its sake.
func (e *editor) prune(name string) {
	n := e.get(name)
	if n.kept || n.data != nil || n.offer != nil || n.children > 0 {
		return
	}
	e.remove(name)
	aboveName := parent(name)
	above := *e.get(aboveName)
	above.children--
	if _, ok := wildcardParent(name); ok {
		above.wildcard = nil
	}
	e.replace(aboveName, above)
	e.prune(aboveName)
}
