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

// Package workload is the one view that all controllers have of the workload clusters: whether a Cluster is theirs, whether its
// workload cluster is connected, and since when it is not; what is cached and watched there; and what is kept of it.
//
// Clusters keep all of that in one entry per Cluster, and evict it with the Cluster. A controller keeps its own values there as
// State, or registers with OnEvict. A controller begins each reconcile with Clusters.Get, whose Phase decides for all controllers
// what may be done for a Cluster that is paused, being deleted, of another instance of the manager, or gone.
//
// Each controller has a View. Its Source is the only thing that wakes the controller for what happens in workload clusters. The
// View never waits for a workload cluster: if one cannot be read, the error is a Silence that says since when and why.
//
// clustercache decides whether a cluster is connected: it connects, probes and discovers, through a gate (internal/gate) and with
// kubeconfigs that were judged (Kubeconfigs). Everything else goes through one more connection per cluster, whose transport refuses
// redirects and counts bytes, decoded size, events and cached objects. If a cluster exceeds its budget, the connection ends, its
// caches are dropped, and it is tried again at growing intervals.
//
// View.Reader reads the kinds that a controller always needs. View.Begin reads objects that it needs for some gateways only, such
// as one Service, nodes or Pods; a watch lasts as long as it is read. Objects are trimmed before they are cached, and changes of
// trimmed fields wake no controller.
//
// The resources of all kinds are known beforehand, so no API server is asked for them. If a kind may be missing, its
// CustomResourceDefinition is looked up first.
package workload
