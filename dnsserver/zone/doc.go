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

// Package zone decides what a DNS name holds: addresses, an alias, nothing of the type asked for (NODATA), or no such
// name (NXDOMAIN). It is the meaning of the DNS and knows no packets, no clock and no Kubernetes.
//
// A Snapshot is a set of zones that is never changed after it was made, so any number of goroutines look names up in it
// without a lock. Snapshot.With makes the next one and shares with it what stays the same, so that a change costs as much
// as it changes, however many names there are. A lookup does not allocate, and those of a Batch wait for memory together.
//
// What is sent of a name is prepared when a snapshot is made, by a Packer that the wire layer gives. The bytes are kept
// here and mean nothing here.
//
// Names are written in presentation format, in lower case, without a final dot; the root is the empty string. The names
// of records come from dnsname.Canonical. Names that are looked up may be anything: a dot or another special character
// within a DNS label is escaped as RFC 1035, section 5.1 says.
package zone
