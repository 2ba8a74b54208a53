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

// Package dnsserver is the DNS server of a workload cluster. It is authoritative for its zones, whose
// records are the EndpointSlices of its own namespace.
//
//	EndpointSlices ──► records ──► zone.Snapshot ──► answer ◄──► transport ◄──► clients
//	   (source)                   (atomic pointer)     ▲
//	                              node's resolvers ──► alias
//
// Package source watches the slices, and records parses them. Package zone decides what a name holds.
// Package answer turns a query into a response, and transport serves it over UDP and TCP. Package
// alias resolves alias targets. This package adds health, metrics and an orderly shutdown. A main
// function needs only Run.
//
// Before the first sync, the server answers with SERVFAIL and is not ready. While the API server is
// unreachable, it continues to answer. It never recurses, except for the targets of its own aliases.
// It imports neither controllers nor Cluster API, because its binary runs in every cluster and must
// stay small.
package dnsserver
