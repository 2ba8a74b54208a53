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
	"slices"
)

// shardCount is how many parts the names are divided into. A change copies the list of parts, 96 KiB, and those parts in
// which something changes, so the number weighs one against the other for 1,000 to 100,000 names.
const shardCount = 1 << 12

// seed is the process's own, so that nobody can choose names that fall into one part.
var seed = maphash.MakeSeed()

// names are the names that exist. They never change: see editor.
type names struct {
	shards [shardCount]shard
}

// find returns the node of the name, nil if there is none.
func (n *names) find(name []byte) *node {
	return find(n, maphash.Bytes(seed, name), name)
}

func find[Name string | []byte](n *names, hash uint64, name Name) *node {
	s := n.shards[hash%shardCount]
	if len(s) == 0 {
		return nil
	}
	return s[place(s, hash, name)].node
}

// shard is a hash table with linear probing. Most names that are looked up do not exist, which a look at one slot tells mostly; a
// map would be four memory accesses away from that, and with 100,000 gateways none of them finds a cache.
type shard []slot

// slot holds a name, or nothing where the node is nil.
type slot struct {
	hash uint64
	name string
	node *node
}

// place returns the slot that holds the name, or the free one where it would be put. The shard has slots, and always a free one.
func place[Name string | []byte](s shard, hash uint64, name Name) uint64 {
	mask := uint64(len(s) - 1) //nolint:gosec // A shard without slots is not searched.
	at := hash / shardCount & mask
	for s[at].node != nil && (s[at].hash != hash || s[at].name != string(name)) {
		at = (at + 1) & mask
	}
	return at
}

// set sets the node of a name, or removes the name where that is nil. It returns the shard that has it, which may be another one.
func (s shard) set(changed slot) shard {
	if len(s) > 0 {
		if held := &s[place(s, changed.hash, changed.name)]; held.node != nil {
			*held = changed
			if changed.node == nil {
				// What was put behind the slot, because it was taken, would not be found any more.
				return s.sized(s.taken())
			}
			return s
		}
	}
	if changed.node == nil {
		return s
	}
	if count := s.taken() + 1; slotsFor(count) > len(s) {
		s = s.sized(count)
	}
	s[place(s, changed.hash, changed.name)] = changed
	return s
}

func (s shard) taken() int {
	count := 0
	for i := range s {
		if s[i].node != nil {
			count++
		}
	}
	return count
}

// slotsFor returns how many slots are made for so many names, a power of two. A quarter is free, so that searches are short.
func slotsFor(count int) int {
	slots := 0
	for slots*3 < count*4 {
		slots = max(2, slots*2)
	}
	return slots
}

// sized returns a shard with room for so many names that has those of this one.
func (s shard) sized(count int) shard {
	other := make(shard, slotsFor(count))
	for _, held := range s {
		if held.node != nil {
			other[place(other, held.hash, held.name)] = held
		}
	}
	return other
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
	return find(e.names, maphash.String(seed, name), name)
}

// put sets the node of a name; nil removes it.
func (e *editor) put(name string, n *node) {
	hash := maphash.String(seed, name)
	i := hash % shardCount
	if !e.owned[i] {
		e.owned[i] = true
		e.shards[i] = slices.Clone(e.shards[i])
	}
	e.shards[i] = e.shards[i].set(slot{hash: hash, name: name, node: n})
}
