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

// Package records publishes what the status of GatewayDNS says in the workload clusters that consume it, as EndpointSlices
// in the namespace xcc-dns.
//
// It is one controller with one reconcile per consuming cluster, so a cluster that is slow or unreachable costs only
// itself, and is brought up to date when it is back. A cluster consumes when it has the namespace xcc-dns. What to write
// is decided by internal/plan; nothing is deleted without a positive fact read from the API server.
package records
