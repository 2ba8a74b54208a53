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
	"hash/maphash"
	"maps"
)

// shardCount is how many parts the names are divided into. A change copies the list of parts, 32 KiB, and those parts in
// which something changes, so the number weighs one against the other for 1,000 to 100,000 names.
const shardCount = 1 << 12

// seed is the process's own, so that nobody can choose names that fall into one part.
var seed = maphash.MakeSeed()

// names are the names that exist. They never change: see editor.
type names struct {
	shards [shardCount]map[string]*node
}

// find returns the node of the name, nil if there is none.
func (n *names) find(name []byte) *node {
	return n.shards[maphash.Bytes(seed, name)%shardCount][string(name)]
}

// editor makes names that share with others all that is not changed.
type editor struct {
	*names

	// owned are the shards that were copied, and may be written to.
	owned [shardCount]bool
}

// edit returns an editor of a copy.
func (n *names) edit() *editor {
	copied := *n
	return &editor{names: &copied}
}

func (e *editor) get(name string) *node {
	return e.shards[maphash.String(seed, name)%shardCount][name]
}

// put sets the node of a name; nil removes it.
func (e *editor) put(name string, n *node) {
	i := maphash.String(seed, name) % shardCount
	if !e.owned[i] {
		e.owned[i] = true
		e.shards[i] = maps.Clone(e.shards[i])
	}
	switch {
	case n == nil:
		delete(e.shards[i], name)
	case e.shards[i] == nil:
		e.shards[i] = map[string]*node{name: n}
	default:
		e.shards[i][name] = n
	}
}
