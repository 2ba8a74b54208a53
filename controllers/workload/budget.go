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
	"cmp"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Limits bound the cost of one workload cluster and, in Together, of all of them.
type Limits struct {
	// InFlight is how many bytes the responses that are being read may take once decoded, as estimated from their JSON.
	InFlight int64
	// Held and HeldObjects are the size of the objects that the caches hold, in bytes of memory, and their number.
	Held, HeldObjects int64
	// Received, Decoded and Events are how many bytes of responses and events of watches may arrive within a Window.
	// Decoded is estimated as for InFlight. They bound the time that decoding takes.
	Received, Decoded, Events int64
	Window                    time.Duration
	// Foreign is how many objects may arrive that were not asked for.
	Foreign int64
	// Burst and Lane bound the processor time that decoding takes: see pacing.Reads.
	Burst, Lane time.Duration
	// Together bounds the sum of InFlight and Held over all clusters, in bytes; 0 is no bound.
	Together int64
}

// DefaultLimits returns the budget of every workload cluster.
func DefaultLimits() Limits {
	return Limits{
		// A page of 200 nodes with 50 images each takes 32 MiB, the largest object that etcd stores 1.5 MiB. Twice the
		// larger one lets two lists overlap.
		InFlight: 64 << 20,
		// A consumer of 1,000 clusters holds 8 MB of EndpointSlices, a cluster of 5,000 nodes 5 MB once they are
		// trimmed.
		Held: 64 << 20,
		// Kubernetes supports 10,000 Services and 5,000 nodes per cluster.
		HeldObjects: 50_000,
		// 5,000 nodes are 75 MB of JSON. A reconnect lists them anew, so a minute must have room for more than one
		// list.
		Received: 256 << 20,
		// A list is a stream of events, so this is two lists of all that may be cached. They decode in 10 seconds.
		Events: 100_000,
		// 5,000 nodes are estimated at 0.8 GiB. JSON of empty objects decodes at 4 GiB in half a minute.
		Decoded: 4 << 30,
		Window:  time.Minute,
		// An API server that knows selectors sends none.
		Foreign: 1_000,
		// 100 nodes take this long. The nodes of a cluster with 5,000 of them then take 20 seconds.
		Burst: 100 * time.Millisecond, Lane: 250 * time.Millisecond,
	}
}

// ErrBeyondBudget says that a workload cluster exceeded one of its Limits. Such an error is an ErrNotSynced, too.
var ErrBeyondBudget = errors.New("workload cluster is beyond its budget")

// BudgetError says that a workload cluster is left alone because it exceeded its budget. It is an ErrBeyondBudget.
// Statuses and conditions quote its text, which stays the same until the next try.
type BudgetError struct {
	// Reason names the limit.
	Reason error
	// Until is when the cluster is tried again.
	Until time.Time
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("Cluster is %v; next try at %s", e.Reason, e.Until.UTC().Format(time.RFC3339))
}

func (e *BudgetError) Unwrap() error { return e.Reason }

// IsPublic says that the text can be told: it is remote.Public.
func (e *BudgetError) IsPublic() {}

// exceeded names the limit that a workload cluster exceeded. It is an ErrBeyondBudget.
type exceeded string

func (e exceeded) Error() string { return "beyond its budget: " + string(e) }

// IsPublic says that the text can be told: it is remote.Public.
func (e exceeded) IsPublic() {}

func (e exceeded) Is(target error) bool { return target == ErrBeyondBudget || target == ErrNotSynced }

// budget counts the cost of one connection to a workload cluster. Once a limit is exceeded it stays exceeded. It is
// safe for concurrent use.
type budget struct {
	limits Limits
	now    func() time.Time
	// exceed is called once, with the limit that was exceeded.
	exceed func(error)
	// share is the cluster's part of the fleet's memory; nil without a bound of the fleet.
	share *share

	mu          sync.Mutex
	inFlight    int64
	held        int64
	heldObjects int64
	received    int64
	decoded     int64
	events      int64
	foreign     int64
	windowStart time.Time
	exceeded    error
}

func newBudget(limits Limits, now func() time.Time, exceed func(error)) *budget {
	return &budget{limits: limits, now: now, exceed: exceed}
}

