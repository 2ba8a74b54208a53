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

// Entry is a name with its value. With a value of 40 octets it fills one CPU cache line.
type Entry[V any] struct {
	name  string
	hash  uint64
	Value V
}

// shard is a hash table with linear probing. Most names that clients look up do not exist, and with
// 100,000 names no CPU cache holds all entries. The cache does hold the tags, which nearly always
// tell whether an entry is worth reading.
type shard[V any] struct {
	// tags has one octet of each name's hash, never 0. It is 0 for a free slot.
	tags    []uint8
	entries []Entry[V]
}

// tagOf returns the octet of the hash that neither the shard nor the slot depends on.
func tagOf(hash uint64) uint8 { return max(1, uint8(hash>>56)) }

// start returns the slot at which the search for a hash starts. The shard must not be empty.
func (s *shard[V]) start(hash uint64) uint64 { return hash / shardCount & s.mask() }

// next returns the slot at which a search continues.
func (s *shard[V]) next(at uint64) uint64 { return (at + 1) & s.mask() }

func (s *shard[V]) mask() uint64 { return uint64(len(s.tags) - 1) } //nolint:gosec // Callers check that the shard has slots.

// find returns the value of the name, nil if the shard does not have it.
func find[V any, Name string | []byte](s *shard[V], hash uint64, name Name) *V {
	if len(s.tags) == 0 {
		return nil
	}
	wanted := tagOf(hash)
	for at := s.start(hash); s.tags[at] != 0; at = s.next(at) {
		if s.tags[at] != wanted {
			continue
		}
		if held := &s.entries[at]; held.hash == hash && held.name == string(name) {
			return &held.Value
		}
	}
	return nil
}

// slotOf returns the slot that holds the name, or else the free slot for it. The shard must have
// slots. It always has a free one, so the search ends.
func (s *shard[V]) slotOf(hash uint64, name string) uint64 {
	wanted := tagOf(hash)
	for at := s.start(hash); ; at = s.next(at) {
		switch s.tags[at] {
		case 0:
			return at
		case wanted:
			if held := &s.entries[at]; held.hash == hash && held.name == name {
				return at
			}
		}
	}
}

// set adds the entry, or replaces the entry of the same name.
func (s *shard[V]) set(e Entry[V]) {
	if len(s.tags) > 0 {
		if at := s.slotOf(e.hash, e.name); s.tags[at] != 0 {
			s.entries[at] = e
			return
		}
	}
	if count := s.count() + 1; slotsFor(count) > len(s.tags) {
		*s = s.resized(count)
	}
	s.add(e)
}

// remove removes a name that the shard has. Entries behind its slot move, because their search may
// have passed it.
func (s *shard[V]) remove(hash uint64, name string) {
	at := s.slotOf(hash, name)
	s.tags[at], s.entries[at] = 0, Entry[V]{}
	for at = s.next(at); s.tags[at] != 0; at = s.next(at) {
		moved := s.entries[at]
		s.tags[at], s.entries[at] = 0, Entry[V]{}
		s.add(moved)
	}
	if count := s.count(); slotsFor(count) <= len(s.tags)/4 {
		*s = s.resized(count)
	}
}

// add puts an entry into a free slot. The shard does not have its name.
func (s *shard[V]) add(e Entry[V]) {
	at := s.slotOf(e.hash, e.name)
	s.tags[at], s.entries[at] = tagOf(e.hash), e
}

func (s *shard[V]) count() int {
	count := 0
	for _, tag := range s.tags {
		if tag != 0 {
			count++
		}
	}
	return count
}

// slotsFor returns the number of slots for so many names, a power of two. At least a quarter is
// free, so searches are short.
func slotsFor(count int) int {
	slots := 0
	for slots*3 < count*4 {
		slots = max(2, slots*2)
	}
	return slots
}

// resized returns a shard that has the same entries and room for so many names.
func (s *shard[V]) resized(count int) shard[V] {
	slots := slotsFor(count)
	other := shard[V]{tags: make([]uint8, slots), entries: make([]Entry[V], slots)}
	for at, tag := range s.tags {
		if tag != 0 {
			other.add(s.entries[at])
		}
	}
	return other
}
