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

package fleet

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/consumers"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/reachability"
)

// ByConsumers and ByReachability end the requests that write status.consumers and status.reachability.
const ByConsumers, ByReachability = "?by-consumers", "?by-reachability"

// Writes are the methods that change something.
var Writes = []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// Requests are those that a tenant's manager has sent to the management cluster, as "METHOD path".
type Requests struct {
	mu   sync.Mutex
	seen []string
}

func (r *Requests) record(next http.RoundTripper) http.RoundTripper {
	return RoundTripper(func(request *http.Request) (*http.Response, error) {
		seen := request.Method + " " + request.URL.Path
		switch request.URL.Query().Get("fieldManager") {
		case string(consumers.FieldOwner):
			seen += ByConsumers
		case string(reachability.FieldOwner):
			seen += ByReachability
		}
		r.mu.Lock()
		r.seen = append(r.seen, seen)
		r.mu.Unlock()
		return next.RoundTrip(request)
	})
}

// Matching returns the requests with the methods whose path has the part.
func (r *Requests) Matching(part string, methods ...string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, request := range r.seen {
		method, path, _ := strings.Cut(request, " ")
		if slices.Contains(methods, method) && strings.Contains(path, part) {
			found = append(found, request)
		}
	}
	return found
}

// RoundTripper is a function that sends requests.
type RoundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f RoundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
