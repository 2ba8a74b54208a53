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
	"maps"
	"slices"
	"sync"

	discoveryv1 "k8s.io/api/discovery/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// names finds the gateway that a slice belongs to by the slice's name, which is the same in all
// consuming clusters. It is safe for concurrent use.
type names struct {
	mu       sync.RWMutex
	gateways map[string]*plan.Gateway
}

func newNames() *names { return &names{gateways: map[string]*plan.Gateway{}} }

// gateway returns the published gateway that has a slice of the name, or nil.
func (n *names) gateway(slice string) *plan.Gateway {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.gateways[slice]
}

// isOf returns whether the slice has a name that the plan gives to its gateway's slices.
func (n *names) isOf(slice string, source plan.Source) bool {
	if gateway := n.gateway(slice); gateway != nil {
		return gateway.Source() == source
	}
	return slices.Contains(plan.SliceNames(source), slice)
}

// replace has the names of a GatewayDNS's publication in place of those of the former one. Either
// may be nil.
func (n *names) replace(former, current *plan.Publication) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, gateway := range former.Gateways() {
		if current.Gateway(gateway.Source()) == gateway {
			continue
		}
		for _, slice := range gateway.Slices() {
			if n.gateways[slice.Name] == gateway {
				delete(n.gateways, slice.Name)
			}
		}
	}
	for _, gateway := range current.Gateways() {
		if former.Gateway(gateway.Source()) == gateway {
			continue
		}
		for _, slice := range gateway.Slices() {
			n.gateways[slice.Name] = gateway
		}
	}
}

// share lets a slice that was read from a workload cluster have the memory of a published one, if
// it says the same. Each consuming cluster holds the same slices. The result must not be changed.
func (p *publications) share(slice *discoveryv1.EndpointSlice) {
	gateway := p.names.gateway(slice.Name)
	if gateway == nil {
		return
	}
	for _, published := range gateway.Slices() {
		if published.Name == slice.Name && saySame(published, slice) {
			slice.Namespace, slice.Name, slice.AddressType = published.Namespace, published.Name, published.AddressType
			slice.Labels, slice.Annotations = published.Labels, published.Annotations
			slice.Endpoints, slice.Ports = published.Endpoints, published.Ports
			return
		}
	}
}

// saySame returns whether two slices differ in nothing that a user can set.
func saySame(a, b *discoveryv1.EndpointSlice) bool {
	return a.AddressType == b.AddressType && maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations) &&
		apiequality.Semantic.DeepEqual(a.Endpoints, b.Endpoints) && apiequality.Semantic.DeepEqual(a.Ports, b.Ports)
}
