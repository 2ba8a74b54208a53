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

import "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone/table"

// Batch holds names that are about to be looked up. The zero value is empty.
type Batch struct {
	// names has two names for each one that was added: the name itself and its parent, below which
	// a wildcard may cover it.
	names table.Batch[node]
	// sum depends on all memory that Prefetch reads, so that the compiler keeps the reads.
	sum int
}

// Clear removes all names.
func (b *Batch) Clear() { b.names.Clear() }

// Add adds a name in lower case, as for Lookup. The batch does not keep it.
func (b *Batch) Add(name []byte) {
	b.names.Add(name)
	b.names.Add(parent(name))
}

// Prefetch warms the CPU cache for lookups of the names in the batch. See Table.Prefetch.
func (s *Snapshot) Prefetch(b *Batch) {
	entries := s.names.Prefetch(&b.names)
	for i, e := range entries {
		if e == nil {
			continue
		}
		held := e.Value.data
		if i%2 == 1 {
			held = e.Value.wildcard
		}
		if held != nil {
			b.sum += held.ipv4Count + len(held.services)
			if held.indirect != nil {
				b.sum += len(held.indirect.choices)
			}
		}
	}
	clear(entries)
}
