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

// Package dnsserver is the DNS server that runs in every workload cluster: authoritative for its zones, whose records are
// the EndpointSlices of its own namespace.
//
//	slices ──► records ──► zone.Snapshot ──► wire ──► UDP and TCP
//	 (source)             (atomic pointer)    ▲
//	                      node's resolvers ──► alias
//
// Package source watches the slices, records reads them, zone knows what a name holds, alias what the targets of aliases
// hold, and wire speaks DNS. This package puts them together with health, metrics and an orderly end; Run is all that a main
// needs.
//
// It answers before it knows anything, with SERVFAIL, and is not ready until it does. It keeps answering while the API
// server is away. It resolves nothing for others but the targets of its own aliases, and it imports neither controllers nor Cluster API: its binary runs
// in every cluster and stays small.
package dnsserver
