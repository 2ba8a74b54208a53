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
	"slices"
	"strings"
)

// Editor changes a copy of a table. The original stays as it is.
type Editor[V any] struct {
	table *Table[V]
	// copied marks the shards that this editor has copied and may write to.
	copied [shardCount]bool
}

// Edit returns an editor that starts with what the table has.
func (t *Table[V]) Edit() *Editor[V] {
	table := *t
	return &Editor[V]{table: &table}
}

// Table returns the edited table. The editor must not be used afterwards.
func (e *Editor[V]) Table() *Table[V] { return e.table }

// Get returns the value of the name, nil if there is none. The value may be shared with other
// tables, so callers must not change it. It is valid until the next Put or Remove.
func (e *Editor[V]) Get(name string) *V {
	hash := maphash.String(seed, name)
	return find(e.table.shard(hash), hash, name)
}

// Put sets the value of a name.
func (e *Editor[V]) Put(name string, value V) {
	hash := maphash.String(seed, name)
	e.table.depth = max(e.table.depth, 1+strings.Count(name, "."))
	e.writable(hash).set(Entry[V]{name: name, hash: hash, Value: value})
}

// Remove removes a name that the table has.
func (e *Editor[V]) Remove(name string) {
	hash := maphash.String(seed, name)
	e.writable(hash).remove(hash, name)
}

// writable returns the shard of a hash for writing, which it copies the first time.
func (e *Editor[V]) writable(hash uint64) *shard[V] {
	s := e.table.shard(hash)
	if i := hash % shardCount; !e.copied[i] {
		e.copied[i] = true
		s.tags, s.entries = slices.Clone(s.tags), slices.Clone(s.entries)
	}
	return s
}
