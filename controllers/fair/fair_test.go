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

package fair_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/fair"
)

const many = 10_000

func request(namespace string, number int) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: fmt.Sprint("object-", number)}}
}

func newQueue(t *testing.T, workers int) *fair.Queue {
	t.Helper()
	queue := fair.NewQueue(t.Name(), workers, workqueue.DefaultTypedItemBasedRateLimiter[reconcile.Request]())
	t.Cleanup(queue.ShutDown)
	return queue
}

func fill(queue *fair.Queue, namespace string, count int) {
	for i := range count {
		queue.Add(request(namespace, i))
	}
}

// take returns the namespaces of the next requests, which stay with their workers.
func take(queue *fair.Queue, count int) []string {
	var namespaces []string
	for range count {
		next, _ := queue.Get()
		namespaces = append(namespaces, next.Namespace)
	}
	return namespaces
}

func TestOneChangeWaitsForOneReconcileOfEachOtherNamespace(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	queue := newQueue(t, 1)
	fill(queue, "busy", many)
	fill(queue, "busier", many)
	queue.Add(request("calm", 0))
	var order []string
	for range 5 {
		next, _ := queue.Get()
		order = append(order, next.Namespace)
		queue.Done(next)
	}
	g.Expect(order).To(Equal([]string{"busy", "busier", "calm", "busy", "busier"}))
}

func TestAChangeIsServedWhileAnotherNamespaceChangesAllTheTime(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	queue := newQueue(t, 4)
	var mu sync.Mutex
	var served, sinceAdded int
	var added bool
	calm := make(chan int, 1)
	fill(queue, "busy", many)
	for range 4 {
		go func() {
			for {
				next, shutdown := queue.Get()
				if shutdown {
					return
				}
				mu.Lock()
				served++
				if added {
					sinceAdded++
				}
				add := served == 100
				added = added || add
				mu.Unlock()
				if next.Namespace == "calm" {
					mu.Lock()
					calm <- sinceAdded
					mu.Unlock()
				} else {
					queue.Add(next) // It has changed again.
				}
				if add {
					queue.Add(request("calm", 0))
				}
				queue.Done(next)
			}
		}()
	}
	// Each of the other workers may take one more request before its turn, and be counted while it is added.
	g.Eventually(calm).WithTimeout(30*time.Second).Should(Receive(BeNumerically("<=", 10)), "10,000 others wait")
}

func TestSlowReconcilesOfOneNamespaceLeaveWorkersFree(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	queue := newQueue(t, 100)
	fill(queue, "slow", many)
	g.Expect(take(queue, 75)).To(HaveEach("slow"))
	got := make(chan string)
	go func() { got <- take(queue, 1)[0] }()
	g.Consistently(got, "100ms").ShouldNot(Receive(), "a quarter of the workers is for others")
	fill(queue, "calm", 1)
	g.Eventually(got).Should(Receive(Equal("calm")))

	t.Log("A second slow namespace leaves workers for a third one")
	fill(queue, "slower", many)
	g.Expect(take(queue, 18)).To(HaveEach("slower"))
	fill(queue, "third", 1)
	g.Expect(take(queue, 1)).To(ConsistOf("third"))
}

func TestFewWorkersLeaveOneFree(t *testing.T) {
	t.Parallel()
	for workers, most := range map[int]int{1: 1, 2: 1, 3: 2, 4: 3, 10: 7} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			queue := newQueue(t, workers)
			fill(queue, "slow", 20)
			g.Expect(take(queue, most)).To(HaveEach("slow"))
			fill(queue, "calm", 1)
			if workers > 1 {
				g.Expect(take(queue, 1)).To(ConsistOf("calm"))
			}
		})
	}
}

func TestOptionsHaveTheQueueAndTheDeadline(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, workers := range []int{-1, 0, 1} {
		options := fair.Options(workers)
		g.Expect(options.MaxConcurrentReconciles).To(Equal(1))
		g.Expect(options.ReconciliationTimeout).To(Equal(fair.Deadline))
		queue := options.NewQueue(t.Name(), workqueue.DefaultTypedItemBasedRateLimiter[reconcile.Request]())
		queue.Add(request("one", 1))
		next, _ := queue.Get()
		g.Expect(next).To(Equal(request("one", 1)))
		queue.ShutDown()
	}
}

