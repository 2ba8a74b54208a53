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

package fair

import (
	"container/list"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// share is how many workers a namespace may hold, beyond the first, for each worker that stays free. With n busy
// namespaces and w workers each of them gets up to share*w/(share*n+1), and w/(share*n+1) stay free: a lone namespace
// gets three quarters of the workers, and a newcomer finds one while fewer namespaces are busy than there are
// workers. The rule is that of shared buffers in switches: Choudhury and Hahne, "Dynamic Queue Length Thresholds for
// Shared-Memory Packet Switches", 1998.
const share = 3

// requests is a workqueue.TypedInterface. The cost of an operation does not depend on the number of requests and
// namespaces. It is safe for concurrent use.
type requests struct {
	workers int
	metrics *queueMetrics

	mu   sync.Mutex
	cond *sync.Cond
	// pending are the requests that wait for a worker, or for the end of a reconcile of the same request.
	pending map[reconcile.Request]*pending
	// running are the requests that workers hold, and since when.
	running    map[reconcile.Request]time.Time
	namespaces map[string]*tenant
	// turns holds, by the number of running reconciles, the namespaces with queued requests in the order of their
	// turns.
	turns        []list.List
	queued       int
	shuttingDown bool
}

// pending is a request that waits. It is in no queue while a worker holds the same request.
type pending struct {
	low     bool
	since   time.Time
	element *list.Element
}

// tenant is a namespace with queued or running requests.
type tenant struct {
	normal, low list.List
	running     int
	turn        *list.Element
}

func newRequests(workers int, metrics *queueMetrics) *requests {
	q := &requests{
		workers: workers, metrics: metrics,
		pending: map[reconcile.Request]*pending{}, running: map[reconcile.Request]time.Time{}, namespaces: map[string]*tenant{},
		turns: make([]list.List, workers+1),
	}
	q.cond = sync.NewCond(&q.mu)
	return q
}

// Add queues a request, if it is not queued already.
func (q *requests) Add(request reconcile.Request) { q.add(request, false) }

// add queues a request, or raises the priority of a queued one.
func (q *requests) add(request reconcile.Request, low bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shuttingDown {
		return
	}
	former, isPending := q.pending[request]
	switch {
	case !isPending:
		added := &pending{low: low, since: time.Now()}
		q.pending[request] = added
		q.metrics.added()
		if _, isRunning := q.running[request]; !isRunning {
			q.push(request, added)
		}
	case former.low && !low:
		former.low = false
		if former.element != nil {
			tenant := q.namespaces[request.Namespace]
			tenant.low.Remove(former.element)
			former.element = tenant.normal.PushBack(request)
		}
	}
}

// push queues a request that no worker holds.
func (q *requests) push(request reconcile.Request, added *pending) {
	current, ok := q.namespaces[request.Namespace]
	if !ok {
		current = &tenant{}
		q.namespaces[request.Namespace] = current
	}
	if added.low {
		added.element = current.low.PushBack(request)
	} else {
		added.element = current.normal.PushBack(request)
	}
	q.queued++
	q.metrics.depth(q.queued)
	if current.turn == nil {
		current.turn = q.turns[current.running].PushBack(current)
	}
	q.cond.Signal()
}

// Get waits for a request that may run. The worker has to call Done with it.
func (q *requests) Get() (request reconcile.Request, shutdown bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	next := q.next()
	for next == nil && !q.shuttingDown {
		q.cond.Wait()
		next = q.next()
	}
	if q.shuttingDown {
		return reconcile.Request{}, true
	}
	request = next.pop()
	q.queued--
	q.metrics.depth(q.queued)
	q.metrics.waited(q.pending[request].since)
	delete(q.pending, request)
	q.running[request] = time.Now()
	q.run(next, 1)
	if q.next() != nil {
		q.cond.Signal() // Done wakes one worker and may let several go on.
	}
	return request, false
}

// next returns the namespace whose turn it is, or nil if nothing may run now.
func (q *requests) next() *tenant {
	free := q.workers - len(q.running)
	for running := range q.turns {
		if free == 0 || running > 0 && running+1 > share*(free-1) {
			break
		}
		if first := q.turns[running].Front(); first != nil {
			return first.Value.(*tenant)
		}
	}
	return nil
}

// pop takes the first request of a namespace out of its queue.
func (t *tenant) pop() reconcile.Request {
	queue := &t.normal
	if queue.Len() == 0 {
		queue = &t.low
	}
	return queue.Remove(queue.Front()).(reconcile.Request)
}

// run notes that more or fewer workers hold requests of a namespace, and gives it its next turn if there is something
// queued.
func (q *requests) run(t *tenant, more int) {
	if t.turn != nil {
		q.turns[t.running].Remove(t.turn)
		t.turn = nil
	}
	t.running += more
	if t.normal.Len()+t.low.Len() > 0 {
		t.turn = q.turns[t.running].PushBack(t)
	}
}

// Done says that a worker is done with a request. If it was added again meanwhile, it is queued now.
func (q *requests) Done(request reconcile.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	since, ok := q.running[request]
	if !ok {
		return
	}
	q.metrics.worked(since)
	delete(q.running, request)
	current := q.namespaces[request.Namespace]
	q.run(current, -1)
	if again, isPending := q.pending[request]; isPending {
		q.push(request, again)
	} else if current.running == 0 && current.turn == nil {
		delete(q.namespaces, request.Namespace)
	}
	q.cond.Signal()
}

// Len returns how many requests are queued.
func (q *requests) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.queued
}

// ShutDown makes Get return and drops all requests.
func (q *requests) ShutDown() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.shuttingDown = true
	q.cond.Broadcast()
}

// ShutDownWithDrain is ShutDown, as in controller-runtime's queue: the next start lists all objects again.
func (q *requests) ShutDownWithDrain() { q.ShutDown() }

// ShuttingDown returns whether the queue was shut down.
func (q *requests) ShuttingDown() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.shuttingDown
}

// longest returns for how long workers have held their requests, in all and at most.
func (q *requests) longest(now time.Time) (total, longest time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, since := range q.running {
		total += now.Sub(since)
		longest = max(longest, now.Sub(since))
	}
	return total, longest
}
