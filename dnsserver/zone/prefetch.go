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

import "hash/maphash"

// Batch are names that are about to be looked up, one after the other. The zero value has none.
type Batch struct {
	// hashes has two for each name: its own, and that of its parent, below which a wildcard may stand in for it.
	hashes []uint64
	nodes  []*node
	// read is of no use but to have been read.
	read int
}

// Clear removes all names.
func (b *Batch) Clear() { b.hashes = b.hashes[:0] }

// Add adds a name in lower case, as Lookup takes it, which is not kept.
func (b *Batch) Add(name []byte) {
	b.hashes = append(b.hashes, maphash.Bytes(seed, name), maphash.Bytes(seed, parent(name)))
}

// Prefetch lets the processor have at hand what most lookups of these names read. A lookup among many names waits for memory several
// times, each time for what says where to read next; here every step is made for all names before the next one, so that they wait
// together. It does not allocate if the batch was as large before.
func (s *Snapshot) Prefetch(b *Batch) {
	for _, hash := range b.hashes {
		if shard := s.names.shard(hash); len(shard.tags) > 0 {
			b.read += int(shard.tags[shard.slot(hash)])
		}
	}
	b.nodes = b.nodes[:0]
	for _, hash := range b.hashes {
		b.nodes = append(b.nodes, s.names.guess(hash))
	}
	for _, n := range b.nodes {
		if n != nil {
			b.read += len(n.name)
		}
	}
	for i, n := range b.nodes {
		if n == nil {
			continue
		}
		// Most names lie in two lines of the processor's cache at most.
		if last := len(n.name) - 1; last >= 0 {
			b.read += int(n.name[0]) + int(n.name[last])
		}
		held := n.data
		if i%2 == 1 {
			held = n.wildcard
		}
		if held != nil {
			b.read += held.ipv4Count + len(held.services)
		}
	}
	// The batch must not keep a snapshot.
	clear(b.nodes)
}

// guess returns the first node whose tag is that of the hash, which is nearly always the one that find returns, and nil if there is none.
func (n *names) guess(hash uint64) *node {
	s := n.shard(hash)
	if len(s.tags) == 0 {
		return nil
	}
	wanted := tag(hash)
	for at := s.slot(hash); s.tags[at] != 0; at = s.next(at) {
		if s.tags[at] == wanted {
			return &s.nodes[at]
		}
	}
	return nil
}
