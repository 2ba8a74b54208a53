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
	"iter"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/source"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
)

// Ledger holds what each consuming cluster holds. It is safe for concurrent use. What is done for one namespace of the
// management cluster does not wait for another one.
type Ledger struct {
	metrics *Metrics
	started time.Time
	waker   mapping.Waker
	tokens  pacing.Buckets

	mu         sync.Mutex
	namespaces map[string]*book
}

// book is the part of a Ledger for one namespace of the management cluster.
type book struct {
	mu sync.Mutex
	// isEvicted is true once the Ledger has another book for the namespace.
	isEvicted bool
	// consumers are by the names of their Clusters.
	consumers map[string]*consumer
	published map[client.ObjectKey]*published
	// fingerprints are those of the versions of GatewayDNS that were seen last: each consumer holds the same.
	fingerprints map[client.ObjectKey]fingerprinted
	// shown is what status.consumers says.
	shown map[pair]lag
}

type fingerprinted struct {
	uid             types.UID
	resourceVersion string
	fingerprint     Fingerprint
}

// consumer is a cluster that consumes records, or is about to.
type consumer struct {
	// held is what it holds of each GatewayDNS, and failed is why it could not be given what else there is.
	held   map[client.ObjectKey]Fingerprint
	failed map[client.ObjectKey]Refusal
	// lag is why it is not up to date as a whole; empty when it could be asked.
	lag     xccv1.LagReason
	message string
	// silentSince is since when it does not answer; zero when it does.
	silentSince time.Time
	// known is since when it is in the book, asked whether it has answered since, and absent that it does not consume.
	known         time.Time
	asked, absent bool
	// undecided is true until it is known whether it consumes.
	undecided bool
}

// published is what a GatewayDNS publishes now, since when, and which consumers do not hold it yet, with the time of the first
// change that each of them lacks.
type published struct {
	fingerprint Fingerprint
	since       time.Time
	waiting     map[string]time.Time
}

// NewLedger returns an empty Ledger.
func NewLedger(metrics *Metrics) *Ledger {
	return &Ledger{metrics: metrics, started: time.Now(), namespaces: map[string]*book{}}
}

// open returns the book of a namespace, which the caller has for itself until it calls the book's mu.Unlock.
func (l *Ledger) open(namespace string) *book {
	for {
		found := l.book(namespace)
		found.mu.Lock()
		if !found.isEvicted {
			return found
		}
		found.mu.Unlock()
	}
}

func (l *Ledger) book(namespace string) *book {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.namespaces[namespace]
	if !ok {
		found = &book{
			consumers: map[string]*consumer{}, published: map[client.ObjectKey]*published{},
			fingerprints: map[client.ObjectKey]fingerprinted{}, shown: map[pair]lag{},
		}
		l.namespaces[namespace] = found
	}
	return found
}

// evictIfEmpty drops the book of a namespace in which nothing is left. The caller has it open.
func (l *Ledger) evictIfEmpty(namespace string, of *book) {
	if len(of.consumers)+len(of.published)+len(of.fingerprints)+len(of.shown) > 0 {
		return
	}
	of.isEvicted = true
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.namespaces, namespace)
}

func (b *book) consumer(name string) *consumer {
	found, ok := b.consumers[name]
	if !ok {
		found = &consumer{held: map[client.ObjectKey]Fingerprint{}, known: time.Now()}
		b.consumers[name] = found
	}
	return found
}

// fingerprintOf returns the Fingerprint of what a GatewayDNS publishes, computed once for each version of it.
func (b *book) fingerprintOf(gatewayDNS *xccv1.GatewayDNS) Fingerprint {
	key := client.ObjectKeyFromObject(gatewayDNS)
	last := b.fingerprints[key]
	if last.resourceVersion == "" || last.resourceVersion != gatewayDNS.ResourceVersion || last.uid != gatewayDNS.UID {
		last = fingerprinted{gatewayDNS.UID, gatewayDNS.ResourceVersion, FingerprintOf(gatewayDNS)}
		b.fingerprints[key] = last
	}
	return last.fingerprint
}

