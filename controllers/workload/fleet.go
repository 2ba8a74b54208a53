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

package workload

import (
	"fmt"
	"sync"
)

// fleet bounds the memory that all workload clusters take together: the budgets of a hundred hostile clusters would
// otherwise add up to more than the manager has. It is safe for concurrent use.
//
// At the bound, clusters are evicted until the others fit. Only clusters with more than an equal share of the bound are
// candidates. The first to go is the candidate with the largest product of its own bytes and those of its namespace, so
// that neither one large cluster nor many smaller ones of one tenant push out the clusters of other tenants.
type fleet struct {
	limit int64

	mu     sync.Mutex
	total  int64
	shares map[*share]int64
}

// share is the part of one connection in the bytes of a fleet. A nil share counts nothing.
type share struct {
	fleet     *fleet
	namespace string
	// evict ends the connection.
	evict func(reason error) error
	// left is whether the share counts no more. It is guarded by the lock of the fleet.
	left bool
}

// newFleet returns a fleet with a bound in bytes, nil for no bound.
func newFleet(limit int64) *fleet {
	if limit <= 0 {
		return nil
	}
	return &fleet{limit: limit, shares: map[*share]int64{}}
}

// join returns a share for a connection to a cluster of the namespace, nil without a fleet.
func (f *fleet) join(namespace string, evict func(reason error) error) *share {
	if f == nil {
		return nil
	}
	return &share{fleet: f, namespace: namespace, evict: evict}
}

// add changes the bytes of the connection. A negative number releases. It returns whether this connection was
// evicted. The caller holds no lock of a budget, because eviction takes that of another one.
func (s *share) add(bytes int64) (evicted bool) {
	if s == nil {
		return false
	}
	victims := s.fleet.add(s, bytes)
	for _, victim := range victims {
		_ = victim.evict(exceeded(fmt.Sprintf("it takes the largest part of the %d bytes that all clusters may take together", s.fleet.limit)))
		evicted = evicted || victim == s
	}
	return evicted
}

// leave releases all bytes of a connection that has ended.
func (s *share) leave() {
	if s == nil {
		return
	}
	s.fleet.mu.Lock()
	defer s.fleet.mu.Unlock()
	s.fleet.remove(s)
}

// add changes the bytes of a share and returns the shares that have to go, which count no more.
func (f *fleet) add(to *share, bytes int64) (victims []*share) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if to.left {
		return nil
	}
	f.total += bytes
	if f.shares[to] += bytes; f.shares[to] == 0 {
		delete(f.shares, to)
	}
	for f.total > f.limit {
		victim := worst(f.limit, f.shares)
		f.remove(victim)
		victims = append(victims, victim)
	}
	return victims
}

func (f *fleet) remove(s *share) {
	f.total -= f.shares[s]
	delete(f.shares, s)
	s.left = true
}

// worst returns the share that is evicted first. The sum of the shares exceeds the limit, so one is above the
// average. An evicted cluster is left alone for a minute at least, so this look at the whole fleet is rare.
func worst(limit int64, shares map[*share]int64) *share {
	namespaces := map[string]int64{}
	for s, bytes := range shares {
		namespaces[s.namespace] += bytes
	}
	var found *share
	var highest float64
	for s, bytes := range shares {
		if bytes <= limit/int64(len(shares)) {
			continue
		}
		if product := float64(bytes) * float64(namespaces[s.namespace]); found == nil || product > highest {
			found, highest = s, product
		}
	}
	return found
}
