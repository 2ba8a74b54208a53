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

package reachability

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
)

// Tally counts the verdicts of the clusters on each gateway. It is safe for concurrent use.
type Tally struct {
	// gatewayDNS wakes the Reconciler for a GatewayDNS whose counts changed. clusters wakes the Observer.
	gatewayDNS, clusters mapping.Waker

	mu         sync.Mutex
	namespaces map[string]*book
}

// book is the part of a Tally for one namespace of the management cluster.
type book struct {
	// reports are the last reports by the name of the Cluster. A cluster without a report has an empty one.
	reports map[string]reachability.Report
	counts  map[reachability.Key]Count
	// checked are the gateways of each GatewayDNS with a health check, and owners is the inverse.
	checked map[string][]reachability.Key
	owners  map[reachability.Key]string
	// isComplete is true once all Clusters of the namespace have been observed. Later ones just add up.
	isComplete bool
}

// Count is the number of clusters by their verdict on a gateway.
type Count struct{ Down, Up int32 }

// NewTally returns an empty Tally.
func NewTally() *Tally { return &Tally{namespaces: map[string]*book{}} }

func (t *Tally) book(namespace string) *book {
	found, ok := t.namespaces[namespace]
	if !ok {
		found = &book{
			reports: map[string]reachability.Report{}, counts: map[reachability.Key]Count{},
			checked: map[string][]reachability.Key{}, owners: map[reachability.Key]string{},
		}
		t.namespaces[namespace] = found
	}
	return found
}

func (t *Tally) evictIfEmpty(namespace string) {
	if of := t.namespaces[namespace]; of != nil && len(of.reports)+len(of.checked) == 0 {
		delete(t.namespaces, namespace)
	}
}

// Check sets the gateways of a GatewayDNS with a health check. It returns whether it is the first one of its namespace, so that the
// clusters have to be observed.
func (t *Tally) Check(gatewayDNS client.ObjectKey, gateways []reachability.Key) (isFirst bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.book(gatewayDNS.Namespace)
	isFirst = len(of.checked) == 0
	of.disown(gatewayDNS.Name)
	of.checked[gatewayDNS.Name] = gateways
	for _, key := range gateways {
		of.owners[key] = gatewayDNS.Name
	}
	return isFirst
}

// Uncheck drops a GatewayDNS that is gone or has no health check. It returns whether it was the last one of its namespace.
func (t *Tally) Uncheck(gatewayDNS client.ObjectKey) (wasLast bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.namespaces[gatewayDNS.Namespace]
	if of == nil {
		return false
	}
	_, isChecked := of.checked[gatewayDNS.Name]
	of.disown(gatewayDNS.Name)
	delete(of.checked, gatewayDNS.Name)
	wasLast = isChecked && len(of.checked) == 0
	of.isComplete = of.isComplete && !wasLast
	t.evictIfEmpty(gatewayDNS.Namespace)
	return wasLast
}

func (b *book) disown(gatewayDNS string) {
	for _, key := range b.checked[gatewayDNS] {
		if b.owners[key] == gatewayDNS {
			delete(b.owners, key)
		}
	}
}

// IsWanted returns whether a GatewayDNS of the namespace has a health check.
func (t *Tally) IsWanted(namespace string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.namespaces[namespace]
	return of != nil && len(of.checked) > 0
}

// Set sets the report of a cluster, and wakes the GatewayDNS of the gateways that it changes.
func (t *Tally) Set(cluster client.ObjectKey, report reachability.Report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.book(cluster.Namespace)
	t.replace(of, cluster, report)
	of.reports[cluster.Name] = report
}

// Evict drops a cluster.
func (t *Tally) Evict(cluster client.ObjectKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.namespaces[cluster.Namespace]
	if of == nil {
		return
	}
	t.replace(of, cluster, reachability.Report{})
	delete(of.reports, cluster.Name)
	t.evictIfEmpty(cluster.Namespace)
}

// replace counts the difference between the former report of a cluster and another one.
func (t *Tally) replace(of *book, cluster client.ObjectKey, report reachability.Report) {
	woken := map[string]bool{}
	for _, change := range reachability.Changes(of.reports[cluster.Name], report) {
		count := of.counts[change.Key]
		count.add(change.Before, -1)
		count.add(change.After, 1)
		if count == (Count{}) {
			delete(of.counts, change.Key)
		} else {
			of.counts[change.Key] = count
		}
		if owner, ok := of.owners[change.Key]; ok && !woken[owner] {
			woken[owner] = true
			t.gatewayDNS.Wake(types.NamespacedName{Namespace: cluster.Namespace, Name: owner})
		}
	}
}

func (c *Count) add(verdict reachability.Verdict, n int32) {
	switch verdict {
	case reachability.Down:
		c.Down += n
	case reachability.Up:
		c.Up += n
	case reachability.None:
	}
}

// Counts returns the counts of gateways, in their order.
func (t *Tally) Counts(namespace string, gateways []reachability.Key) []Count {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := make([]Count, len(gateways))
	of := t.namespaces[namespace]
	if of == nil {
		return counts
	}
	for i, key := range gateways {
		counts[i] = of.counts[key]
	}
	return counts
}

// IsComplete returns whether all clusters of a namespace have been observed, so that its counts are not those of a part.
func (t *Tally) IsComplete(namespace string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.namespaces[namespace]
	return of != nil && of.isComplete
}

// Complete notes that these are all clusters of a namespace with a health check. It returns IsComplete.
func (t *Tally) Complete(namespace string, clusters []string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.book(namespace)
	of.isComplete = !slices.ContainsFunc(clusters, func(name string) bool {
		_, isObserved := of.reports[name]
		return !isObserved
	})
	return of.isComplete
}
