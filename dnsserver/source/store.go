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
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// store receives slices from the reflector. It keeps the served part of each slice, and the groups
// of slices that have changed since the last take.
type store struct {
	zones []string
	judge netaddr.Judge
	// changed has an element if there are changes to take.
	changed chan struct{}
	// synced is called when the API server has confirmed that the content is recent.
	synced func()

	mu sync.Mutex
	// slices are the served parts by EndpointSlice name. groups are the names of EndpointSlices by
	// group, usually one or two.
	slices map[string][]records.Slice
	groups map[string][]string
	// dirty has the changed groups, with the time of the first change.
	dirty map[string]time.Time
}

// group has the slices to merge, and the time since which the served record is outdated.
type group struct {
	slices []records.Slice
	since  time.Time
}

var (
	_ cache.TransformingStore      = &store{}
	_ cache.ResourceVersionUpdater = &store{}
)

func newStore(zones []string, judge netaddr.Judge, synced func()) *store {
	return &store{
		zones: zones, judge: judge, changed: make(chan struct{}, 1), synced: synced,
		slices: map[string][]records.Slice{}, groups: map[string][]string{}, dirty: map[string]time.Time{},
	}
}

// take returns the groups that have changed since the last call, with all their slices.
func (s *store) take() map[string]group {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := make(map[string]group, len(s.dirty))
	for key, since := range s.dirty {
		taken[key] = group{slices: s.group(key), since: since}
	}
	s.dirty = map[string]time.Time{}
	return taken
}

// group returns the slices of a group.
func (s *store) group(key string) []records.Slice {
	var all []records.Slice
	for _, name := range s.groups[key] {
		for _, slice := range s.slices[name] {
			if slice.Group() == key {
				all = append(all, slice)
			}
		}
	}
	return all
}

// Replace stores the result of a list. The reflector calls it before any other method.
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
			s.replace(name, nil)
		}
	}
	for name, endpointSlice := range listed {
		s.replace(name, records.Parse(endpointSlice, s.zones, s.judge))
	}
	// Signal even if the list is empty: there is a first snapshot to serve now.
	s.signal()
	s.synced()
	return nil
}

// Add stores a new slice.
func (s *store) Add(object any) error { return s.Update(object) }

// Update stores a changed slice.
func (s *store) Update(object any) error {
	endpointSlice, err := asEndpointSlice(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replace(endpointSlice.Name, records.Parse(endpointSlice, s.zones, s.judge)) {
		s.signal()
	}
	return nil
}

// Delete removes a slice.
func (s *store) Delete(object any) error {
	endpointSlice, err := asEndpointSlice(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replace(endpointSlice.Name, nil) {
		s.signal()
	}
	return nil
}

// UpdateResourceVersion is called after every event and every bookmark.
func (s *store) UpdateResourceVersion(string) { s.synced() }

// Resync does nothing, because there is no other state to compare with.
func (s *store) Resync() error { return nil }

// Transformer shrinks slices while the reflector collects a list of them.
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

// replace stores the served parts of an EndpointSlice, none if it is gone or has no names any more.
// It returns whether they have changed.
func (s *store) replace(name string, said []records.Slice) bool {
	before := s.slices[name]
	if slices.EqualFunc(before, said, records.Slice.Equal) {
		return false
	}
	now := time.Now()
	for _, slice := range before {
		s.leave(slice.Group(), name, now)
	}
	for _, slice := range said {
		s.join(slice.Group(), name, now)
	}
	if len(said) == 0 {
		delete(s.slices, name)
	} else {
		s.slices[name] = said
	}
	return true
}

// join adds an EndpointSlice to a group.
func (s *store) join(key, name string, now time.Time) {
	if !slices.Contains(s.groups[key], name) {
		s.groups[key] = append(s.groups[key], name)
	}
	s.touch(key, now)
}

func (s *store) leave(key, name string, now time.Time) {
	s.groups[key] = slices.DeleteFunc(s.groups[key], func(other string) bool { return other == name })
	if len(s.groups[key]) == 0 {
		delete(s.groups, key)
	}
	s.touch(key, now)
}

// touch marks a group as changed and keeps the time of the first change.
func (s *store) touch(key string, now time.Time) {
	if _, ok := s.dirty[key]; !ok {
		s.dirty[key] = now
	}
}

// touchGroups marks groups as changed, although their slices are the same.
func (s *store) touchGroups(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, key := range keys {
		if len(s.groups[key]) > 0 {
			s.touch(key, now)
		}
	}
	s.signal()
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
