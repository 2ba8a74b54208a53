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

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/watch"
)

// store holds the objects of one workload cluster. It is safe for concurrent use.
//
// An object is kept as its JSON without UID and resourceVersion. Clusters with equal objects share
// that text, so a million records fit into memory.
type store struct {
	number int
	texts  *texts

	mu      sync.Mutex
	version uint64
	kinds   map[string]map[string]stored
	// changed is the version of the last change of each resource.
	changed  map[string]uint64
	watchers map[*watcher]struct{}
	// gone is true while the cluster does not answer.
	gone chan struct{}
	// arrival is told of each record, if it is not nil.
	arrival *arrival
	// writes counts the successful writes by verb and resource.
	writes map[string]int
}

// stored is an object by its name, which is "namespace/name" or "name".
type stored struct {
	text    string
	uid     uint64
	version uint64
}

// texts shares equal texts.
type texts struct{ all sync.Map }

func (t *texts) share(text string) string {
	shared, _ := t.all.LoadOrStore(text, text)
	return shared.(string)
}

// watcher is a watch of one resource.
type watcher struct {
	resource string
	matches  func(key string) bool
	events   chan []byte
}

func newStore(number int, texts *texts) *store {
	return &store{
		number: number, texts: texts, version: 1, kinds: map[string]map[string]stored{}, changed: map[string]uint64{}, watchers: map[*watcher]struct{}{}, writes: map[string]int{},
	}
}

// statusError is a Kubernetes Status with which a request fails.
type statusError struct {
	code   int
	reason string
}

func (e statusError) Error() string { return e.reason }

var (
	errNotFound = statusError{http.StatusNotFound, "NotFound"}
	errExists   = statusError{http.StatusConflict, "AlreadyExists"}
	errConflict = statusError{http.StatusConflict, "Conflict"}
)

// encode returns the JSON of an object with its identity.
func (s *store) encode(object stored) []byte {
	identity := fmt.Sprintf(`"metadata":{"uid":"00000000-0000-0000-%04d-%012d","resourceVersion":"%d",`, s.number, object.uid, object.version)
	return []byte(strings.Replace(object.text, `"metadata":{`, identity, 1))
}

// put creates an object, or updates it if the resourceVersion in the JSON is empty or the current
// one.
func (s *store) put(resource, key string, body []byte, create bool) ([]byte, error) {
	text, version, err := withoutIdentity(body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	former, exists := s.kinds[resource][key]
	switch {
	case create && exists:
		return nil, errExists
	case !create && !exists:
		return nil, errNotFound
	case !create && version != "" && version != strconv.FormatUint(former.version, 10):
		return nil, errConflict
	}
	s.version++
	object := stored{text: s.texts.share(text), uid: former.uid, version: s.version}
	event, verb := watch.Modified, "update"
	if create {
		object.uid, event, verb = s.version, watch.Added, "create"
	}
	if s.kinds[resource] == nil {
		s.kinds[resource] = map[string]stored{}
	}
	s.kinds[resource][key] = object
	s.writes[verb+" "+resource]++
	s.notify(resource, key, event, object)
	if s.arrival != nil && resource == endpointSlices {
		s.arrival.wrote(s.number, object.text)
	}
	return s.encode(object), nil
}

// expect replaces the arrival that is told of each record.
func (s *store) expect(arrival *arrival) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrival = arrival
}

// remove deletes an object if the preconditions hold; they may be empty.
func (s *store) remove(resource, key, version string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	former, exists := s.kinds[resource][key]
	if !exists {
		return errNotFound
	}
	if version != "" && version != strconv.FormatUint(former.version, 10) {
		return errConflict
	}
	s.version++
	delete(s.kinds[resource], key)
	s.writes["delete "+resource]++
	former.version = s.version
	s.notify(resource, key, watch.Deleted, former)
	return nil
}

func (s *store) get(resource, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object, exists := s.kinds[resource][key]
	if !exists {
		return nil, errNotFound
	}
	return s.encode(object), nil
}

// list returns the objects whose keys match, and the version of the list.
func (s *store) list(resource string, matches func(key string) bool) (objects [][]byte, version uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listed(resource, matches), s.version
}

func (s *store) listed(resource string, matches func(key string) bool) (objects [][]byte) {
	for key, object := range s.kinds[resource] {
		if matches(key) {
			objects = append(objects, s.encode(object))
		}
	}
	return objects
}

// watch returns the changes from a version on. For version 0 it returns the present objects, too. It
// returns false if changes since the version are no longer known.
func (s *store) watch(resource string, matches func(key string) bool, from uint64) (events *watcher, objects [][]byte, version uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case from == 0:
		objects = s.listed(resource, matches)
	case from < s.changed[resource]:
		return nil, nil, 0, false
	}
	events = &watcher{resource: resource, matches: matches, events: make(chan []byte, 4096)}
	s.watchers[events] = struct{}{}
	return events, objects, s.version, true
}

func (s *store) leave(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, w)
}

// notify sends an event to the watchers. If a watcher does not keep up, its watch ends and its client
// lists again.
func (s *store) notify(resource, key string, event watch.EventType, object stored) {
	s.changed[resource] = s.version
	var encoded []byte
	for w := range s.watchers {
		if w.resource != resource || !w.matches(key) {
			continue
		}
		if encoded == nil {
			encoded = encodeEvent(event, s.encode(object))
		}
		select {
		case w.events <- encoded:
		default:
			close(w.events)
			delete(s.watchers, w)
		}
	}
}

func encodeEvent(event watch.EventType, object []byte) []byte {
	return fmt.Appendf(nil, `{"type":%q,"object":%s}`+"\n", event, object)
}

// withoutIdentity returns the JSON of an object without the fields that differ between clusters, and
// its resourceVersion.
func withoutIdentity(body []byte) (text, version string, err error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return "", "", fmt.Errorf("reading an object: %w", err)
	}
	var metadata map[string]json.RawMessage
	if err := json.Unmarshal(object["metadata"], &metadata); err != nil {
		return "", "", fmt.Errorf("reading metadata: %w", err)
	}
	_ = json.Unmarshal(metadata["resourceVersion"], &version)
	for _, name := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"} {
		delete(metadata, name)
	}
	if object["metadata"], err = json.Marshal(metadata); err != nil {
		return "", "", errors.Join(errors.New("writing metadata"), err)
	}
	encoded, err := json.Marshal(object)
	return string(encoded), version, err
}
