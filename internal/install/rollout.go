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
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// StaleAfter is how long a cluster counts that does not become ready with a release that works
	// elsewhere. A step takes up to 2 minutes, a slow image pull 10.
	StaleAfter = 15 * time.Minute
	// hastyStaleAfter takes its place if the administrator passes the brake. An ordinary step is
	// over by then.
	hastyStaleAfter = 2 * time.Minute
	// proof is how many clusters of other namespaces have to be ready with a release before it
	// counts as good.
	proof = 5
	// proofPerNamespace is how many of them one namespace can contribute: fewer than proof, because
	// a tenant can forge the state of its own Clusters.
	proofPerNamespace = proof - 1
	// Look is how soon a Cluster that waits looks again if nothing wakes it.
	Look = 30 * time.Second
	// scan is how many namespaces are looked at to find those whose turn it is, so that one event
	// costs the same in every fleet.
	scan = 50
)

// RolloutOptions are an administrator's choices about rollouts.
type RolloutOptions struct {
	// Concurrency is the number of slots; at least 1.
	Concurrency int
	// IgnoreUnready lets unready clusters stop counting after 2 minutes, whether the release is
	// known to work or not.
	IgnoreUnready bool
}

// ClusterFacts are the facts of a Cluster that is labelled, belongs to this instance, and is neither
// paused nor being deleted.
type ClusterFacts struct {
	// Ready: DNS works. Unreachable: nothing is known of it. Failed: it does not work, and no
	// update is the reason.
	Ready, Unreachable, Failed bool
	// Reason is that of the condition DNSReady, and Since when its status changed last.
	Reason string
	Since  time.Time
}

// PayloadFacts are the facts of a Cluster's payload Secret.
type PayloadFacts struct {
	// Release is the release of the payload, Payload its hash, and ReadyPayload the hash with which
	// DNS was ready last; empty if DNS was not ready when the payload was given.
	Release, Payload, ReadyPayload string
	// At is when the payload was given; zero if unknown.
	At time.Time
	// Held: the Cluster gets no other payload, because its options are wrong.
	Held bool
}

// Decision says whether a Cluster may be given the release.
type Decision struct {
	May bool
	// Why is one sentence if it may not. It names Clusters of the same namespace only, and nothing
	// in it changes with each step.
	Why string
	// Wait is how soon to ask again if it may not.
	Wait time.Duration
}

// Rollout bounds how many workload clusters are given another release at a time. It is an index of
// the fleet that each observation updates: no observation and no question walks over the fleet. It
// is not safe for concurrent use.
//
// A cluster whose DNS was ready holds a slot from when it is given the release until DNS is ready
// with it, and holds it again when DNS stops being ready. The rules:
//
//   - A namespace that holds no slot gets one while fewer than Concurrency namespaces hold any. So the slots of one namespace never
//     hold back another one, and a bad release reaches few clusters also if every cluster has a namespace of its own.
//   - A namespace gets a further slot only if no other namespace waits, and fewer than Concurrency slots are taken. A namespace does
//     not count as waiting if a stale slot of its own holds it back.
//   - A slot is stale after StaleAfter. A stale slot does not count once proof clusters of other namespaces are ready with the
//     release, of which one namespace contributes proofPerNamespace at most.
//
// A tenant that forges the state of its own Clusters can keep one slot busy. Tenants with several
// namespaces are not recognised as one.
type Rollout struct {
	options  RolloutOptions
	release  string
	clusters map[types.NamespacedName]*member
	tallies  map[string]*tally
	sums     sums
	expiries expiries
	// proving are the namespaces with a cluster that is ready with the release.
	proving map[string]bool
	// asking are namespaces with Clusters that were refused, the one that has not been looked at
	// for longest first.
	asking []string
}

// NewRollout returns the rollout of a release to a fleet of which nothing is known yet.
func NewRollout(release string, options RolloutOptions) *Rollout {
	return &Rollout{
		options: options, release: release,
		clusters: map[types.NamespacedName]*member{}, tallies: map[string]*tally{}, proving: map[string]bool{},
	}
}

// ObserveCluster takes in the facts of a Cluster, nil if it has no part in rollouts. It returns
// whether another Cluster's turn may have come.
func (r *Rollout) ObserveCluster(key types.NamespacedName, facts *ClusterFacts, now time.Time) bool {
	return r.observe(key, now, func(m *member) {
		m.cluster = facts
		if facts == nil {
			m.granted = ""
		}
	})
}

// ObservePayload takes in the facts of a Cluster's payload Secret, nil if there is none. It
// returns whether another Cluster's turn may have come.
func (r *Rollout) ObservePayload(key types.NamespacedName, facts *PayloadFacts, now time.Time) bool {
	return r.observe(key, now, func(m *member) {
		m.payload = facts
		if facts == nil || facts.Held || facts.Payload == m.granted {
			m.granted = ""
		}
	})
}

