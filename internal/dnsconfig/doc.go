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

// Package dnsconfig edits the configuration of a cluster's DNS as the API server holds it: in ConfigMaps. Package corefile
// decides about the texts; this package turns the objects of a workload cluster into corefile's arguments, and corefile's
// edits into updates and deletions.
//
// Two programs edit: dns-config-patcher all the time, and the manager at a removal if the patcher cannot run. Both call this
// package, so that a block is recognised, written and taken out in one way. Neither shares more than that: each has a client
// of its own, which it passes as a Writer.
//
// A ConfigMap is written as it was read, with one key changed. Its resourceVersion goes with it, so that a write of another
// program in between is a conflict and never lost. The objects are unstructured, because the Go types of the core API alone
// would be a fifth of the patcher.
package dnsconfig
