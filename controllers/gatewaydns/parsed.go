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

package gatewaydns

import (
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/claims"
)

// parsedClaims hold the claims of each GatewayDNS, parsed once for each content of its annotation: neither a status that
// changes nor another GatewayDNS makes it be parsed again. They hold no more than the manager's cache does. The zero value
// is ready for use, and safe for concurrent use.
type parsedClaims struct {
	mu         sync.Mutex
	namespaces map[string]*parsedNamespace
}

// parsedNamespace has a lock of its own, because what one tenant writes is parsed under it.
type parsedNamespace struct {
	mu sync.Mutex
	// entries is replaced and never changed: reconciles go on reading the one that they began with.
	entries map[string]parsedEntry
}

type parsedEntry struct {
	uid        types.UID
	annotation string
	claims     claims.Claims
	malformed  bool
}

// few entries are forgotten with any of them: it costs little to parse them again, and one of a GatewayDNS that is gone may be
// among them, put back by a reconcile that listed it before.
const few = 8

// of returns the claims of all GatewayDNS of a namespace, and forgets those of others. They must not be changed.
func (p *parsedClaims) of(namespace string, all []xccv1.GatewayDNS) func(*xccv1.GatewayDNS) (parsed claims.Claims, malformed bool) {
	parsed := p.namespace(namespace)
	parsed.mu.Lock()
	defer parsed.mu.Unlock()
	entries := make(map[string]parsedEntry, len(all))
	for i := range all {
		entries[all[i].Name] = parsed.entry(&all[i])
	}
	parsed.entries = entries
	return func(gatewayDNS *xccv1.GatewayDNS) (claims.Claims, bool) {
		entry, ok := entries[gatewayDNS.Name]
		if !ok || !entry.isOf(gatewayDNS) {
			entry = parse(gatewayDNS) // It is newer than the list.
		}
		return entry.claims, entry.malformed
	}
}

func (p *parsedClaims) namespace(namespace string) *parsedNamespace {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.namespaces == nil {
		p.namespaces = map[string]*parsedNamespace{}
	}
	if p.namespaces[namespace] == nil {
		p.namespaces[namespace] = &parsedNamespace{}
	}
	return p.namespaces[namespace]
}

// forget drops the claims of a GatewayDNS that does not exist any more. It holds no two locks at a time: another namespace does
// not wait for what is parsed in this one.
func (p *parsedClaims) forget(gatewayDNS client.ObjectKey) {
	p.mu.Lock()
	parsed, ok := p.namespaces[gatewayDNS.Namespace]
	p.mu.Unlock()
	if !ok || parsed.forget(gatewayDNS.Name) > few {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.namespaces[gatewayDNS.Namespace] == parsed {
		delete(p.namespaces, gatewayDNS.Namespace)
	}
}

// forget drops an entry and returns how many there are still.
func (p *parsedNamespace) forget(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.entries[name]; ok {
		p.entries = maps.Clone(p.entries)
		delete(p.entries, name)
	}
	return len(p.entries)
}

// entry returns what is known of a GatewayDNS, or parses it.
func (p *parsedNamespace) entry(gatewayDNS *xccv1.GatewayDNS) parsedEntry {
	if known, ok := p.entries[gatewayDNS.Name]; ok && known.isOf(gatewayDNS) {
		known.annotation = gatewayDNS.Annotations[xccv1.ClaimsAnnotation] // The former copy of it can go.
		return known
	}
	return parse(gatewayDNS)
}

func (e parsedEntry) isOf(gatewayDNS *xccv1.GatewayDNS) bool {
	return e.uid == gatewayDNS.UID && e.annotation == gatewayDNS.Annotations[xccv1.ClaimsAnnotation]
}

func parse(gatewayDNS *xccv1.GatewayDNS) parsedEntry {
	annotation := gatewayDNS.Annotations[xccv1.ClaimsAnnotation]
	parsed, malformed := claims.Parse(annotation)
	return parsedEntry{uid: gatewayDNS.UID, annotation: annotation, claims: parsed, malformed: malformed}
}
