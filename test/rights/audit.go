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

package rights

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// AuditPolicy is an audit policy that logs each request of a ServiceAccount outside of kube-system,
// without bodies.
const AuditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: None
  userGroups: ["system:serviceaccounts:kube-system"]
- level: Metadata
  userGroups: ["system:serviceaccounts"]
- level: None
`

// Request is a request in an audit log, with the used fields of an audit.k8s.io/v1 Event.
type Request struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		APIGroup    string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	RequestURI  string            `json:"requestURI"`
	Annotations map[string]string `json:"annotations"`
}

// Read returns the requests in an audit log from ServiceAccounts of the namespace.
func Read(path, namespace string) ([]Request, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	defer file.Close()
	var requests []Request
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var request Request
		if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		if strings.HasPrefix(request.User.Username, "system:serviceaccount:"+namespace+":") {
			requests = append(requests, request)
		}
	}
	return requests, lines.Err()
}

// Forbidden describes the distinct requests that were forbidden.
func Forbidden(requests []Request) []string {
	var found []string
	for _, request := range requests {
		if request.Annotations["authorization.k8s.io/decision"] == "forbid" {
			found = append(found, fmt.Sprintf("%s may not %s %s", request.User.Username, request.Verb, request.RequestURI))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Unused describes the verbs, resources and names of rights that no request used.
func Unused(rights []Right, requests []Request) []string {
	var unused []string
	for _, right := range rights {
		verbs, resources, names := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, request := range requests {
			if right.allows(request) {
				if strings.Contains(request.RequestURI, "sendInitialEvents=true") {
					verbs["list"] = true // If the API server does not support streaming lists, the client lists.
				}
				verbs[request.Verb], resources[request.resource()], names[request.ObjectRef.Name] = true, true, true
			}
		}
		for _, part := range []struct {
			all  []string
			used map[string]bool
		}{{right.Rule.Verbs, verbs}, {right.Rule.Resources, resources}, {right.Rule.ResourceNames, names}} {
			for _, value := range part.all {
				if !part.used[value] {
					unused = append(unused, fmt.Sprintf("%s: %q", right, value))
				}
			}
		}
	}
	return unused
}

func (r Request) resource() string {
	if r.ObjectRef.Subresource != "" {
		return r.ObjectRef.Resource + "/" + r.ObjectRef.Subresource
	}
	return r.ObjectRef.Resource
}

func (r Right) allows(request Request) bool {
	namespace, name, _ := strings.Cut(r.Account, "/")
	return request.User.Username == "system:serviceaccount:"+namespace+":"+name &&
		(r.Namespace == "" || r.Namespace == request.ObjectRef.Namespace) &&
		slices.Contains(r.Rule.APIGroups, request.ObjectRef.APIGroup) &&
		slices.Contains(r.Rule.Resources, request.resource()) &&
		slices.Contains(r.Rule.Verbs, request.Verb) &&
		(len(r.Rule.ResourceNames) == 0 || slices.Contains(r.Rule.ResourceNames, request.ObjectRef.Name))
}
