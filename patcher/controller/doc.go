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

// Package controller keeps the zones' server blocks in the Corefile of the cluster that it runs in. It watches three objects
// by name: CoreDNS's ConfigMap, the DNS server's Service and a ConfigMap of its own, its memory. Every change of one of them,
// its own reports aside, leads to the same reconcile: observe, decide (a pure function), write what differs. At rest it sends nothing.
//
// The memory ConfigMap holds what was written (see internal/corefile), stored before each write so that a block is known
// as ours whenever this process is killed; and the state and the message of the last reconcile, for whoever wonders
// why a zone is not forwarded. A change of the state is an Event on this program's Deployment.
//
// CoreDNS's ConfigMap is written with the resourceVersion and all the other fields that were read. Without a ClusterIP
// the blocks stay as they are, and so they do when this process ends: taking them out is somebody's decision and not
// a consequence.
//
// The client is the dynamic one: the process runs in every workload cluster, and the Go types of the core API alone are a
// fifth of the program. There is no leader election: two processes at a time do the same, and the resourceVersion
// keeps them in order.
package controller
