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
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Deadline is how long a reconcile may take: as long as Cluster API gives its own, and longer than the slowest honest
// one, which makes some dozens of requests to a workload cluster.
const Deadline = time.Minute

// Options returns the options of a controller with a number of workers, a Queue and the Deadline.
func Options(workers int) controller.Options {
	workers = max(1, workers) // As controller-runtime does.
	return controller.Options{
		MaxConcurrentReconciles: workers,
		ReconciliationTimeout:   Deadline,
		NewQueue: func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
			return NewQueue(name, workers, limiter)
		},
	}
}

// Queue is a priorityqueue.PriorityQueue, so that controller-runtime's handlers tell it what is no change. It knows two
// priorities, below 0 and the rest.
type Queue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	requests *requests
}

var _ priorityqueue.PriorityQueue[reconcile.Request] = &Queue{}

// NewQueue returns the queue of a controller with a number of workers. Its metrics have the name of the controller.
func NewQueue(name string, workers int, limiter workqueue.TypedRateLimiter[reconcile.Request]) *Queue {
	queue := newRequests(workers, newQueueMetrics(name))
	go queue.metrics.watch(queue)
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[reconcile.Request]{Name: name, Queue: queue})
	return &Queue{
		TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
			workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{Name: name, DelayingQueue: delaying}),
		requests: queue,
	}
}

// AddWithOpts queues requests. A request that is delayed has no priority any more when its time comes.
func (q *Queue) AddWithOpts(options priorityqueue.AddOpts, requests ...reconcile.Request) {
	for _, request := range requests {
		switch {
		case options.RateLimited:
			q.AddRateLimited(request)
		case options.After > 0:
			q.AddAfter(request, options.After)
		default:
			q.requests.add(request, options.Priority != nil && *options.Priority < 0)
		}
	}
}

// GetWithPriority returns the request to reconcile next, as of priority 0: a retry is no less urgent than a change.
func (q *Queue) GetWithPriority() (request reconcile.Request, priority int, shutdown bool) {
	request, shutdown = q.Get()
	return request, 0, shutdown
}
