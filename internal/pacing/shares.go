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

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// Share is the part of the time that writes for one namespace may last: one of Share. An API server answers a few large
	// writes at once, so ten tenants who do their worst still leave room for the others.
	Share = 10
	// Credit is how long a namespace's writes may last in a row before the share applies. A write of an ordinary GatewayDNS
	// lasts 3 ms, so a thousand of them are written without a pause.
	Credit = 3 * time.Second
	// maxWrite is the most that one write is charged. A lost connection to the API server is not the namespace's doing.
	maxWrite = 100 * time.Millisecond
)

// Shares bound how long the manager's writes to the objects of one namespace of the management cluster may last, so that a
// tenant with many or large objects does not keep the API server, or the manager, from the changes of others. Shares count
// time, because one write of a tenant's object can cost a hundred times another. Writes for one namespace follow each
// other: fifty at once would fill the API server for a second. The zero value is ready for use, and
// safe for concurrent use.
type Shares struct {
	mu         sync.Mutex
	namespaces table[string, *share]
}

type share struct {
	// balance is the credit that is left at the time at. It is negative while writes wait.
	balance time.Duration
	at      time.Time
	// usual is how long a write is expected to last: the moving average of the last ones.
	usual time.Duration
	// next is when the writes that were admitted so far are expected to have ended.
	next time.Time
	// due holds when each waiting object may be written.
	due map[string]time.Time
}

// Wait returns how long the write of an object must wait; 0 if it may be made now. Waiting objects are written in the order in which they
// first asked.
func (s *Shares) Wait(object types.NamespacedName, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(object.Namespace, now)
	if due, waits := of.due[object.Name]; waits {
		if now.Before(due) {
			return due.Sub(now)
		}
		delete(of.due, object.Name)
		return 0
	}
	of.balance -= of.usual
	start := latest(now, of.next, now.Add(-of.balance*Share))
	of.next = start.Add(of.usual)
	if start.After(now) {
		of.due[object.Name] = start
	}
	return start.Sub(now)
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// Waits returns how long an object that Wait held back still has to wait. There is no use in working out what to write before.
func (s *Shares) Waits(object types.NamespacedName, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of, found := s.namespaces.entries[object.Namespace]; found {
		if due, waits := of.due[object.Name]; waits {
			return max(0, due.Sub(now))
		}
	}
	return 0
}

// Spent notes how long a write of an object in the namespace lasted, for which Wait had returned 0.
func (s *Shares) Spent(namespace string, now time.Time, lasted time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(namespace, now)
	lasted = min(lasted, maxWrite)
	of.balance -= lasted - of.usual
	of.usual = (3*of.usual + lasted) / 4
}

// Forget drops an object that is gone. What its namespace spent stays spent.
func (s *Shares) Forget(object types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of, found := s.namespaces.entries[object.Namespace]; found {
		delete(of.due, object.Name)
	}
}

func (s *Shares) of(namespace string, now time.Time) *share {
	of := s.namespaces.at(namespace, func() *share {
		return &share{balance: Credit, at: now, due: map[string]time.Time{}}
	}, func(of *share) bool {
		of.refill(now)
		return of.balance == Credit && len(of.due) == 0
	})
	of.refill(now)
	return of
}

func (s *share) refill(now time.Time) {
	if now.After(s.at) {
		s.balance = min(Credit, s.balance+now.Sub(s.at)/Share)
		s.at = now
	}
}
