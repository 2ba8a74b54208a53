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

package table

import "hash/maphash"

// Batch holds names that are about to be looked up. The zero value is empty.
type Batch[V any] struct {
	hashes  []uint64
	entries []*Entry[V]
	// sum depends on all memory that Prefetch reads, so that the compiler keeps the reads.
	sum int
}

// Clear removes all names.
func (b *Batch[V]) Clear() { b.hashes = b.hashes[:0] }

// Add adds a name. The batch keeps its hash and not the name.
func (b *Batch[V]) Add(name []byte) { b.hashes = append(b.hashes, maphash.Bytes(seed, name)) }

// Prefetch warms the CPU cache for lookups of the names in the batch. A single lookup waits for
// memory several times in a row. Prefetch takes each of these steps for all names before the next
// step, so that the names wait together.
//
// It returns the likely entry of each name in the order of Add, nil for a name that does not exist.
// An entry may be that of another name. Callers clear the slice when they are done, or the batch
// would keep the table alive.
//
// Prefetch does not allocate if the batch was as large before.
func (t *Table[V]) Prefetch(b *Batch[V]) []*Entry[V] {
	for _, hash := range b.hashes {
		if s := t.shard(hash); len(s.tags) > 0 {
			b.sum += int(s.tags[s.start(hash)])
		}
	}
	b.entries = b.entries[:0]
	for _, hash := range b.hashes {
		b.entries = append(b.entries, t.guess(hash))
	}
	for _, e := range b.entries {
		if e != nil {
			b.sum += len(e.name)
		}
	}
	for _, e := range b.entries {
		// Most names lie in at most two cache lines.
		if e != nil && e.name != "" {
			b.sum += int(e.name[0]) + int(e.name[len(e.name)-1])
		}
	}
	return b.entries
}

// guess returns the first entry with the tag of the hash, nil if there is none. It is nearly always
// the entry that find returns, and guess does not read it.
func (t *Table[V]) guess(hash uint64) *Entry[V] {
	s := t.shard(hash)
	if len(s.tags) == 0 {
		return nil
	}
	wanted := tagOf(hash)
	for at := s.start(hash); s.tags[at] != 0; at = s.next(at) {
		if s.tags[at] == wanted {
			return &s.entries[at]
		}
	}
	return nil
}
