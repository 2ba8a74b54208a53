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
	"cmp"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// Burst is how many writes in a row a cluster can cause without a delay. An upgrade of a cluster's nodes changes
	// a node port gateway about four times per node, over minutes, and an installation writes its condition a dozen
	// times.
	Burst = 50
	// Refill is how long one token takes. It is the longest delay, half of the 10 seconds that are promised, so that
	// a busy manager keeps the promise. A hostile cluster then causes 720 writes an hour of each kind, which an API
	// server with a thousand such clusters still takes.
	Refill = 5 * time.Second
)

// Buckets hold one token bucket for each workload cluster. The zero value is ready for use, and safe for concurrent
// use.
type Buckets struct {
	// Burst and Refill replace the constants of these names if they are not 0. They must not be changed once there are
	// buckets.
	Burst  int
	Refill time.Duration
	// Window is for changes that are coalesced into one write: changes within this time after a token need none. It
	// must not be changed once there are buckets.
	Window time.Duration

	mu       sync.Mutex
	clusters table[types.NamespacedName, *bucket]
}

// bucket has tokens for every write, and as many again for withdrawals alone.
type bucket struct {
	writes, withdrawals *rate.Limiter
	// delayed says that an attempt got no token, and that the bucket has not been half full since.
	delayed bool
	// taken is when the last token was.
	taken time.Time
}

// Delay says when a write may be tried again. Its zero value is now.
type Delay struct {
	// For is positive, and at most Refill, if the write has to wait.
	For time.Duration
	// Begins says that the cluster was not delayed for a while, which is worth a line in a log.
	Begins bool
}

// Take takes a token of the cluster for a write. If there is none it takes nothing, and the write must be tried again
// after the Delay.
func (b *Buckets) Take(cluster types.NamespacedName, now time.Time) Delay {
	return b.take(cluster, now, func(bucket *bucket) (bool, time.Duration) {
		return bucket.writes.AllowN(now, 1), untilToken(bucket.writes, now)
	})
}

// TakeWithdrawal is Take for a write that withdraws an address. Withdrawals have tokens of their own, so other
// changes do not delay them, and beyond those use the tokens for every write.
func (b *Buckets) TakeWithdrawal(cluster types.NamespacedName, now time.Time) Delay {
	return b.take(cluster, now, func(bucket *bucket) (bool, time.Duration) {
		taken := bucket.withdrawals.AllowN(now, 1) || bucket.writes.AllowN(now, 1)
		return taken, min(untilToken(bucket.withdrawals, now), untilToken(bucket.writes, now))
	})
}

func (b *Buckets) take(cluster types.NamespacedName, now time.Time, try func(*bucket) (taken bool, wait time.Duration)) Delay {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := b.clusters.at(cluster, b.newBucket, func(other *bucket) bool { return other.isWhole(now) })
	if b.Window > 0 && !found.taken.IsZero() && now.Sub(found.taken) < b.Window {
		return Delay{}
	}
	taken, wait := try(found)
	if taken {
		found.taken = now
		found.delayed = found.delayed && found.writes.TokensAt(now) < float64(found.writes.Burst())/2
		return Delay{}
	}
	delay := Delay{For: wait, Begins: !found.delayed}
	found.delayed = true
	return delay
}

// Evict drops the full buckets of a cluster that is gone. Others stay until they are full, so a cluster
// that is deleted and created again gets no new tokens.
func (b *Buckets) Evict(cluster types.NamespacedName, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if found, ok := b.clusters.entries[cluster]; ok && found.isWhole(now) {
		delete(b.clusters.entries, cluster)
	}
}

func (b *Buckets) newBucket() *bucket {
	return &bucket{writes: b.newLimiter(), withdrawals: b.newLimiter()}
}

func (b *bucket) isWhole(now time.Time) bool {
	for _, limiter := range []*rate.Limiter{b.writes, b.withdrawals} {
		if limiter.TokensAt(now) < float64(limiter.Burst()) {
			return false
		}
	}
	return true
}

func (b *Buckets) newLimiter() *rate.Limiter {
	return rate.NewLimiter(rate.Every(cmp.Or(b.Refill, Refill)), cmp.Or(b.Burst, Burst))
}

// untilToken returns when an empty bucket has a token again. It is never 0, which would say that it has one.
func untilToken(limiter *rate.Limiter, now time.Time) time.Duration {
	missing, refill := 1-limiter.TokensAt(now), float64(time.Second)/float64(limiter.Limit())
	return max(time.Duration(min(1, missing)*refill), time.Millisecond)
}
