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
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"testing"
	"unsafe"

	. "github.com/onsi/gomega"
)

// Names that share slots are found and removed in any order.
func TestAShardHoldsWhatAMapHolds(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	random := rand.New(rand.NewPCG(1, 1))
	var s shard[int]
	expected := map[string]Entry[int]{}
	for step := range 20_000 {
		number := random.IntN(64)
		e := Entry[int]{name: fmt.Sprint(number), hash: hashOf(number), Value: step}
		switch _, exists := expected[e.name]; {
		case random.IntN(2) == 0:
			s.set(e)
			expected[e.name] = e
		case exists:
			s.remove(hashOf(number), e.name)
			delete(expected, e.name)
		}
		held := map[string]Entry[int]{}
		for number := range 64 {
			if len(s.tags) == 0 {
				continue
			}
			if at := s.slotOf(hashOf(number), fmt.Sprint(number)); s.tags[at] != 0 {
				held[s.entries[at].name] = s.entries[at]
			}
		}
		if !maps.Equal(held, expected) {
			g.Expect(held).To(Equal(expected), "after step %d", step)
		}
		if s.count() != len(expected) {
			t.Fatalf("after step %d there are %d names in place of %d", step, s.count(), len(expected))
		}
		if s.count() == len(s.tags) && len(s.tags) > 0 {
			t.Fatalf("after step %d no slot is free", step)
		}
	}
}

// hashOf returns a hash that collides with other numbers' hashes: in full, or only in the slot
// where a search starts.
func hashOf(number int) uint64 { return uint64(number%7)*shardCount | uint64(number%3)<<56 }

// A wrong guess wastes a read from memory.
func TestAGuessIsNearlyAlwaysRight(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := new(Table[int]).Edit()
	const count = 10_000
	for i := range count {
		e.Put(fmt.Sprint(i), 0)
	}
	right, wrong := 0, 0
	for i := range count {
		if guessed := e.Table().guess(maphash.String(seed, fmt.Sprint(i))); guessed != nil && guessed.name == fmt.Sprint(i) {
			right++
		}
		if e.Table().guess(maphash.String(seed, fmt.Sprint(-1-i))) != nil {
			wrong++
		}
	}
	g.Expect(right).To(BeNumerically(">", count*98/100))
	g.Expect(wrong).To(BeNumerically("<", count*4/100), "for names that do not exist")
}

func TestAnEditorLeavesItsTableAlone(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	content := func(table *Table[int]) map[string]int {
		found := map[string]int{}
		for name, value := range table.All() {
			found[name] = *value
			g.Expect(table.Find([]byte(name))).To(BeIdenticalTo(value))
		}
		return found
	}
	e := new(Table[int]).Edit()
	e.Put("a.test", 1)
	e.Put("b.c.test", 2)
	before := e.Table()
	e = before.Edit()
	e.Put("a.test", 3)
	e.Put("", 4)
	e.Remove("b.c.test")
	g.Expect(e.Get("a.test")).To(HaveValue(Equal(3)))
	g.Expect(e.Get("b.c.test")).To(BeNil())
	g.Expect(content(e.Table())).To(Equal(map[string]int{"a.test": 3, "": 4}))
	g.Expect(content(before)).To(Equal(map[string]int{"a.test": 1, "b.c.test": 2}))
	g.Expect(before.Depth()).To(Equal(3))
}

// One more field would make a lookup wait for memory twice.
func TestAnEntryFillsACacheLine(t *testing.T) {
	t.Parallel()
	NewWithT(t).Expect(unsafe.Sizeof(Entry[[5]uint64]{})).To(BeEquivalentTo(64))
}
