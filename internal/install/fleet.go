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

package install

import (
	"cmp"
	"container/heap"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// member is one Cluster of the fleet.
type member struct {
	// cluster and payload are nil if there is none.
	cluster *ClusterFacts
	payload *PayloadFacts
	// granted is the hash of a payload that was granted and not yet observed.
	granted string
	standing
}

// standing is the contribution of a member.
type standing struct {
	slot, stale, waiting, ready, failed bool
	since                               time.Time
	// hash is the payload that the slot is held for.
	hash string
}

// tally is the contribution of one namespace.
type tally struct {
	fresh, stale, waiting, ready, failed int
	slots                                map[types.NamespacedName]*member
	refused                              map[types.NamespacedName]bool
	queued                               bool
}

// sums are over all namespaces. holding, fresh, waiting and overdue count namespaces.
type sums struct {
	freshSlots, staleSlots, failed, proof int
	holding, fresh, waiting, overdue      int
}

// observe changes a member and its contribution.
func (r *Rollout) observe(key types.NamespacedName, now time.Time, change func(*member)) (freed bool) {
	r.advance(now)
	m := r.clusters[key]
	if m == nil {
		m = &member{}
		r.clusters[key] = m
	}
	before := m.standing
	change(m)
	r.restand(key, m, m.stand(r.release, now))
	if m.slot && !m.stale && (!before.slot || !before.since.Equal(m.since)) {
		heap.Push(&r.expiries, expiry{at: m.since.Add(r.staleAfter()), key: key})
		r.advance(now)
	}
	if m.payload == nil && m.cluster == nil {
		delete(r.clusters, key)
	}
	if !m.waiting {
		r.dequeue(key)
	}
	return before.slot && !m.slot || !before.ready && m.ready || before.waiting && !m.waiting
}

// stand returns the contribution of a member, except whether its slot is stale.
func (m *member) stand(release string, now time.Time) standing {
	if m.cluster == nil || m.payload == nil {
		return standing{}
	}
	p := *m.payload
	current := p.Release == release
	s := standing{
		ready:   current && p.Payload != "" && p.ReadyPayload == p.Payload,
		waiting: !current && m.granted == "" && m.cluster.Ready && !p.Held,
		slot:    current && p.ReadyPayload != "" && !m.cluster.Unreachable && (p.ReadyPayload != p.Payload || !m.cluster.Ready),
		since:   p.At, hash: p.Payload,
	}
	switch {
	case m.granted != "":
		s.slot, s.since, s.hash = true, now, m.granted
	case s.ready:
		s.since = m.cluster.Since
	}
	if !s.slot {
		s.since, s.hash = time.Time{}, ""
		return s
	}
	s.failed = m.cluster.Failed
	if s.since.IsZero() || s.since.After(now) {
		s.since = now
	}
	// Times that a tenant writes can end a slot earlier, never later.
	if former := m.standing; former.slot && former.hash == s.hash {
		s.stale = former.stale
		if former.since.Before(s.since) {
			s.since = former.since
		}
	}
	return s
}

// restand replaces the contribution of a member.
func (r *Rollout) restand(key types.NamespacedName, m *member, s standing) {
	t := r.tally(key.Namespace)
	r.sums.add(t.contribution(), -1)
	t.add(m.standing, -1)
	m.standing = s
	t.add(s, 1)
	r.sums.add(t.contribution(), 1)
	if t.ready > 0 {
		r.proving[key.Namespace] = true
	} else {
		delete(r.proving, key.Namespace)
	}
	if s.slot {
		t.slots[key] = m
	} else {
		delete(t.slots, key)
	}
	r.drop(key.Namespace)
}

func (r *Rollout) staleAfter() time.Duration {
	if r.options.IgnoreUnready {
		return hastyStaleAfter
	}
	return StaleAfter
}

// advance makes slots stale whose time has come.
func (r *Rollout) advance(now time.Time) {
	for len(r.expiries) > 0 && !r.expiries[0].at.After(now) {
		due := heap.Pop(&r.expiries).(expiry)
		m := r.clusters[due.key]
		if m == nil || !m.slot || m.stale || m.since.Add(r.staleAfter()).After(now) {
			continue
		}
		s := m.standing
		s.stale = true
		r.restand(due.key, m, s)
	}
}

func (r *Rollout) tally(namespace string) *tally {
	t := r.tallies[namespace]
	if t == nil {
		t = &tally{slots: map[types.NamespacedName]*member{}, refused: map[types.NamespacedName]bool{}}
		r.tallies[namespace] = t
	}
	return t
}

// drop forgets a namespace that contributes nothing.
func (r *Rollout) drop(namespace string) {
	t := r.tallies[namespace]
	if t != nil && !t.queued && len(t.refused) == 0 && t.contribution() == (sums{}) && t.waiting == 0 && t.ready == 0 {
		delete(r.tallies, namespace)
	}
}

func (r *Rollout) queue(key types.NamespacedName) {
	t := r.tally(key.Namespace)
	t.refused[key] = true
	if !t.queued {
		t.queued = true
		r.asking = append(r.asking, key.Namespace)
	}
}

func (r *Rollout) dequeue(key types.NamespacedName) {
	if t := r.tallies[key.Namespace]; t != nil {
		delete(t.refused, key)
	}
}

func (t *tally) add(s standing, by int) {
	count := func(counter *int, counts bool) {
		if counts {
			*counter += by
		}
	}
	count(&t.fresh, s.slot && !s.stale)
	count(&t.stale, s.slot && s.stale)
	count(&t.waiting, s.waiting)
	count(&t.ready, s.ready)
	count(&t.failed, s.failed)
}

func (t *tally) contribution() sums {
	one := func(counts bool) int {
		if counts {
			return 1
		}
		return 0
	}
	return sums{
		freshSlots: t.fresh, staleSlots: t.stale, failed: t.failed, proof: min(t.ready, proofPerNamespace),
		holding: one(t.fresh+t.stale > 0), fresh: one(t.fresh > 0),
		waiting: one(t.waiting > 0), overdue: one(t.waiting > 0 && t.stale > 0),
	}
}

func (s *sums) add(other sums, by int) {
	s.freshSlots += by * other.freshSlots
	s.staleSlots += by * other.staleSlots
	s.failed += by * other.failed
	s.proof += by * other.proof
	s.holding += by * other.holding
	s.fresh += by * other.fresh
	s.waiting += by * other.waiting
	s.overdue += by * other.overdue
}

// expiry is when a slot may become stale. An outdated expiry is skipped.
type expiry struct {
	at  time.Time
	key types.NamespacedName
}

type expiries []expiry

func (e expiries) Len() int           { return len(e) }
func (e expiries) Less(i, j int) bool { return cmp.Less(e[i].at.UnixNano(), e[j].at.UnixNano()) }
func (e expiries) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *expiries) Push(x any)        { *e = append(*e, x.(expiry)) }
func (e *expiries) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
