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

// Package wire speaks DNS: it turns a query into a lookup in a zone.Snapshot and the result into a response. What a name
// holds is decided in package zone; here it is only flags, sections, sizes and refusals.
//
// There are two ways through it. A plain query, which nearly all are, is read where it lies and answered by copying what a
// Packer prepared when the snapshot was made; that allocates nothing. Whatever is unusual in any way goes to the library,
// which is slower and knows all of DNS. Both ways give the same answers, which tests compare.
//
//	UDPServer, TCPServer ──► Handler.Answer ──► fast, or else respond
//
// The server is authoritative only. It transfers no zones, takes no updates and never recurses; what it adds of the targets of
// aliases comes from package alias.
package wire
