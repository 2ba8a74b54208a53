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
	// MaxEntries is the number of claims at which no new ones are added. The status of more
	// gateways is too large for etcd.
	MaxEntries = 3000
	// MaxBytes is the size of the annotation at which no new claims are added. Kubernetes allows
	// 256 KiB for all annotations of an object; a quarter is left for others.
	MaxBytes = 192 << 10
	// MinAbsence is how long a Cluster must be absent before its claim can be deleted. An
	// interrupted move is resumed sooner.
	MinAbsence = 24 * time.Hour
	// maxAbsentBytes bounds the annotation of absent Clusters. It holds about 200, so as many
	// claims can be deleted each day.
	maxAbsentBytes = 16 << 10
)

// Renewal is the desired state of a GatewayDNS's claims.
type Renewal struct {
	// Claims must not be changed.
	Claims Claims
	// IsWritten is true if the annotation already has exactly these Claims.
	IsWritten bool
	// Shared is the claim of the shared name. It is empty if there is none.
	Shared Claims
	// Malformed are the annotations with invalid entries.
	Malformed []string
	// Absent has the claims whose Clusters do not exist, each with the time since when. It is empty
	// unless Claims use more than half of a limit. If there are too many, the most recent are left
	// out.
	Absent Claims
	// Unclaimed is the number of names for which there was no room.
	Unclaimed int
}

// Renew returns the desired claims of a GatewayDNS: those that have not ended, and a new one for
// each selected Cluster and for a shared name without one. A new claim is later than all others of its name, even if the
// clock of this machine is behind.
//
// A GatewayDNS without any claims yet claims a free name with its creation time. If an older
// GatewayDNS without claims selects the same Cluster, that one claims the name first.
//
// If there is no room for new claims of gateways, those of absent Clusters are deleted, the longest absent
// first. A Cluster must have been absent for MinAbsence. None is deleted while a Cluster of the
// namespace is paused, as all Clusters are in a move.
func (n *Namespace) Renew(gatewayDNS *xccv1.GatewayDNS, now time.Time) Renewal {
	own := n.claimantOf(gatewayDNS)
	kept := n.live(own)
	added := n.additions(own, kept, now)
	used, wanted := usageOf(kept), usageOf(added)
	var absent []absence
	if !used.fits(wanted) || used.plus(wanted).isHalfFull() {
		absent = n.absences(gatewayDNS, kept, now)
	}
	if len(added) > 0 {
		kept = maps.Clone(kept) // It may share the map with the cache of parsed annotations.
	}
	for !n.isMoving() && !used.fits(wanted) && len(absent) > 0 && now.Sub(absent[0].since) >= MinAbsence {
		used = used.minus(entry(absent[0].name))
		delete(kept, absent[0].name)
		absent = absent[1:]
	}
	renewal := Renewal{Claims: kept, Absent: firstOf(absent), Shared: n.renewShared(own, now)}
	for _, name := range slices.Sorted(maps.Keys(added)) {
		if more := entry(name); used.fits(more) {
			used = used.plus(more)
			kept[name] = added[name]
		} else {
			renewal.Unclaimed++
		}
	}
	renewal.IsWritten = own.gateways.written && !own.gateways.malformed && maps.Equal(kept, own.gateways.claims)
	if own.gateways.malformed {
		renewal.Malformed = append(renewal.Malformed, xccv1.ClaimsAnnotation)
	}
	if own.shared.malformed {
		renewal.Malformed = append(renewal.Malformed, xccv1.SharedClaimAnnotation)
	}
	return renewal
}

// live returns the claims of gateways that have not ended. They must not be changed.
func (n *Namespace) live(own *claimant) Claims {
	live, isOriginal := own.gateways.claims, true
	for name := range own.gateways.claims {
		if !isShared(name) && n.isLive(own, name) {
			continue
		}
		if isOriginal {
			live, isOriginal = maps.Clone(live), false
		}
		delete(live, name)
	}
	return live
}

// additions returns new claims for the selected Clusters without one.
func (n *Namespace) additions(own *claimant, kept Claims, now time.Time) Claims {
	added := Claims{}
	for _, cluster := range n.clusters {
		name := Name(own.Subdomain(), cluster.Name)
		if _, ok := kept[name]; ok || !n.wants(own, name) {
			continue
		}
		if since, ok := n.start(own, name, now); ok {
			added[name] = since
		}
	}
	return added
}

// start returns the start of a new claim. It returns false if another GatewayDNS claims the name
// first.
func (n *Namespace) start(own *claimant, name string, now time.Time) (time.Time, bool) {
	holder, held := n.Holder(name)
	latest := n.latestOfOthers(own.Name, name)
	switch {
	case held && holder.unwritten && holder.GatewayDNS != own.Name:
		return time.Time{}, false
	case held && holder.unwritten:
		return holder.Since, true
	case latest.Before(now):
		return now, true
	}
	return latest.Add(time.Nanosecond), true
}

// absence is a claim whose Cluster does not exist.
type absence struct {
	name  string
	since time.Time
}

// absences returns the claims whose Clusters do not exist, ordered by the start of the absence and
// then by name. The start is that of the annotation. It is now if the annotation has none or one in
// the future.
func (n *Namespace) absences(gatewayDNS *xccv1.GatewayDNS, kept Claims, now time.Time) []absence {
	known := Claims{}
	if text := gatewayDNS.Annotations[xccv1.AbsentClaimsAnnotation]; len(text) <= maxAbsentBytes {
		known, _ = Parse(text) // The manager never writes a longer annotation.
	}
	var absent []absence
	for name := range kept {
		if _, exists := n.clusters[clusterOf(name)]; exists {
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

// firstOf returns as many absences as fit the annotation, from the first on.
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

// usage is the number of claims and their size in the annotation.
type usage struct{ entries, bytes int }

func entry(name string) usage {
	// The longest form of a time, as most times have nanoseconds.
	const rest = len(`"":"2006-01-02T15:04:05.123456789Z",`)
	return usage{entries: 1, bytes: len(name) + rest}
}

func usageOf(claims Claims) usage {
	total := usage{}
	for name := range claims {
		total = total.plus(entry(name))
	}
	return total
}

func (u usage) plus(more usage) usage  { return usage{u.entries + more.entries, u.bytes + more.bytes} }
func (u usage) minus(less usage) usage { return usage{u.entries - less.entries, u.bytes - less.bytes} }

// fits returns whether more claims stay within the limits. Zero claims always fit.
func (u usage) fits(more usage) bool {
	total := u.plus(more)
	return more.entries == 0 || total.entries <= MaxEntries && total.bytes <= MaxBytes
}

func (u usage) isHalfFull() bool { return u.entries > MaxEntries/2 || u.bytes > MaxBytes/2 }