// Publishing notes that the status of a GatewayDNS is about to be written. changedAt is the
// lastTransitionTime of the gateways that changed.
func (l *Ledger) Publishing(written *xccv1.GatewayDNS, changedAt time.Time) {
	gatewayDNS, fingerprint := client.ObjectKeyFromObject(written), FingerprintOf(written)
	book := l.open(gatewayDNS.Namespace)
	defer book.mu.Unlock()
	current, ok := book.published[gatewayDNS]
	if ok && current.fingerprint == fingerprint {
		return
	}
	changed := &published{fingerprint: fingerprint, since: changedAt, waiting: map[string]time.Time{}}
	for name, consumer := range book.consumers {
		if !consumer.consumes() || consumer.held[gatewayDNS] == fingerprint {
			continue
		}
		changed.waiting[name] = changedAt
		if ok {
			if earlier, waits := current.waiting[name]; waits {
				changed.waiting[name] = earlier
			}
		}
	}
	book.published[gatewayDNS] = changed
}

// Refusal is why a cluster could not be given all records of a GatewayDNS. Its zero value says that the attempt is about to be
// repeated.
type Refusal struct {
	Reason xccv1.LagReason
	// Message is a sentence without a period.
	Message string
}

// Held notes that a consuming cluster holds the records of the published GatewayDNS, except for the
// refused ones. records is the number of its EndpointSlices for them.
func (l *Ledger) Held(
	cluster client.ObjectKey, published iter.Seq2[client.ObjectKey, Fingerprint], refused map[client.ObjectKey]Refusal, records int,
) {
	book := l.open(cluster.Namespace)
	defer book.mu.Unlock()
	consumer := book.consumer(cluster.Name)
	lagged := consumer.lag != "" || consumer.absent || !consumer.asked || !consumer.silentSince.IsZero()
	consumer.answered("", "")
	former, formerlyFailed := consumer.held, consumer.failed
	consumer.held, consumer.failed = make(map[client.ObjectKey]Fingerprint, len(former)), map[client.ObjectKey]Refusal{}
	for gatewayDNS, fingerprint := range published {
		if refusal, isRefused := refused[gatewayDNS]; isRefused {
			if held, ok := former[gatewayDNS]; ok {
				consumer.held[gatewayDNS] = held
			}
			if refusal.Reason != "" {
				consumer.failed[gatewayDNS] = refusal
			}
		} else {
			consumer.held[gatewayDNS] = fingerprint
			l.arrived(book, cluster.Name, gatewayDNS, fingerprint)
		}
		if lagged || former[gatewayDNS] != consumer.held[gatewayDNS] || formerlyFailed[gatewayDNS] != consumer.failed[gatewayDNS] {
			l.waker.Wake(gatewayDNS)
		}
	}
	l.metrics.records.WithLabelValues(cluster.Namespace, cluster.Name).Set(float64(records))
}

// arrived measures how long a change took until a cluster held it.
func (l *Ledger) arrived(book *book, cluster string, gatewayDNS client.ObjectKey, held Fingerprint) {
	current, ok := book.published[gatewayDNS]
	if !ok || current.fingerprint != held {
		return
	}
	if changedAt, waits := current.waiting[cluster]; waits {
		delete(current.waiting, cluster)
		l.metrics.propagation.Observe(time.Since(changedAt).Seconds())
	}
}

// Lags notes that a cluster could not be brought up to date, and why.
func (l *Ledger) Lags(cluster client.ObjectKey, reason xccv1.LagReason, message string) {
	book := l.open(cluster.Namespace)
	defer book.mu.Unlock()
	consumer := book.consumer(cluster.Name)
	if consumer.lag != reason || consumer.message != message || !consumer.silentSince.IsZero() {
		l.wakeAll(book)
	}
	consumer.answered(reason, message)
}

