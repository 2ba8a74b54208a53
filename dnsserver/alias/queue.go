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
	"sync"
)

// maxLookups is the largest number of concurrent lookups. Each has a goroutine and a socket, about
// 20 kB. The lookup of a name that hangs keeps them for lookupTimeout.
const maxLookups = 512

// queue runs lookups in the order of their arrival. Any number of slots may wait in it.
type queue struct {
	mu      sync.Mutex
	waiting []*slot
	running int
}

// add adds a slot that is not in the queue.
func (q *queue) add(s *slot) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, s)
	if q.running < maxLookups {
		q.running++
		go q.work()
	}
}

// work runs lookups until the queue is empty.
func (q *queue) work() {
	for s := q.next(); s != nil; s = q.next() {
		s.lookup()
	}
}

func (q *queue) next() *slot {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting = nil
		q.running--
		return nil
	}
	s := q.waiting[0]
	q.waiting = q.waiting[1:]
	return s
}
