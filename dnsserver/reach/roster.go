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

package reach

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// roster holds all targets and decides which one is probed when. It has no clock: callers pass the
// time. It is not safe for concurrent use, except isUp.
type roster struct {
	damping damping
	random  *rand.Rand
	// canProbe reports whether a target may be probed at all.
	canProbe func(Target) bool
	// wake is the same field of each Usage.
	wake func(*Usage)

	entries    map[Target]*entry
	usages     map[string]*Usage
	namespaces map[string]*namespace
	waiting    dueHeap
	// lanes are those with ready entries, in the order of their turns.
	lanes []*lane
	limit limit
	// probing is the number of probes under way. unknown is the number of probed targets without a
	// result.
	probing, unknown int
	// down are the targets that are not to be answered.
	down sync.Map
}

// namespace is a publishing namespace: its turns, and its storm rule.
type namespace struct {
	lane     lane
	storm    storm
	clusters map[string]*member
}

// member is a cluster of a namespace, and the number of its targets.
type member struct {
	cluster

	targets int
}

func newRoster(random *rand.Rand, canProbe func(Target) bool, wake func(*Usage)) *roster {
	return &roster{
		damping: standard(), random: random, canProbe: canProbe, wake: wake,
		entries: map[Target]*entry{}, usages: map[string]*Usage{}, namespaces: map[string]*namespace{},
	}
}

// isUp reports whether a target is to be answered.
func (r *roster) isUp(target Target) bool {
	_, isDown := r.down.Load(target)
	return !isDown
}

// publish makes the status of an entry visible to isUp.
func (r *roster) publish(e *entry) {
	if e.health.status == Down && !e.target.Check.ReportOnly {
		r.down.Store(e.target, struct{}{})
	} else {
		r.down.Delete(e.target)
	}
}

// maxTargets is the largest number of targets. At maxRate, each is probed every 100 seconds at
// least, and takes about 1 kB.
const maxTargets = 10_000

// replace sets the targets of a name.
func (r *roster) replace(name string, targets []Target, now time.Time) {
	usage := r.usages[name]
	if usage == nil {
		if len(targets) == 0 {
			return
		}
		usage = newUsage(r.wake, now)
		r.usages[name] = usage
	}
	missing := make(map[Target]struct{}, len(targets))
	for _, target := range targets {
		missing[target] = struct{}{}
	}
	former := usage.entries
	usage.entries = make([]*entry, 0, len(missing))
	left := map[place]*entry{}
	for _, e := range former {
		if _, isKept := missing[e.target]; isKept {
			delete(missing, e.target)
			usage.entries = append(usage.entries, e)
			continue
		}
		left[placeOf(e.target)] = e
		r.drop(e, usage)
	}
	for _, target := range targets {
		if _, isMissing := missing[target]; !isMissing {
			continue
		}
		delete(missing, target)
		e := r.entries[target]
		if e == nil && len(r.entries) < maxTargets {
			e = r.add(target, left[placeOf(target)], now)
		}
		if e != nil {
			e.users = append(e.users, usage)
			usage.entries = append(usage.entries, e)
		}
	}
	if len(targets) == 0 {
		delete(r.usages, name)
	}
}

// place is a target without its health check.
type place struct {
	namespace, cluster, gateway string
	address                     netip.Addr
}

func placeOf(t Target) place {
	return place{t.Namespace, t.Cluster, t.Gateway, t.Address}
}

// drop removes a user of an entry, and the entry if it was the last one.
func (r *roster) drop(e *entry, usage *Usage) {
	e.users = slices.DeleteFunc(e.users, func(u *Usage) bool { return u == usage })
	if len(e.users) == 0 {
		r.remove(e)
	}
}

// add adds an entry without users. It takes over the status of a former entry, if that is not nil.
func (r *roster) add(target Target, former *entry, now time.Time) *entry {
	in := r.namespaces[target.Namespace]
	if in == nil {
		in = &namespace{clusters: map[string]*member{}, storm: storm{failing: map[*cluster]struct{}{}}}
		r.namespaces[target.Namespace] = in
	}
	of := in.clusters[target.Cluster]
	if of == nil {
		of = &member{cluster: cluster{storm: &in.storm}}
		in.clusters[target.Cluster] = of
	}
	of.targets++
	e := &entry{target: target, health: health{check: target.Check, since: now}, cluster: &of.cluster, lane: &in.lane}
	r.entries[target] = e
	if !r.canProbe(target) {
		return e
	}
	if former != nil && former.health.status != Unknown {
		e.health.inherit(&former.health, e.cluster)
		e.reason = former.reason
		r.publish(e)
	} else {
		r.unknown++
	}
	e.urgency = undecided
	r.waiting.add(e, now)
	return e
}

// remove removes an entry without users. finish ignores the result of its probe.
func (r *roster) remove(e *entry) {
	switch e.state {
	case waiting:
		r.waiting.remove(e)
	case ready:
		e.lane.remove(e)
	}
	if e.state != unprobed && e.health.status == Unknown {
		r.unknown--
	}
	e.health.leave(e.cluster)
	delete(r.entries, e.target)
	r.down.Delete(e.target)

	in := r.namespaces[e.target.Namespace]
	of := in.clusters[e.target.Cluster]
	of.targets--
	if of.targets > 0 {
		return
	}
	delete(in.storm.failing, e.cluster)
	delete(in.clusters, e.target.Cluster)
	if len(in.clusters) == 0 {
		delete(r.namespaces, e.target.Namespace)
	}
}
