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

package source

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
)

// store is what the reflector writes to. It holds what was read of each slice, by the slice's name.
type store struct {
	zones []string
	// changed has an element after the content was changed and until somebody takes it: any number of changes are one.
	changed chan struct{}

	mu     sync.Mutex
	slices map[string]records.Slice
}

var _ cache.TransformingStore = &store{}

func newStore(zones []string) *store {
	return &store{zones: zones, changed: make(chan struct{}, 1)}
}

// content returns what was read of all slices.
func (s *store) content() []records.Slice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.slices))
}

// Replace takes the result of a list. It comes before every other method.
func (s *store) Replace(objects []any, _ string) error {
	read := make(map[string]records.Slice, len(objects))
	for _, object := range objects {
		endpointSlice, err := asEndpointSlice(object)
		if err != nil {
			return err
		}
		if slice, ok := records.Parse(endpointSlice, s.zones); ok {
			read[endpointSlice.Name] = slice
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slices = read
	s.signal()
	return nil
}

// Add takes a slice that was created.
func (s *store) Add(object any) error { return s.Update(object) }

// Update takes a slice that was changed. One that no longer asks for a name is forgotten.
func (s *store) Update(object any) error {
	endpointSlice, err := asEndpointSlice(object)
	if err != nil {
		return err
	}
	slice, ok := records.Parse(endpointSlice, s.zones)
	if !ok {
		return s.Delete(object)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slices[endpointSlice.Name] = slice
	s.signal()
	return nil
}

// Delete takes a slice that is gone.
func (s *store) Delete(object any) error {
	endpointSlice, err := asEndpointSlice(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.slices[endpointSlice.Name]; ok {
		delete(s.slices, endpointSlice.Name)
		s.signal()
	}
	return nil
}

// Resync has nothing to do: the content is the truth that others are computed from.
func (s *store) Resync() error { return nil }

// Transformer cuts slices down while the reflector collects a list of them.
func (s *store) Transformer() cache.TransformFunc {
	return func(object any) (any, error) {
		endpointSlice, err := asEndpointSlice(object)
		if err != nil {
			return nil, err
		}
		endpointSlice.ManagedFields = nil
		return endpointSlice, nil
	}
}

func (s *store) signal() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func asEndpointSlice(object any) (*discoveryv1.EndpointSlice, error) {
	endpointSlice, ok := object.(*discoveryv1.EndpointSlice)
	if !ok {
		return nil, fmt.Errorf("watching EndpointSlices gave a %T", object)
	}
	return endpointSlice, nil
}
