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

package claims

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/cluster-api/util/annotations"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

const (
	// MaxEntries is how many claims a GatewayDNS may have for a new one to be added: a status of more gateways is too large for etcd.
	MaxEntries = 3000
	// MaxBytes is how long the annotation may get by new claims. All annotations of an object together have 256 KiB; a quarter is
	// left to others.
	MaxBytes = 192 << 10
	// MinAbsence is how long a Cluster has been absent before its claim may go: a move that was interrupted is resumed sooner.
	MinAbsence = 24 * time.Hour

	// maxAbsentBytes is how long the annotation of absent Clusters may get: some 200 of them can go each day.
	maxAbsentBytes = 16 << 10
)

// Renewal is what a GatewayDNS claims from now on.
type Renewal struct {
	// Claims must not be changed.
	Claims Claims
	// IsWritten is true if the annotation holds the Claims and nothing else.
	IsWritten bool
	// Malformed is true if the annotation holds something that is no claim.
	Malformed bool
	// Absent are since when the Clusters of Claims do not exist. It is empty unless Claims take more than half of the room that
	// they may, and leaves out those that were noticed last if there are too many.
	Absent Claims
	// Unclaimed is how many names there was no room for.
	Unclaimed int
}

// Renew returns what a GatewayDNS of the namespace claims from now on: the claims that have not ended, and a new one for each
// Cluster that it selects and did not claim. A new claim is later than those of others that are there, whatever the clock of
// this machine says. One of a GatewayDNS that never claimed anything, of a name that nobody claims, counts since it was
// created; a name that another such GatewayDNS is to have is left until that one has claimed it.
//
// Claims of Clusters that do not exist go when there is no room for new ones, those that have been absent for longest first.
// None goes that has not been absent for MinAbsence, and none while a Cluster of the namespace is paused, as all are during a
// move.
func (n *Namespace) Renew(gatewayDNS *xccv1.GatewayDNS, now time.Time) Renewal {
	own := n.claimantOf(gatewayDNS)
	kept := n.live(own)
	added := n.additions(own, kept, now)
	room, wanted := roomOf(kept), roomOf(added)
	var absent []absence
	if !room.fits(wanted) || room.plus(wanted).isHalfFull() {
		absent = n.absences(gatewayDNS, kept, now)
	}
	if len(added) > 0 {
		kept = maps.Clone(kept) // It may be what is parsed once for all.
	}
	for !n.isMoving() && !room.fits(wanted) && len(absent) > 0 && now.Sub(absent[0].since) >= MinAbsence {
		room = room.minus(entry(absent[0].name))
		delete(kept, absent[0].name)
		absent = absent[1:]
	}
	renewal := Renewal{Claims: kept, Malformed: own.malformed, Absent: firstOf(absent)}
	for _, name := range slices.Sorted(maps.Keys(added)) {
		if more := entry(name); room.fits(more) {
			room = room.plus(more)
			kept[name] = added[name]
		} else {
			renewal.Unclaimed++
		}
	}
	renewal.IsWritten = own.written && !own.malformed && maps.Equal(kept, own.claims)
	return renewal
}

// live returns the claims of a GatewayDNS that have not ended. They must not be changed.
func (n *Namespace) live(own *claimant) Claims {
	live, shared := own.claims, true
	for name := range own.claims {
		if n.isLive(own, name) {
			continue
		}
		if shared {
			live, shared = maps.Clone(own.claims), false
		}
		delete(live, name)
	}
	return live
}

// additions returns the claims of the Clusters that a GatewayDNS selects and did not claim.
func (n *Namespace) additions(own *claimant, kept Claims, now time.Time) Claims {
	added := Claims{}
	for _, cluster := range n.clusters {
		name := Name(own.Subdomain(), cluster.Name)
		if _, ok := kept[name]; ok || !own.wants(cluster) {
			continue
		}
		holder, held := n.Holder(own.Subdomain(), cluster.Name)
		latest := n.latestOfOthers(own.Name, name)
		switch {
		case held && holder.unwritten && holder.GatewayDNS != own.Name:
		case held && holder.unwritten:
			added[name] = holder.Since
		case latest.Before(now):
			added[name] = now
		default:
			added[name] = latest.Add(time.Nanosecond)
		}
	}
	return added
}

// absence is a claim of a Cluster that does not exist.
type absence struct {
	name  string
	since time.Time
}

// absences returns since when the Clusters of claims have been absent, as the annotation says or since now, the longest first
// and those that are equal by name. One that exists again is not absent, and a time that is yet to come is none.
func (n *Namespace) absences(gatewayDNS *xccv1.GatewayDNS, kept Claims, now time.Time) []absence {
	known := Claims{}
	if text := gatewayDNS.Annotations[xccv1.AbsentClaimsAnnotation]; len(text) <= maxAbsentBytes {
		known, _ = Parse(text) // A longer one is not the manager's.
	}
	var absent []absence
	for name := range kept {
		_, cluster, _ := strings.Cut(name, ".")
		if _, exists := n.clusters[cluster]; exists {
			continue
		}
		since, ok := known[name]
		if !ok || !since.Before(now) {
			since = now.Truncate(time.Second)
		}
		absent = append(absent, absence{name, since})
	}
	slices.SortFunc(absent, func(a, b absence) int { return cmp.Or(a.since.Compare(b.since), strings.Compare(a.name, b.name)) })
	return absent
}

// isMoving returns whether the Clusters of the namespace may be in the middle of a move.
func (n *Namespace) isMoving() bool {
	for _, cluster := range n.clusters {
		if annotations.IsPaused(cluster, cluster) {
			return true
		}
	}
	return false
}

// firstOf returns the absences for which there is room, the longest ones.
func firstOf(absent []absence) Claims {
	first, bytes := Claims{}, len("{}")
	for _, absence := range absent {
		bytes += entry(absence.name).bytes
		if bytes > maxAbsentBytes {
			break
		}
		first[absence.name] = absence.since
	}
	return first
}

// room is what claims take of what they may.
type room struct{ entries, bytes int }

func entry(name string) room {
	// The longest time; most claims are of a moment that took all nanoseconds.
	const rest = len(`"":"2006-01-02T15:04:05.123456789Z",`)
	return room{entries: 1, bytes: len(name) + rest}
}

func roomOf(claims Claims) room {
	taken := room{}
	for name := range claims {
		taken = taken.plus(entry(name))
	}
	return taken
}

func (r room) plus(more room) room  { return room{r.entries + more.entries, r.bytes + more.bytes} }
func (r room) minus(less room) room { return room{r.entries - less.entries, r.bytes - less.bytes} }

// fits returns whether there is room for more claims. None always fit.
func (r room) fits(more room) bool {
	total := r.plus(more)
	return more.entries == 0 || total.entries <= MaxEntries && total.bytes <= MaxBytes
}

func (r room) isHalfFull() bool { return r.entries > MaxEntries/2 || r.bytes > MaxBytes/2 }
