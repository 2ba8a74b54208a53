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
	"testing"
	"unsafe"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone/table"
)

// The sum is the only trace of a read.
func TestPrefetchReadsTheDataOfNames(t *testing.T) {
	t.Parallel()
	e := new(table.Table[node]).Edit()
	e.Put("exact.test", node{data: &data{ipv4Count: 1000}})
	e.Put("below.test", node{wildcard: &data{ipv4Count: 1000}})
	s := &Snapshot{names: e.Table()}
	read := func(name string) int {
		var b Batch
		b.Add([]byte(name))
		// The second call writes to the memory that the first one returned.
		entries := s.names.Prefetch(&b.names)
		s.Prefetch(&b)
		NewWithT(t).Expect(entries).To(And(HaveLen(2), HaveEach(BeNil())), "a batch must not keep a snapshot alive")
		return b.sum
	}
	g := NewWithT(t)
	for _, held := range []string{"exact.test", "a.below.test"} {
		g.Expect(read(held)).To(BeNumerically(">=", 1000), held)
	}
	for _, other := range []string{"below.test", "a.exact.test", "a.test"} {
		g.Expect(read(other)).To(BeNumerically("<", 1000), other)
	}
}

// One more field would make a lookup wait for memory twice: see package table, whose entries add 24
// octets to a node.
func TestWhatIsLookedUpFillsLinesOfTheCache(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(unsafe.Sizeof(node{})).To(BeEquivalentTo(64 - 24))
	g.Expect(unsafe.Sizeof(data{})).To(BeEquivalentTo(128))
}
