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

package claims

import (
	"encoding/json"
	"strings"
	"time"
)

// Claims are the names that a GatewayDNS claims, each with the start of the claim.
type Claims map[string]time.Time

// Name returns the key of a claim of a gateway's name: "<subdomain>.<cluster>". The key of a claim
// of a shared name is spec.shared.name, which is one DNS label.
func Name(subdomain, cluster string) string {
	return subdomain + "." + cluster
}

// isShared returns whether a key is of a shared name.
func isShared(name string) bool { return !strings.Contains(name, ".") }

// clusterOf returns the Cluster in the key of a gateway's name. A subdomain has no dots.
func clusterOf(name string) string {
	_, cluster, _ := strings.Cut(name, ".")
	return cluster
}

// maxName is the length of the longest Name: a DNS label (63), a dot, and the longest name of a
// Kubernetes object (253).
const maxName = 63 + 1 + 253

// Parse returns the claims in an annotation's value. It skips invalid entries and returns whether
// there are any. The API server bounds the cost: it refuses objects with more than 256 KiB of
// annotations.
func Parse(text string) (claims Claims, malformed bool) {
	claims = Claims{}
	if text == "" {
		return claims, false
	}
	var times map[string]string
	malformed = json.Unmarshal([]byte(text), &times) != nil
	for name, text := range times {
		since, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || !isName(name) {
			malformed = true
			continue
		}
		claims[name] = since
	}
	return claims, malformed
}

// isName returns whether a key of the annotation is a valid Name.
func isName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return name != "" && len(name) <= maxName
}

// String returns the value of the annotation, or "" if there are no claims.
func (c Claims) String() string {
	if len(c) == 0 {
		return ""
	}
	times := map[string]string{}
	for name, since := range c {
		times[name] = since.UTC().Format(time.RFC3339Nano)
	}
	text, err := json.Marshal(times)
	if err != nil {
		return "" // Strings always marshal.
	}
	return string(text)
}