// receive counts bytes that arrived, their size once decoded, and events.
func (b *budget) receive(bytes, decoded, events int64) error {
	return b.count(func() error {
		if now := b.now(); now.Sub(b.windowStart) >= b.limits.Window {
			b.windowStart, b.received, b.decoded, b.events = now, 0, 0, 0
		}
		b.received += bytes
		b.decoded += decoded
		b.events += events
		within := b.limits.Window.String()
		return cmp.Or(
			beyond(b.received, b.limits.Received, "bytes within "+within),
			beyond(b.decoded, b.limits.Decoded, "decoded bytes within "+within),
			beyond(b.events, b.limits.Events, "events within "+within),
		)
	})
}

// addForeign counts an object that was not asked for.
func (b *budget) addForeign() error {
	return b.count(func() error {
		b.foreign++
		return beyond(b.foreign, b.limits.Foreign, "objects that it was not asked for")
	})
}

// addInFlight changes the size of the responses that are being read. A negative number releases.
func (b *budget) addInFlight(bytes int64) error {
	return b.count(func() error {
		b.inFlight += bytes
		return beyond(b.inFlight, b.limits.InFlight, "bytes of responses at a time")
	})
}

// addHeld changes the size and the number of cached objects. Negative numbers release.
func (b *budget) addHeld(bytes, objects int64) error {
	return b.count(func() error {
		b.held += bytes
		b.heldObjects += objects
		return cmp.Or(
			beyond(b.held, b.limits.Held, "bytes of objects that are cached"),
			beyond(b.heldObjects, b.limits.HeldObjects, "objects that are cached"),
		)
	})
}

// end makes the budget exceeded for another reason.
func (b *budget) end(reason error) error {
	return b.count(func() error { return reason })
}

// The processor time of a response, as measured: of a byte of JSON when it arrives and when the object that it is a part of
// is decoded, for which it is scanned six times; of a byte of the decoded object; and of an event, which is passed through
// five goroutines.
const (
	arrivalCost = 10 * time.Nanosecond
	scanCost    = 25 * time.Nanosecond
	decodedCost = 2 * time.Nanosecond
	eventCost   = 20 * time.Microsecond
)

func beyond(count, limit int64, of string) error {
	if count <= limit {
		return nil
	}
	return exceeded(fmt.Sprintf("more than %d %s", limit, of))
}

// count makes a change and returns the limit that is exceeded, nil if none is.
func (b *budget) count(change func() error) error {
	b.mu.Lock()
	first, before := b.exceeded == nil, b.inFlight+b.held
	if err := change(); err != nil && first {
		b.exceeded = err
	}
	reason, more := b.exceeded, b.inFlight+b.held-before
	b.mu.Unlock()
	switch {
	case reason != nil && first:
		b.exceed(reason)
	case reason == nil && more != 0 && b.share.add(more):
		return b.failed()
	}
	return reason
}

// failed returns the limit that was exceeded, nil if none was.
func (b *budget) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.exceeded
}

// account is the part of one cache in the held bytes and objects.
type account struct {
	budget *budget

	mu             sync.Mutex
	bytes, objects int64
	// listedBytes and listedObjects count the objects of the list under way, which may be in memory beside those of
	// the cache until the list is complete.
	listedBytes, listedObjects int64
	countedBytes               int64
	countedObjects             int64
	closed                     bool
}

// add counts an object that entered the cache. Negative numbers count an object that left it.
func (a *account) add(bytes, objects int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bytes += bytes
	a.objects += objects
	return a.settle()
}

// list counts an object of a list that is not complete yet.
func (a *account) list(bytes int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listedBytes += bytes
	a.listedObjects++
	return a.settle()
}

// endList forgets the objects of the latest list: they are in the cache, or the list was given up.
func (a *account) endList() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listedBytes, a.listedObjects = 0, 0
	_ = a.settle() // It only releases.
}

// close releases everything.
func (a *account) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	_ = a.settle() // It only releases.
}

// settle brings the budget up to date. A list replaces the objects of the cache, so the larger of the two counts.
func (a *account) settle() error {
	bytes, objects := max(a.bytes, a.listedBytes), max(a.objects, a.listedObjects)
	if a.closed {
		bytes, objects = 0, 0
	}
	bytesBy, objectsBy := bytes-a.countedBytes, objects-a.countedObjects
	a.countedBytes, a.countedObjects = bytes, objects
	return a.budget.addHeld(bytesBy, objectsBy)
}
