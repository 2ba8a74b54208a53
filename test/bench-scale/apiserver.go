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
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
)

// simulation serves the APIs of all workload clusters on one socket. The path of a request begins
// with the number of its cluster.
type simulation struct {
	*httptest.Server
	clusters []*store
}

func newSimulation(count int) *simulation {
	s := &simulation{}
	shared := &texts{}
	for number := range count {
		s.clusters = append(s.clusters, newStore(number, shared))
	}
	s.Server = httptest.NewUnstartedServer(s)
	s.EnableHTTP2 = true
	s.StartTLS()
	return s
}

// address returns the URL of a cluster's API server.
func (s *simulation) address(number int) string { return fmt.Sprintf("%s/%d", s.URL, number) }

// kinds are the kinds by resource, for lists.
var kinds = map[string]string{
	"namespaces": "Namespace", "services": "Service", "nodes": "Node", "pods": "Pod", "configmaps": "ConfigMap", "secrets": "Secret",
	"serviceaccounts": "ServiceAccount", "resourcequotas": "ResourceQuota", "endpointslices": "EndpointSlice", "deployments": "Deployment",
	"daemonsets": "DaemonSet", "replicasets": "ReplicaSet", "leases": "Lease", "networkpolicies": "NetworkPolicy",
	"poddisruptionbudgets": "PodDisruptionBudget", "roles": "Role", "rolebindings": "RoleBinding",
}

// request is a request for objects of a workload cluster.
type request struct {
	*http.Request
	store                                 *store
	apiVersion, resource, namespace, name string
}

func (r *request) key(name string) string {
	if r.namespace == "" {
		return name
	}
	return r.namespace + "/" + name
}

// ServeHTTP implements http.Handler.
func (s *simulation) ServeHTTP(w http.ResponseWriter, httpRequest *http.Request) {
	parts := strings.Split(strings.Trim(httpRequest.URL.Path, "/"), "/")
	number, err := strconv.Atoi(parts[0])
	if err != nil || number < 0 || number >= len(s.clusters) {
		http.NotFound(w, httpRequest)
		return
	}
	store := s.clusters[number]
	if !store.answers(httpRequest.Context()) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	parsed, ok := parse(parts[1:])
	if !ok {
		discover(w, parts[1:])
		return
	}
	parsed.Request, parsed.store = httpRequest, store
	serve(w, parsed)
}

// answers waits while the cluster hangs. It returns false if the client gave up.
func (s *store) answers(ctx context.Context) bool {
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	if gone == nil {
		return true
	}
	select {
	case <-gone:
		return true
	case <-ctx.Done():
		return false
	}
}

// hang lets the cluster not answer until the returned function is called.
func (s *store) hang() (answer func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := make(chan struct{})
	s.gone = gone
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gone = nil
		close(gone)
	}
}

// parse reads a path for objects.
func parse(parts []string) (*request, bool) {
	var rest []string
	r := &request{}
	switch {
	case len(parts) > 2 && parts[0] == "api":
		r.apiVersion, rest = parts[1], parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		r.apiVersion, rest = parts[1]+"/"+parts[2], parts[3:]
	default:
		return nil, false
	}
	if rest[0] == "namespaces" && len(rest) > 2 {
		r.namespace, rest = rest[1], rest[2:]
	}
	r.resource = rest[0]
	if len(rest) > 1 {
		r.name = rest[1]
	}
	return r, true
}

func serve(w http.ResponseWriter, r *request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if body, err = inJSON(body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var answer []byte
	switch {
	case r.Method == http.MethodGet && r.name != "":
		answer, err = r.store.get(r.resource, r.key(r.name))
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") != "":
		follow(w, r)
		return
	case r.Method == http.MethodGet:
		answer = listOf(r)
	case r.Method == http.MethodPost:
		var object metav1.PartialObjectMetadata
		if err = json.Unmarshal(body, &object); err == nil {
			answer, err = r.store.put(r.resource, r.key(object.Name), body, true)
		}
	case r.Method == http.MethodPut:
		answer, err = r.store.put(r.resource, r.key(r.name), body, false)
	case r.Method == http.MethodDelete:
		var options metav1.DeleteOptions
		_ = json.Unmarshal(body, &options)
		version := ""
		if options.Preconditions != nil && options.Preconditions.ResourceVersion != nil {
			version = *options.Preconditions.ResourceVersion
		}
		err = r.store.remove(r.resource, r.key(r.name), version)
		answer = []byte(`{"kind":"Status","apiVersion":"v1","status":"Success"}`)
	default:
		err = statusError{http.StatusMethodNotAllowed, "MethodNotAllowed"}
	}
	if err != nil {
		failed, ok := err.(statusError) //nolint:errorlint // The store returns it unwrapped.
		if !ok {
			failed = statusError{http.StatusBadRequest, "BadRequest"}
		}
		w.WriteHeader(failed.code)
		answer = fmt.Appendf(nil, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":%q,"code":%d}`, failed.reason, err, failed.code)
	}
	_, _ = w.Write(answer)
}

// inJSON returns an object in JSON that is in protobuf or in JSON.
func inJSON(body []byte) ([]byte, error) {
	if len(body) == 0 || body[0] == '{' {
		return body, nil
	}
	object, kind, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("reading an object: %w", err)
	}
	object.GetObjectKind().SetGroupVersionKind(*kind)
	encoded, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("writing an object: %w", err)
	}
	return encoded, nil
}

