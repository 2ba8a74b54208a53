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
	"slices"
	"sync"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
)

// store is what the reflector writes to. It holds what was read of each slice, and which groups of slices were changed since
// somebody looked.
type store struct {
	zones []string
	// changed has an element after something was changed and until somebody takes it: any number of changes are one.
	changed chan struct{}
	// synced is called when the API server has told that what is known is recent.
	synced func()

	mu sync.Mutex
	// slices are by name. groups are the names of those that are merged together, of which there are one or two mostly.
	slices map[string]records.Slice
	groups map[string][]string
	dirty  map[string]bool
}

var (
	_ cache.TransformingStore      = &store{}
	_ cache.ResourceVersionUpdater = &store{}
)

func newStore(zones []string, synced func()) *store {
	return &store{
		zones: zones, changed: make(chan struct{}, 1), synced: synced,
		slices: map[string]records.Slice{}, groups: map[string][]string{}, dirty: map[string]bool{},
	}
}

// take returns the groups that were changed since the last call, with all slices that are in them now.
func (s *store) take() map[string][]records.Slice {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := make(map[string][]records.Slice, len(s.dirty))
	for group := range s.dirty {
		taken[group] = nil
		for _, name := range s.groups[group] {
			taken[group] = append(taken[group], s.slices[name])
		}
	}
	s.dirty = map[string]bool{}
	return taken
}

// Replace takes the result of a list. It comes before every other method.
func (s *store) Replace(objects []any, _ string) error {
	listed := make(map[string]*discoveryv1.EndpointSlice, len(objects))
	for _, object := range objects {
		endpointSlice, err := asEndpointSlice(object)
		if err != nil {
			return err
		}
		listed[endpointSlice.Name] = endpointSlice
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.slices {
		if _, ok := listed[name]; !ok {
			s.forget(name)
		}
	}
	for _, endpointSlice := range listed {
		s.learn(endpointSlice)
	}
	// Even where nothing was found, there is something to serve now.
	s.signal()
	s.synced()
	return nil
}

// Add takes a slice that was created.
func (s *store) Add(object any) error { return s.Update(object) }

// Update takes a slice that was changed.
func (s *store) Update(object any) error {
	endpointSlice, err := asEndpointSlice(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.learn(endpointSlice) {
		s.signal()
	}
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
	if s.forget(endpointSlice.Name) {
		s.signal()
	}
	return nil
}

// UpdateResourceVersion is called after every event, and when the API server says that there are none.
func (s *store) UpdateResourceVersion(string) { s.synced() }

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

// learn takes what a slice says now, and returns whether that concerns us. One that no longer asks for a name is forgotten.
func (s *store) learn(endpointSlice *discoveryv1.EndpointSlice) bool {
	known := s.forget(endpointSlice.Name)
	slice, ok := records.Parse(endpointSlice, s.zones)
	if !ok {
		return known
	}
	group := slice.Group()
	s.slices[endpointSlice.Name] = slice
	s.groups[group] = append(s.groups[group], endpointSlice.Name)
	s.dirty[group] = true
	return true
}

// forget returns whether there was such a slice.
func (s *store) forget(name string) bool {
	slice, ok := s.slices[name]
	if !ok {
		return false
	}
	group := slice.Group()
	delete(s.slices, name)
	s.groups[group] = slices.DeleteFunc(s.groups[group], func(other string) bool { return other == name })
	if len(s.groups[group]) == 0 {
		delete(s.groups, group)
	}
	s.dirty[group] = true
	return true
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
