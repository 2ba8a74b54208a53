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

// Package answer turns a query into a response. It parses the packet, looks the name up in a
// zone.Snapshot and writes the result in wire format.
//
//	Handler.Answer ──► request (parse) ──► zone.Snapshot.Lookup ──► builder ──► response
//
// Package zone decides what a name holds. This package decides on flags, sections, sizes and
// refusals, and follows aliases. It copies records in the form that the Packer prepared when the
// snapshot was made, so that an answer does not allocate. Tests compare all responses with those of
// a second implementation, which uses the DNS library.
//
// The server is authoritative only: it transfers no zones, accepts no updates and never recurses.
// Addresses of alias targets outside our zones come from package alias.
package answer
