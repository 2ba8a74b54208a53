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

// Package zone decides what a DNS name holds: addresses, an alias, nothing of the requested type
// (NODATA), or no such name (NXDOMAIN). It holds the meaning of DNS, without packets, clocks and
// Kubernetes. Package table finds names fast.
//
// A Snapshot is an immutable set of zones, so any number of goroutines may look names up in it
// without a lock. Snapshot.With makes the next snapshot. The two share all that stays the same, so
// a change costs as much as it changes, however many names there are. A lookup does not allocate.
//
// Each snapshot holds its records in wire format, too. The caller's Packer encodes them. This
// package keeps the bytes and does not read them.
//
// Names are in presentation format, in lower case, without a final dot. The root is the empty
// string. The names of records come from dnsname.Canonical. A lookup takes any name: a dot or
// another special character within a DNS label is escaped (RFC 1035, section 5.1).
package zone
