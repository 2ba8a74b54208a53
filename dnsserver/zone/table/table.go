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

import (
	"hash/maphash"
	"iter"
)

// shardCount is the number of shards of a table. An edit copies the list of shards, 48 KiB, and
// each shard that it changes. The number balances the two costs for 1,000 to 100,000 names.
const shardCount = 1 << 10

// seed is random in each process, so an attacker cannot choose names that share a shard.
var seed = maphash.MakeSeed()

// Table maps names to values. The zero value is empty. See Editor for how to make others.
type Table[V any] struct {
	shards [shardCount]shard[V]
	depth  int
}

// Find returns the value of the name, nil if the table does not have it.
func (t *Table[V]) Find(name []byte) *V {
	hash := maphash.Bytes(seed, name)
	return find(t.shard(hash), hash, name)
}

// Depth returns the largest number of DNS labels of any name that the table or one before it has
// had.
func (t *Table[V]) Depth() int { return t.depth }

// All returns all names with their values, in no particular order.
func (t *Table[V]) All() iter.Seq2[string, *V] {
	return func(yield func(string, *V) bool) {
		for i := range t.shards {
			s := &t.shards[i]
			for at, tag := range s.tags {
				if tag != 0 && !yield(s.entries[at].name, &s.entries[at].Value) {
					return
				}
			}
		}
	}
}

// shard returns the shard of the names with this hash.
func (t *Table[V]) shard(hash uint64) *shard[V] { return &t.shards[hash%shardCount] }
