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

package records

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/consumers"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// publications hold the published gateways of each namespace, computed once for each version of a
// GatewayDNS, and the gateways that each consuming cluster has yet to compare. They are safe for
// concurrent use. No namespace of the management cluster waits for another.
type publications struct {
	// reader reads the GatewayDNS from the manager's cache.
	reader client.Reader
	zone   string
	names  *names

	mu         sync.Mutex
	namespaces map[string]*namespace
}

// namespace is the part for one namespace of the management cluster.
type namespace struct {
	mu sync.Mutex
	// isEvicted is true once the publications have another entry for the namespace.
	isEvicted bool
	edition   edition
	// consumers are the clusters that were compared, by the names of their Clusters.
	consumers map[string]*consumer
}

// edition holds the publications of a namespace, by the names of the GatewayDNS. It is immutable.
type edition map[string]*published

// published is the publication of one version of a GatewayDNS.
type published struct {
	*plan.Publication
	uid             types.UID
	resourceVersion string
	fingerprint     consumers.Fingerprint
	// dependsOnReaders and hasFailover are true if a gateway does or has.
	dependsOnReaders, hasFailover bool
}

// newPublications returns empty publications. The reader should be the manager's cache.
func newPublications(reader client.Reader, zone string) *publications {
	return &publications{reader: reader, zone: zone, names: newNames(), namespaces: map[string]*namespace{}}
}

// open returns the entry of a namespace, which the caller has for itself until it calls mu.Unlock. It
// returns nil if no cluster of the namespace consumes, unless it is to be created.
func (p *publications) open(name string, create bool) *namespace {
	for {
		p.mu.Lock()
		found, ok := p.namespaces[name]
		if !ok && create {
			found = &namespace{consumers: map[string]*consumer{}}
			p.namespaces[name] = found
		}
		p.mu.Unlock()
		if found == nil {
			return nil
		}
		found.mu.Lock()
		if !found.isEvicted {
			return found
		}
		found.mu.Unlock()
	}
}

// refresh reads a GatewayDNS again, and returns the names of the consuming clusters that have
// something to compare now.
func (p *publications) refresh(ctx context.Context, gatewayDNS client.ObjectKey) ([]string, error) {
	space := p.open(gatewayDNS.Namespace, false)
	if space == nil {
		return nil, nil // It is read with the others once a cluster consumes.
	}
	defer space.mu.Unlock()
	if space.edition == nil {
		return nil, nil // It could not be read so far.
	}
	current := &xccv1.GatewayDNS{}
	err := p.reader.Get(ctx, gatewayDNS, current, client.UnsafeDisableDeepCopy)
	switch {
	case apierrors.IsNotFound(err):
		current = nil
	case err != nil:
		return nil, fmt.Errorf("reading GatewayDNS %s: %w", gatewayDNS, err)
	}
	if !p.replace(space, gatewayDNS.Name, current) {
		return nil, nil
	}
	return slices.Collect(maps.Keys(space.consumers)), nil
}

// replace updates the publication of a GatewayDNS, and returns whether consuming clusters have
// something new. gatewayDNS is nil if it does not exist.
func (p *publications) replace(space *namespace, name string, gatewayDNS *xccv1.GatewayDNS) bool {
	former, known := space.edition[name]
	if gatewayDNS == nil && !known || gatewayDNS != nil && known && former.isOf(gatewayDNS) {
		return false
	}
	next := maps.Clone(space.edition)
	var current *published
	if gatewayDNS == nil {
		delete(next, name)
	} else {
		current = p.publish(gatewayDNS, former)
		next[name] = current
	}
	space.edition = next
	changed := plan.Changed(former.publication(), current.publication())
	p.names.replace(former.publication(), current.publication())
	for _, consumer := range space.consumers {
		consumer.mark(changed...)
	}
	return len(changed) > 0 || !known || current == nil || former.fingerprint != current.fingerprint
}

func (p *publications) publish(gatewayDNS *xccv1.GatewayDNS, former *published) *published {
	current := &published{
		Publication: plan.Publish(p.zone, gatewayDNS, former.publication()),
		uid:         gatewayDNS.UID, resourceVersion: gatewayDNS.ResourceVersion,
		fingerprint: consumers.FingerprintOf(gatewayDNS),
	}
	current.dependsOnReaders = slices.ContainsFunc(current.Gateways(), (*plan.Gateway).DependsOnReaders)
	current.hasFailover = slices.ContainsFunc(current.Gateways(), (*plan.Gateway).HasFailover)
	return current
}

