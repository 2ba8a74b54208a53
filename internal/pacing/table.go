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

package pacing

import "maps"

// minEvict is how many entries a table holds without a look at whether they are still needed.
const minEvict = 64

// table holds an entry for each key that spent something lately. An entry goes once all of it is restored, and no sooner: deleting and
// creating an object is no way to a new budget.
type table[K comparable, V any] struct {
	entries map[K]V
	// evictAt is how many entries there may be before those that are not needed are dropped.
	evictAt int
}

// at returns the entry of a key, a new one if there is none. Entries that are whole may be dropped, which costs a constant time for each
// new one on average.
func (t *table[K, V]) at(key K, newEntry func() V, isWhole func(V) bool) V {
	if entry, found := t.entries[key]; found {
		return entry
	}
	if t.entries == nil {
		t.entries, t.evictAt = map[K]V{}, minEvict
	}
	if len(t.entries) >= t.evictAt {
		maps.DeleteFunc(t.entries, func(_ K, entry V) bool { return isWhole(entry) })
		t.evictAt = max(minEvict, 2*len(t.entries))
	}
	entry := newEntry()
	t.entries[key] = entry
	return entry
}
