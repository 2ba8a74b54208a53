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

// maxPrefetch is how many names are fetched at a time.
const maxPrefetch = 64

// Prefetch lets the processor have at hand what Lookup of these names will read, of the first 64 of them. A lookup among many names waits
// for memory again and again, each time for what it needs to know where to look next; here each step is taken for all names before
// the next one, so that they wait together. It returns nothing of use, and returns it so that the compiler does not leave the reading
// out. It does not allocate.
func (s *Snapshot) Prefetch(lookups [][]byte) (read int) {
	var hashes [2 * maxPrefetch]uint64
	var nodes [2 * maxPrefetch]*node
	count := 0
	for _, name := range lookups[:min(len(lookups), maxPrefetch)] {
		// A name that does not exist is answered by the wildcard below its parent, as a rule.
		hashes[count], hashes[count+1] = maphash.Bytes(seed, name), maphash.Bytes(seed, parent(name))
		count += 2
	}
	for _, hash := range hashes[:count] {
		if shard := s.names.shard(hash); len(shard.tags) > 0 {
			read += int(shard.tags[shard.slot(hash)])
		}
	}
	found := 0
	for _, hash := range hashes[:count] {
		if n := s.names.guess(hash); n != nil {
			nodes[found] = n
			found++
		}
	}
	for _, n := range nodes[:found] {
		read += len(n.name)
	}
	for _, n := range nodes[:found] {
		// Most names fill two lines of the processor's cache at most.
		if last := len(n.name) - 1; last >= 0 {
			read += int(n.name[0]) + int(n.name[last])
		}
		for _, d := range [...]*data{n.wildcard, n.data} {
			if d != nil {
				read += d.ipv4Count + len(d.services)
			}
		}
	}
	return read
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
