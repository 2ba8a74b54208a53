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

// Package controller keeps the zones' server blocks in the Corefile of its own cluster. It watches CoreDNS's ConfigMaps, the
// DNS server's Service, this program's Deployment and a ConfigMap of its own, the memory, each by its name. Every change of
// them, except its own reports, leads to the same reconcile: observe, decide (a pure function), write the differences. At
// rest it sends nothing.
//
// The memory holds the blocks that were written (see internal/corefile), stored before each write, so that a block is
// recognised as ours even if this process is killed in between. It also holds the state and the message of the last
// reconcile. A change of the state is an Event on the Deployment.
//
// Package dnsconfig writes CoreDNS's ConfigMaps. Without a ClusterIP the blocks stay as they are, and so they do when this
// process ends: only a request to remove them takes them out.
//
// The client is the dynamic one, because the Go types of the core API alone are a fifth of the program. There is no leader
// election: two processes at a time do the same, and the resourceVersion keeps them in order.
package controller