// Silent notes that a cluster has not answered since a time, and why. Its status changes if it is silent for longer than
// workload.Patience.
func (l *Ledger) Silent(cluster client.ObjectKey, since time.Time, message string) {
	book := l.open(cluster.Namespace)
	defer book.mu.Unlock()
	consumer := book.consumer(cluster.Name)
	if consumer.silentSince.IsZero() || consumer.message != message || consumer.undecided {
		l.wakeAll(book)
	}
	consumer.silentSince, consumer.message, consumer.undecided = since, message, false
}

// Undecided notes that it is not known whether a cluster consumes, because it has not answered since a time.
func (l *Ledger) Undecided(cluster client.ObjectKey, since time.Time) {
	book := l.open(cluster.Namespace)
	defer book.mu.Unlock()
	if consumer := book.consumer(cluster.Name); !consumer.asked {
		consumer.silentSince, consumer.undecided = since, true
	}
}

func (c *consumer) answered(lag xccv1.LagReason, message string) {
	c.lag, c.message, c.silentSince, c.asked, c.absent, c.undecided = lag, message, time.Time{}, true, false, false
}

// Absent notes that a cluster does not consume records.
func (l *Ledger) Absent(cluster client.ObjectKey) {
	book := l.open(cluster.Namespace)
	defer book.mu.Unlock()
	if former, ok := book.consumers[cluster.Name]; ok && former.absent {
		return
	}
	l.drop(cluster, book)
	absent := book.consumer(cluster.Name)
	absent.absent, absent.asked = true, true
	l.wakeAll(book)
}

// Consumes returns whether a cluster is known to consume records.
func (l *Ledger) Consumes(cluster client.ObjectKey) bool {
	book := l.open(cluster.Namespace)
	defer book.mu.Unlock()
	consumer, ok := book.consumers[cluster.Name]
	return ok && consumer.consumes()
}

func (c *consumer) consumes() bool { return !c.absent && !c.undecided }

// Evict drops a cluster that is gone or belongs to another instance of the manager.
func (l *Ledger) Evict(cluster client.ObjectKey) {
	book := l.open(cluster.Namespace)
	defer book.mu.Unlock()
	if _, ok := book.consumers[cluster.Name]; ok {
		l.drop(cluster, book)
		l.evictShown(book, func(of pair) bool { return of.cluster == cluster.Name })
		l.wakeAll(book)
	}
	l.evictIfEmpty(cluster.Namespace, book)
}

func (l *Ledger) drop(cluster client.ObjectKey, book *book) {
	l.metrics.records.DeleteLabelValues(cluster.Namespace, cluster.Name)
	delete(book.consumers, cluster.Name)
	for _, published := range book.published {
		delete(published.waiting, cluster.Name)
	}
}

// EvictGatewayDNS drops a GatewayDNS that does not exist any more.
func (l *Ledger) EvictGatewayDNS(gatewayDNS client.ObjectKey) {
	book := l.open(gatewayDNS.Namespace)
	defer book.mu.Unlock()
	delete(book.published, gatewayDNS)
	delete(book.fingerprints, gatewayDNS)
	l.evictShown(book, func(of pair) bool { return of.gatewayDNS == gatewayDNS })
	l.evictIfEmpty(gatewayDNS.Namespace, book)
}

// evictShown forgets the shown lags of some pairs.
func (l *Ledger) evictShown(book *book, isGone func(pair) bool) {
	maps.DeleteFunc(book.shown, func(of pair, _ lag) bool {
		if !isGone(of) {
			return false
		}
		l.tokens.Evict(of.bucket(), time.Now())
		return true
	})
}

// Source wakes the Reconciler for a GatewayDNS of which a cluster holds something else than before.
func (l *Ledger) Source() source.Source { return l.waker.Source() }

func (l *Ledger) wakeAll(book *book) {
	for gatewayDNS := range book.published {
		l.waker.Wake(gatewayDNS)
	}
}