// May returns whether the Cluster may be given a payload of the release, by its hash. If so, and if
// DNS is ready there, the Cluster holds a slot from then on.
func (r *Rollout) May(key types.NamespacedName, hash string, now time.Time) Decision {
	r.advance(now)
	m := r.clusters[key]
	if m == nil {
		m = &member{}
	}
	if m.payload != nil && m.payload.Release != r.release && m.granted == "" {
		if refusal := r.refuse(key.Namespace); refusal != "" {
			r.queue(key)
			return Decision{Why: refusal + r.broken(key.Namespace), Wait: r.wait(now)}
		}
	}
	r.dequeue(key)
	if m.cluster != nil && m.cluster.Ready {
		r.observe(key, now, func(m *member) { m.granted = hash })
	}
	return Decision{May: true}
}

// Turns returns a few Clusters that were refused and may go now, of one namespace each.
func (r *Rollout) Turns(now time.Time) []types.NamespacedName {
	r.advance(now)
	var turns []types.NamespacedName
	var later []string
	scanned := 0
	for ; scanned < min(scan, len(r.asking)) && len(turns) < r.options.Concurrency; scanned++ {
		t := r.tallies[r.asking[scanned]]
		if t == nil || len(t.refused) == 0 {
			if t != nil {
				t.queued = false
				r.drop(r.asking[scanned])
			}
			continue
		}
		later = append(later, r.asking[scanned])
		if r.refuse(r.asking[scanned]) != "" {
			continue
		}
		for key := range t.refused {
			turns = append(turns, key)
			break
		}
	}
	r.asking = append(r.asking[scanned:], later...)
	return turns
}

// refuse returns why no Cluster of a namespace may be given the release now, or the empty string.
func (r *Rollout) refuse(namespace string) string {
	own := r.tally(namespace)
	defer r.drop(namespace)
	slots, namespaces := r.counted()
	held := own.fresh
	if !r.isProven(namespace) {
		held += own.stale
	}
	others := r.sums.waiting - r.sums.overdue
	if own.waiting > 0 && own.stale == 0 {
		others--
	}
	switch {
	case held == 0 && namespaces < r.options.Concurrency, held > 0 && others <= 0 && slots < r.options.Concurrency:
		return ""
	case held > 0 && others > 0:
		return "An update waits for its turn: while other namespaces wait, 1 at a time of this namespace is given it, and the next when that one is ready with it"
	}
	return fmt.Sprintf("An update waits for its turn: %d at a time are given it, and the next when those are ready with it", r.options.Concurrency)
}

// counted returns how many slots count, and how many namespaces hold them.
func (r *Rollout) counted() (slots, namespaces int) {
	switch {
	case r.options.IgnoreUnready || r.sums.proof >= proof+proofPerNamespace:
		return r.sums.freshSlots, r.sums.fresh
	case r.sums.proof < proof:
		return r.sums.freshSlots + r.sums.staleSlots, r.sums.holding
	}
	// Fewer than nine Clusters prove the release, so few namespaces do. To those the proof may be
	// their own.
	slots, namespaces = r.sums.freshSlots, r.sums.fresh
	for name := range r.proving {
		if t := r.tallies[name]; t.stale > 0 && !r.isProven(name) {
			slots += t.stale
			if t.fresh == 0 {
				namespaces++
			}
		}
	}
	return slots, namespaces
}

// isProven returns whether clusters of other namespaces show that the release works.
func (r *Rollout) isProven(namespace string) bool {
	if r.options.IgnoreUnready {
		return true
	}
	ready := 0
	if t := r.tallies[namespace]; t != nil {
		ready = min(t.ready, proofPerNamespace)
	}
	return r.sums.proof-ready >= proof
}

// broken names Clusters of the namespace that hold slots and do not work, and says how many others
// do.
func (r *Rollout) broken(namespace string) string {
	const most = 3
	var names []string
	if t := r.tallies[namespace]; t != nil {
		for key, m := range t.slots {
			if m.failed {
				names = append(names, fmt.Sprintf("%s (%s)", key.Name, m.cluster.Reason))
			}
		}
	}
	slices.Sort(names)
	names = names[:min(len(names), most)]
	if elsewhere := r.sums.failed - len(names); elsewhere > 0 {
		names = append(names, fmt.Sprintf("%d more", elsewhere))
	}
	if len(names) == 0 {
		return ""
	}
	return "; not ready any more: " + strings.Join(names, ", ")
}

func (r *Rollout) wait(now time.Time) time.Duration {
	if len(r.expiries) == 0 {
		return Look
	}
	return max(time.Second, min(Look, r.expiries[0].at.Sub(now)))
}
