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

package consumers

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

const (
	// settling is how long after a change the consumers may take to hold it before those that do not are reported.
	settling = time.Second
	// maxLagging is how many clusters are named.
	maxLagging = 100
)

// Summary says in which clusters what a GatewayDNS publishes is current. revisit is when something may have changed by the
// mere passing of time; 0 if it will not. It is not settled while clusters are just being brought up to date. clusters are
// the names of all Clusters of the namespace that may consume.
func (l *Ledger) Summary(gatewayDNS *xccv1.GatewayDNS, clusters []string, now time.Time) (summary *xccv1.ConsumersStatus, settled bool, revisit time.Duration) {
	key := client.ObjectKeyFromObject(gatewayDNS)
	book := l.open(key.Namespace)
	defer book.mu.Unlock()
	current, ok := book.published[key]
	if fingerprint := book.fingerprintOf(gatewayDNS); !ok || current.fingerprint != fingerprint {
		current = &published{fingerprint: fingerprint, since: now, waiting: map[string]time.Time{}}
		book.published[key] = current
	}
	later := later{now: now}
	var total, held int32
	var lagging []xccv1.LaggingConsumer
	for _, name := range clusters {
		consumer, ok := book.consumers[name]
		isPatient := false
		switch {
		case !ok:
			isPatient = later.unsettle(l.started.Add(workload.Patience))
		case consumer.undecided:
			isPatient = later.unsettle(consumer.silentSince.Add(workload.Patience))
		}
		if isPatient {
			continue // Nothing is settled yet.
		}
		shown := lag{absent: !ok || !consumer.consumes()}
		if !shown.absent {
			reason, message := consumer.lagOf(key, current, &later)
			shown.reason, shown.message = reason, fit.Message(message)
		}
		if ok {
			shown = l.pace(book, pair{name, key}, shown, &later)
		}
		switch {
		case shown.absent:
			continue
		case shown.reason == "":
			held++
		default:
			lagging = append(lagging, xccv1.LaggingConsumer{Cluster: name, Reason: shown.reason, Message: shown.message})
		}
		total++
	}
	slices.SortFunc(lagging, func(a, b xccv1.LaggingConsumer) int { return strings.Compare(a.Cluster, b.Cluster) })
	summary = &xccv1.ConsumersStatus{
		Total: &total, Current: &held, ChangeTime: changeTime(gatewayDNS.Status.Gateways),
	}
	summary.Lagging = lagging[:min(len(lagging), maxLagging)]
	return summary, !later.unsettled, later.wait
}

// later collects when to look again.
type later struct {
	now       time.Time
	wait      time.Duration
	unsettled bool
}

// until returns whether a time is yet to come, and notes it if so.
func (l *later) until(due time.Time) bool {
	wait := due.Sub(l.now)
	if wait <= 0 {
		return false
	}
	if l.wait == 0 || wait < l.wait {
		l.wait = wait
	}
	return true
}

// unsettle notes that nothing is settled before a time. It returns whether that is yet to come.
func (l *later) unsettle(due time.Time) bool {
	isDue := l.until(due)
	l.unsettled = l.unsettled || isDue
	return isDue
}

// lagOf returns why a cluster does not hold what a GatewayDNS publishes, or an empty reason when it does.
func (c *consumer) lagOf(gatewayDNS client.ObjectKey, current *published, later *later) (reason xccv1.LagReason, message string) {
	silent := !c.silentSince.IsZero() && !later.until(c.silentSince.Add(workload.Patience))
	switch held, ok := c.held[gatewayDNS]; {
	case silent:
		return xccv1.LagUnreachable, c.message
	case !c.asked:
		since := c.known
		if c.silentSince.After(since) {
			since = c.silentSince
		}
		later.unsettle(since.Add(workload.Patience))
		return xccv1.LagPending, "Cluster has not been asked yet"
	case c.lag != "":
		return c.lag, c.message
	case c.failed[gatewayDNS].Reason != "":
		return c.failed[gatewayDNS].Reason, c.failed[gatewayDNS].Message
	case !ok || held != current.fingerprint:
		later.unsettle(current.since.Add(settling))
		return xccv1.LagPending, "The records are about to be written"
	}
	return "", ""
}

// changeTime returns the newest lastTransitionTime.
func changeTime(gateways []xccv1.GatewayStatus) *metav1.Time {
	var newest *metav1.Time
	for i := range gateways {
		if at := &gateways[i].LastTransitionTime; newest == nil || newest.Before(at) {
			newest = at
		}
	}
	return newest
}