// isOf returns whether it was computed from this version of the GatewayDNS.
func (p *published) isOf(gatewayDNS *xccv1.GatewayDNS) bool {
	return p.uid == gatewayDNS.UID && p.resourceVersion == gatewayDNS.ResourceVersion
}

// publication returns the Publication, nil if there is none.
func (p *published) publication() *plan.Publication {
	if p == nil {
		return nil
	}
	return p.Publication
}

// load reads all GatewayDNS of a namespace in which no cluster has consumed so far.
func (p *publications) load(ctx context.Context, space *namespace, name string) error {
	all := &xccv1.GatewayDNSList{}
	if err := p.reader.List(ctx, all, client.InNamespace(name), client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing GatewayDNS in %s: %w", name, err)
	}
	space.edition = make(edition, len(all.Items))
	for i := range all.Items {
		current := p.publish(&all.Items[i], nil)
		space.edition[all.Items[i].Name] = current
		p.names.replace(nil, current.Publication)
	}
	return nil
}

// gateway returns a gateway of a namespace, or nil if it is not published.
func (e edition) gateway(source plan.Source) *plan.Gateway {
	return e[source.GatewayDNS.Name].publication().Gateway(source)
}

// gateways returns all gateways.
func (e edition) gateways() []*plan.Gateway {
	var all []*plan.Gateway
	for _, published := range e {
		all = append(all, published.Gateways()...)
	}
	return all
}

// fingerprints returns the fingerprint of each GatewayDNS.
func (e edition) fingerprints(namespace string) iter.Seq2[client.ObjectKey, consumers.Fingerprint] {
	return func(yield func(client.ObjectKey, consumers.Fingerprint) bool) {
		for name, published := range e {
			if !yield(client.ObjectKey{Namespace: namespace, Name: name}, published.fingerprint) {
				return
			}
		}
	}
}

// records returns how many slices a cluster with the readers holds for all gateways.
func (e edition) records(readers plan.Readers) int {
	count := 0
	for _, published := range e {
		count += published.Records(readers)
	}
	return count
}

// dependOnReaders returns whether the slices of a gateway depend on the dns-servers that read them.
func (e edition) dependOnReaders() bool {
	for _, published := range e {
		if published.dependsOnReaders {
			return true
		}
	}
	return false
}

// withFailover returns the names of the GatewayDNS with a shared name or health checks.
func (e edition) withFailover() []string {
	var names []string
	for name, published := range e {
		if published.hasFailover {
			names = append(names, name)
		}
	}
	return names
}

// compare begins a comparison of the gateways that are due in a consuming cluster. reader belongs to
// its current connection. If the connection is new, everything is due. If finish is not called, the
// same gateways are due the next time.
func (p *publications) compare(ctx context.Context, cluster client.ObjectKey, reader client.Reader) (*comparison, error) {
	space := p.open(cluster.Namespace, true)
	defer space.mu.Unlock()
	current, known := space.consumers[cluster.Name]
	if !known && len(space.consumers) == 0 {
		if err := p.load(ctx, space, cluster.Namespace); err != nil {
			return nil, err
		}
	}
	if !known || current.reader != reader {
		current = &consumer{reader: reader, isAll: true}
		space.consumers[cluster.Name] = current
	}
	current.begin(space.edition)
	return &comparison{portion: *current.begun, consumer: current, space: space, names: p.names, zone: p.zone}, nil
}

// changed notes that a slice in a consuming cluster is, or was until now, as given.
func (p *publications) changed(cluster client.ObjectKey, slice *discoveryv1.EndpointSlice) {
	space := p.open(cluster.Namespace, false)
	if space == nil {
		return
	}
	defer space.mu.Unlock()
	current, known := space.consumers[cluster.Name]
	if !known {
		return // Everything is compared once it consumes.
	}
	if source, ok := plan.Published(slice, p.zone); ok {
		current.mark(source)
		if !p.names.isOf(slice.Name, source) {
			current.notice(source, slice.Name)
		}
	}
	if gateway := p.names.gateway(slice.Name); gateway != nil && gateway.Source().GatewayDNS.Namespace == cluster.Namespace {
		current.mark(gateway.Source())
	}
}

// evict forgets a cluster that is gone or does not consume. If it consumes again, everything is due.
func (p *publications) evict(cluster client.ObjectKey) {
	space := p.open(cluster.Namespace, false)
	if space == nil {
		return
	}
	defer space.mu.Unlock()
	delete(space.consumers, cluster.Name)
	if len(space.consumers) > 0 {
		return
	}
	for _, published := range space.edition {
		p.names.replace(published.Publication, nil)
	}
	space.isEvicted = true
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.namespaces, cluster.Namespace)
}
