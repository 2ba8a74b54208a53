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
	"strings"
)

// shardCount is how many parts the names are divided into. A change copies the list of parts, 48 KiB, and those parts in
// which something changes, so the number weighs one against the other for 1,000 to 100,000 names.
const shardCount = 1 << 10

// seed is the process's own, so that nobody can choose names that fall into one part.
var seed = maphash.MakeSeed()

// names are the names that exist. They never change: see editor.
type names struct {
	shards [shardCount]shard
	// depth is how many DNS labels the name has that had most of them up to now.
	depth int
}

// find returns the node of the name, nil if there is none.
func (n *names) find(name []byte) *node {
	return find(n, maphash.Bytes(seed, name), name)
}

func find[Name string | []byte](n *names, hash uint64, name Name) *node {
	s := n.shard(hash)
	if len(s.tags) == 0 {
		return nil
	}
	at := place(s, hash, name)
	if s.tags[at] == 0 {
		return nil
	}
	return &s.nodes[at]
}

// shard returns the one that has the names of this hash.
func (n *names) shard(hash uint64) *shard { return &n.shards[hash%shardCount] }

// shard is a hash table with linear probing. Most names that are looked up do not exist, and few that do were looked up a moment
// ago: with 100,000 gateways no cache of the processor has their nodes. One has room for the tags, which tell nearly always whether
// there is a node to look at.
type shard struct {
	// tags has an octet of the hash of each name, never 0, and 0 where a slot is free.
	tags  []uint8
	nodes []node
}

// tag returns the octet of a hash that is least of use to find the shard and the slot.
func tag(hash uint64) uint8 { return max(1, uint8(hash>>56)) }

// slot returns the slot where the search for a hash begins. The shard has slots.
func (s *shard) slot(hash uint64) uint64 { return hash / shardCount & s.mask() }

// next returns the slot where a search goes on.
func (s *shard) next(at uint64) uint64 { return (at + 1) & s.mask() }

func (s *shard) mask() uint64 { return uint64(len(s.tags) - 1) } //nolint:gosec // A shard without slots is not searched.

// place returns the slot that holds the name, or the free one where it would be put. The shard has slots, and always a free one.
func place[Name string | []byte](s *shard, hash uint64, name Name) uint64 {
	wanted := tag(hash)
	for at := s.slot(hash); ; at = s.next(at) {
		switch s.tags[at] {
		case 0:
			return at
		case wanted:
			if held := &s.nodes[at]; held.hash == hash && held.name == string(name) {
				return at
			}
		}
	}
}

// set adds the node, or puts it in the place of the one of the same name.
func (s *shard) set(n node) {
	if len(s.tags) > 0 {
		if at := place(s, n.hash, n.name); s.tags[at] != 0 {
			s.nodes[at] = n
			return
		}
	}
	if count := s.taken() + 1; slotsFor(count) > len(s.tags) {
		*s = s.sized(count)
	}
	s.add(n)
}

// remove removes a name that exists. What lies behind its slot, perhaps because that was taken, is put anew.
func (s *shard) remove(hash uint64, name string) {
	at := place(s, hash, name)
	s.tags[at], s.nodes[at] = 0, node{}
	for at = s.next(at); s.tags[at] != 0; at = s.next(at) {
		moved := s.nodes[at]
		s.tags[at], s.nodes[at] = 0, node{}
		s.add(moved)
	}
	if count := s.taken(); slotsFor(count) <= len(s.tags)/4 {
		*s = s.sized(count)
	}
}

// add puts a node whose name the shard does not have into a free slot.
func (s *shard) add(n node) {
	at := place(s, n.hash, n.name)
	s.tags[at], s.nodes[at] = tag(n.hash), n
}

func (s *shard) taken() int {
	count := 0
	for _, tag := range s.tags {
		if tag != 0 {
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
func (s *shard) sized(count int) shard {
	slots := slotsFor(count)
	other := shard{tags: make([]uint8, slots), nodes: make([]node, slots)}
	for at, tag := range s.tags {
		if tag != 0 {
			other.add(s.nodes[at])
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

// get returns the node of the name, nil if there is none. It may be part of a snapshot, and is another name's once anything was put or removed.
func (e *editor) get(name string) *node {
	return find(e.names, maphash.String(seed, name), name)
}

// put makes the name exist with the node, in the place of the one that it had.
func (e *editor) put(name string, n node) {
	n.name, n.hash = name, maphash.String(seed, name)
	e.depth = max(e.depth, 1+strings.Count(name, "."))
	e.writable(n.hash).set(n)
}

// remove removes a name that exists.
func (e *editor) remove(name string) {
	hash := maphash.String(seed, name)
	e.writable(hash).remove(hash, name)
}

// writable returns the shard for a hash, to be written to.
func (e *editor) writable(hash uint64) *shard {
	s := e.shard(hash)
	if i := hash % shardCount; !e.owned[i] {
		e.owned[i] = true
		s.tags, s.nodes = slices.Clone(s.tags), slices.Clone(s.nodes)
	}
	return s
}
