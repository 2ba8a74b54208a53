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
	"maps"
	"math/rand/v2"
	"testing"

	. "github.com/onsi/gomega"
)

// Names that share slots are found and removed whatever lies between them.
func TestAShardHoldsWhatAMapHolds(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	random := rand.New(rand.NewPCG(1, 1))
	var s shard
	expected := map[string]*node{}
	for step := range 20_000 {
		number := random.IntN(64)
		changed := slot{name: fmt.Sprint(number), hash: uint64(number%7) * shardCount, node: &node{children: step}}
		if random.IntN(2) == 0 {
			changed.node = nil
		}
		s = s.set(changed)
		if expected[changed.name] = changed.node; changed.node == nil {
			delete(expected, changed.name)
		}
		held := map[string]*node{}
		for name := range 64 {
			name, hash := fmt.Sprint(name), uint64(name%7)*shardCount
			if len(s) == 0 {
				continue
			}
			if n := s[place(s, hash, name)].node; n != nil {
				held[name] = n
			}
		}
		if !maps.Equal(held, expected) {
			g.Expect(held).To(Equal(expected), "after step %d", step)
		}
		if s.taken() == len(s) && len(s) > 0 {
			t.Fatalf("after step %d no slot is free", step)
		}
	}
}