func TestAWorkerThatIsDoneLetsTheNextRequestsRun(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	queue := newQueue(t, 8)
	fill(queue, "slow", 20)
	var held []reconcile.Request
	for range 6 {
		next, _ := queue.Get()
		held = append(held, next)
	}
	got := make(chan reconcile.Request, 20)
	for range 2 {
		go func() {
			for {
				next, shutdown := queue.Get()
				if shutdown {
					return
				}
				got <- next
				queue.Done(next)
			}
		}()
	}
	g.Consistently(got, "50ms").ShouldNot(Receive())
	queue.Done(held[0])
	for range 14 {
		g.Eventually(got).Should(Receive())
	}
	g.Expect(queue.Len()).To(BeZero())
}

func TestARequestIsReconciledByOneWorkerAtATime(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	queue := newQueue(t, 2)
	for range 3 {
		queue.Add(request("one", 1))
	}
	first, _ := queue.Get()
	g.Expect(queue.Len()).To(BeZero(), "it was queued once")
	queue.Add(first)
	g.Expect(queue.Len()).To(BeZero(), "a worker has it")
	queue.Done(first)
	g.Expect(queue.Len()).To(Equal(1))
	again, _ := queue.Get()
	g.Expect(again).To(Equal(first))
	queue.Done(again)
	queue.Done(again)
	g.Expect(queue.Len()).To(BeZero())
}

func TestChangesComeBeforeResyncs(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	queue := newQueue(t, 1)
	low := handler.LowPriority
	for i := range 3 {
		queue.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, request("one", i))
	}
	queue.Add(request("one", 3))
	queue.Add(request("one", 2)) // It is lifted.
	var order []string
	for range 4 {
		next, _ := queue.Get()
		order = append(order, next.Name)
		queue.Done(next)
	}
	g.Expect(order).To(Equal([]string{"object-3", "object-2", "object-0", "object-1"}))
}

func TestRequestsComeBackAfterATimeAndAfterErrors(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	queue := newQueue(t, 1)
	queue.AddWithOpts(priorityqueue.AddOpts{After: time.Millisecond}, request("one", 1))
	g.Expect(take(queue, 1)).To(ConsistOf("one"))
	queue.Done(request("one", 1))
	queue.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, request("two", 1))
	g.Expect(queue.NumRequeues(request("two", 1))).To(Equal(1))
	g.Expect(take(queue, 1)).To(ConsistOf("two"))
}

func TestShutDownEndsTheWorkers(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	queue := newQueue(t, 1)
	ended := make(chan bool)
	go func() {
		_, shutdown := queue.Get()
		ended <- shutdown
	}()
	queue.ShutDown()
	g.Eventually(ended).Should(Receive(BeTrue()))
	g.Expect(queue.ShuttingDown()).To(BeTrue())
}

// The metrics are those that controller-runtime registers: a change of their labels or help there must not go
// unnoticed.
func TestTheQueueHasTheMetricsOfControllerRuntime(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	queue := newQueue(t, 1)
	fill(queue, "one", 3)
	next, _ := queue.Get()
	queue.Done(next)
	families, err := metrics.Registry.Gather()
	g.Expect(err).NotTo(HaveOccurred())
	found := map[string]bool{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "controller" && label.GetValue() == t.Name() {
					found[family.GetName()] = true
				}
			}
		}
	}
	g.Expect(found).To(And(HaveLen(7), HaveKey("workqueue_depth"), HaveKey("workqueue_queue_duration_seconds")))
}

func BenchmarkQueue(b *testing.B) {
	for _, namespaces := range []int{1, 100, many} {
		b.Run(fmt.Sprint(namespaces, " namespaces, 10,000 requests"), func(b *testing.B) {
			queue := fair.NewQueue(b.Name(), 100, workqueue.DefaultTypedItemBasedRateLimiter[reconcile.Request]())
			defer queue.ShutDown()
			for i := range many {
				queue.Add(request(fmt.Sprint("namespace-", i%namespaces), i))
			}
			b.ResetTimer()
			for range b.N {
				next, _ := queue.Get()
				queue.Add(next)
				queue.Done(next)
			}
		})
	}
}
