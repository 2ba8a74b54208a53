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

package alias

import (
	"hash/maphash"
	"maps"
	"sync/atomic"
)

// targetShards is the number of shards. Adding or removing a target copies one shard.
const targetShards = 256

// targetSeed is random in each process, so an attacker cannot choose names that share a shard.
var targetSeed = maphash.MakeSeed()

// targets maps names to entries. Lookups take no lock, because all sockets look up the target of
// each query for an alias.
type targets struct {
	shards [targetShards]atomic.Pointer[map[string]*entry]
}

func (t *targets) shard(target string) *atomic.Pointer[map[string]*entry] {
	return &t.shards[maphash.String(targetSeed, target)%targetShards]
}

// find returns nil for a target that is not followed.
func (t *targets) find(target string) *entry {
	entries := t.shard(target).Load()
	if entries == nil {
		return nil
	}
	return (*entries)[target]
}

// put sets the entry of a target; nil removes it. Callers hold Resolver.mu.
func (t *targets) put(target string, e *entry) {
	shard := t.shard(target)
	changed := map[string]*entry{}
	if entries := shard.Load(); entries != nil {
		changed = maps.Clone(*entries)
	}
	if e == nil {
		delete(changed, target)
	} else {
		changed[target] = e
	}
	shard.Store(&changed)
}

// each calls do for all targets.
func (t *targets) each(do func(target string, e *entry)) {
	for i := range t.shards {
		if entries := t.shards[i].Load(); entries != nil {
			for target, e := range *entries {
				do(target, e)
			}
		}
	}
}
