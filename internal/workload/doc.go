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

// Package workload reads workload clusters through Cluster API's clustercache without ever waiting for one.
//
// A controller asks Caches for a Reader of the kinds it needs. It gets one when the cluster is connected and the caches
// of all these kinds have synced, and an error that says what is missing otherwise. It is woken, with the Cluster as the
// request, when the caches have synced and whenever one of the objects changes, so an unsynced cache is left alone, not
// waited for: a cluster that answers its health probe and hangs on every list costs nobody anything.
//
// clustercache's own clients would wait: their first read of a kind starts an informer and blocks until it has synced.
//
// Kinds that only some controllers need some of the time, such as nodes and Pods, are not for clustercache, which has no way
// to end a watch. OnDemand watches them through connections of its own for as long as they are read: reading is what says
// that they are needed. It knows all it must know of these kinds beforehand, and so asks the API server for nothing but
// the objects; a kind that may not be installed is looked for by its CustomResourceDefinition first. What is cached is cut
// down to what decides a gateway's addresses, and a change of anything else wakes nobody.
package workload
