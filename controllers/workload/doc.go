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

// Package workload reads and writes workload clusters without ever waiting for one and within a budget per cluster.
//
// clustercache decides whether a cluster is connected: it connects, probes and discovers, through a gate
// (internal/gate) and with kubeconfigs that were judged (Kubeconfigs). Everything else goes through Connections: one
// connection per cluster, whose transport refuses redirects and counts bytes, decoded size, events and cached
// objects. If a cluster exceeds its budget, the connection ends, its caches are dropped, and it is tried again at
// growing intervals.
//
// Caches and OnDemand read through these connections. A controller asks Caches for a Reader of the kinds that it
// always needs. It asks OnDemand for objects that it needs for some gateways only, such as one Service, nodes or
// Pods; a watch lasts as long as it is read. Both return ErrNotSynced instead of waiting, and wake the controller
// once the objects are listed and when one changes. Objects are trimmed before they are cached, and changes of
// trimmed fields wake no controller.
//
// The resources of all kinds are known beforehand, so no API server is asked for them. If a kind may be missing, its
// CustomResourceDefinition is looked up first.
package workload
