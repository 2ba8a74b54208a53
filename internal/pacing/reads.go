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
	// maxLaneDebt bounds the wait for a lane. One response may cost seconds, which its neighbours should not wait for.
	maxLaneDebt = 10 * time.Second
	// laneSlot is the least that a read in a lane costs, so that reads which wait for the lane do not begin at once.
	laneSlot = 200 * time.Microsecond
	// burstRefill is the part of the time that restores a burst: one of burstRefill.
	burstRefill = 100
)

// Reads pace the responses of workload clusters, because their decoding takes processor time. A cluster is read at full
// speed until its burst is spent. Beyond it, the clusters of one namespace share a lane, which is a part of one core: neither
// an endless watch nor a namespace with many such clusters keeps the processor from the others. In a lane one read follows
// the other. Reads are safe for concurrent use. The fields must not be changed after the first call.
type Reads struct {
	// Burst is the processor time that a cluster may cost at full speed.
	Burst time.Duration
	// Lane is the processor time per second that the clusters of one namespace may cost beyond their bursts; 0 is no bound.
	Lane time.Duration

	mu     sync.Mutex
	bursts table[types.NamespacedName, *burst]
	lanes  table[string, *lane]
}

type burst struct {
	// left is the processor time that is left at the time at.
	left time.Duration
	at   time.Time
}

type lane struct {
	// free is when the next read may begin.
	free time.Time
}

// Wait returns 0 if the cluster may be read now. Otherwise it returns how long to wait before the next question.
func (r *Reads) Wait(cluster types.NamespacedName, now time.Time) time.Duration {
	if r.Lane <= 0 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.burst(cluster, now).left > laneSlot {
		return 0
	}
	of := r.lane(cluster.Namespace, now)
	if wait := of.free.Sub(now); wait > 0 {
		return wait
	}
	of.free = now.Add(r.inLane(laneSlot))
	return 0
}

// Spend notes the processor time that a read costs.
func (r *Reads) Spend(cluster types.NamespacedName, cost time.Duration, now time.Time) {
	if r.Lane <= 0 || cost <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	own := r.burst(cluster, now)
	paid := min(own.left, cost)
	own.left -= paid
	if cost -= paid; cost == 0 {
		return
	}
	of := r.lane(cluster.Namespace, now)
	of.free = earliest(latest(of.free, now).Add(r.inLane(cost)), now.Add(maxLaneDebt))
}

// inLane returns how long the lane is taken by a processor time.
func (r *Reads) inLane(cost time.Duration) time.Duration {
	return time.Duration(float64(cost) * float64(time.Second) / float64(r.Lane))
}

func (r *Reads) burst(cluster types.NamespacedName, now time.Time) *burst {
	of := r.bursts.at(cluster, func() *burst { return &burst{left: r.Burst, at: now} }, func(of *burst) bool {
		of.refill(r.Burst, now)
		return of.left == r.Burst
	})
	of.refill(r.Burst, now)
	return of
}

func (b *burst) refill(whole time.Duration, now time.Time) {
	if now.After(b.at) {
		b.left = min(whole, b.left+now.Sub(b.at)/burstRefill)
		b.at = now
	}
}

func (r *Reads) lane(namespace string, now time.Time) *lane {
	return r.lanes.at(namespace, func() *lane { return &lane{} }, func(of *lane) bool { return !of.free.After(now) })
}

func earliest(times ...time.Time) time.Time { return slices.MinFunc(times, time.Time.Compare) }