// matching returns the filter of a list or a watch. The only fields are those of the metadata.
func matching(r *request) func(key string) bool {
	namespace, name := r.namespace, ""
	if selector, err := fields.ParseSelector(r.URL.Query().Get("fieldSelector")); err == nil {
		if value, ok := selector.RequiresExactMatch("metadata.name"); ok {
			name = value
		}
		if value, ok := selector.RequiresExactMatch("metadata.namespace"); ok {
			namespace = value
		}
	}
	return func(key string) bool {
		keyNamespace, keyName, ok := strings.Cut(key, "/")
		if !ok {
			keyNamespace, keyName = "", key
		}
		return (namespace == "" || keyNamespace == namespace) && (name == "" || keyName == name)
	}
}

func listOf(r *request) []byte {
	objects, version := r.store.list(r.resource, matching(r))
	list := fmt.Appendf(nil, `{"kind":"%sList","apiVersion":%q,"metadata":{"resourceVersion":"%d"},"items":[`, kinds[r.resource], r.apiVersion, version)
	for i, object := range objects {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, object...)
	}
	return append(list, "]}"...)
}

// follow serves a watch.
func follow(w http.ResponseWriter, r *request) {
	from, _ := strconv.ParseUint(r.URL.Query().Get("resourceVersion"), 10, 64)
	initial := r.URL.Query().Get("sendInitialEvents") == "true"
	if initial {
		from = 0
	}
	events, objects, version, ok := r.store.watch(r.resource, matching(r), from)
	if !ok {
		w.WriteHeader(http.StatusGone)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}`)
		return
	}
	defer r.store.leave(events)
	flush := http.NewResponseController(w)
	for _, object := range objects {
		_, _ = w.Write(encodeEvent(watch.Added, object))
	}
	if initial {
		_, _ = fmt.Fprintf(w, `{"type":"BOOKMARK","object":{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":"%d","annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n",
			kinds[r.resource], r.apiVersion, version)
	}
	_ = flush.Flush()
	for {
		select {
		case event, ok := <-events.events:
			if !ok || !r.store.answers(r.Context()) {
				return
			}
			_, _ = w.Write(event)
			for len(events.events) > 0 {
				if event, ok = <-events.events; !ok {
					return
				}
				_, _ = w.Write(event)
			}
			if flush.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// groups are the API groups and versions that are served, beside the core group.
var groups = map[string]string{
	"apps": "v1", "discovery.k8s.io": "v1", "coordination.k8s.io": "v1", "networking.k8s.io": "v1", "policy": "v1", "rbac.authorization.k8s.io": "v1",
}

// discover answers the questions of API discovery.
func discover(w http.ResponseWriter, parts []string) {
	var answer any
	switch path := strings.Join(parts, "/"); {
	case path == "version":
		answer = map[string]string{"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
	case path == "api":
		answer = metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}
	case path == "apis":
		list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
		for name, version := range groups {
			of := metav1.GroupVersionForDiscovery{GroupVersion: name + "/" + version, Version: version}
			list.Groups = append(list.Groups, metav1.APIGroup{Name: name, Versions: []metav1.GroupVersionForDiscovery{of}, PreferredVersion: of})
		}
		answer = list
	case path == "api/v1":
		answer = resources("v1", "nodes", "namespaces", "services", "pods", "configmaps", "secrets")
	case path == "apis/discovery.k8s.io/v1":
		answer = resources("discovery.k8s.io/v1", "endpointslices")
	case path == "apis/apps/v1":
		answer = resources("apps/v1", "deployments", "daemonsets")
	case strings.HasPrefix(path, "apis/"):
		answer = resources(strings.TrimPrefix(path, "apis/"))
	default:
		answer = map[string][]string{"paths": {}}
	}
	encoded, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(encoded)
}

func resources(groupVersion string, names ...string) metav1.APIResourceList {
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: groupVersion}
	for _, name := range names {
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: name, Kind: kinds[name], Namespaced: name != "nodes" && name != "namespaces",
			Verbs: metav1.Verbs{"get", "list", "watch", "create", "update", "delete"},
		})
	}
	return list
}
