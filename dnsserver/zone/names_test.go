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
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"testing"
	"unsafe"

	. "github.com/onsi/gomega"
)

// Names that share slots are found and removed whatever lies between them.
func TestAShardHoldsWhatAMapHolds(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	random := rand.New(rand.NewPCG(1, 1))
	var s shard
	expected := map[string]node{}
	for step := range 20_000 {
		number := random.IntN(64)
		n := node{name: fmt.Sprint(number), hash: hashOf(number), children: int32(step)}
		switch _, exists := expected[n.name]; {
		case random.IntN(2) == 0:
			s.set(n)
			expected[n.name] = n
		case exists:
			s.remove(hashOf(number), n.name)
			delete(expected, n.name)
		}
		held := map[string]node{}
		for number := range 64 {
			if len(s.tags) == 0 {
				continue
			}
			if at := place(&s, hashOf(number), fmt.Sprint(number)); s.tags[at] != 0 {
				held[s.nodes[at].name] = s.nodes[at]
			}
		}
		if !maps.Equal(held, expected) {
			g.Expect(held).To(Equal(expected), "after step %d", step)
		}
		if s.taken() != len(expected) {
			t.Fatalf("after step %d there are %d names in place of %d", step, s.taken(), len(expected))
		}
		if s.taken() == len(s.tags) && len(s.tags) > 0 {
			t.Fatalf("after step %d no slot is free", step)
		}
	}
}

// hashOf returns a hash that several numbers share in whole, as they share the place where their search begins, or that alone.
func hashOf(number int) uint64 { return uint64(number%7)*shardCount | uint64(number%3)<<56 }

// What is fetched for a wrong guess is fetched in vain.
func TestAGuessIsNearlyAlwaysRight(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := new(names).edit()
	const count = 10_000
	for i := range count {
		e.put(fmt.Sprint(i), node{})
	}
	right, wrong := 0, 0
	for i := range count {
		if n := e.guess(maphash.String(seed, fmt.Sprint(i))); n != nil && n.name == fmt.Sprint(i) {
			right++
		}
		if e.guess(maphash.String(seed, fmt.Sprint(-1-i))) != nil {
			wrong++
		}
	}
	g.Expect(right).To(BeNumerically(">", count*98/100))
	g.Expect(wrong).To(BeNumerically("<", count*4/100), "for names that do not exist")
}

// Nothing else tells whether anything was read.
func TestPrefetchReadsWhatNamesHold(t *testing.T) {
	t.Parallel()
	e := new(names).edit()
	e.put("exact.test", node{data: &data{ipv4Count: 1000}})
	e.put("below.test", node{wildcard: &data{ipv4Count: 1000}})
	s := &Snapshot{names: e.names}
	read := func(name string) int {
		var b Batch
		b.Add([]byte(name))
		s.Prefetch(&b)
		NewWithT(t).Expect(b.nodes).To(HaveEach(BeNil()), "a batch must not keep a snapshot")
		return b.read
	}
	g := NewWithT(t)
	for _, held := range []string{"exact.test", "a.below.test"} {
		g.Expect(read(held)).To(BeNumerically(">=", 1000), held)
	}
	for _, other := range []string{"below.test", "a.exact.test", "a.test"} {
		g.Expect(read(other)).To(BeNumerically("<", 1000), other)
	}
}

// A field more would let a lookup wait for memory twice.
func TestWhatIsLookedUpFillsLinesOfTheCache(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(unsafe.Sizeof(node{})).To(BeEquivalentTo(64))
	g.Expect(unsafe.Sizeof(data{})).To(BeEquivalentTo(128))
}
