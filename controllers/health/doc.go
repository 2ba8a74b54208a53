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

// Package health tells on each labelled Cluster whether DNS for the zone works in that workload cluster.
//
// One reconcile per Cluster reads the add-on's Deployments, the report of dns-config-patcher and the Lease of its probe from
// a cache that watches fill, computes the condition DNSReady from them with a function that has neither client nor clock,
// and writes the condition if it changed. A Lease that is renewed wakes the reconcile and writes nothing.
//
// The condition lies among Cluster API's own in Cluster.status.conditions. It is set by server-side apply with a field owner
// of its own, which touches this one entry of the list and needs no lock; Cluster API writes the list under an optimistic
// lock, so it sees our entry before it writes and never drops it. The entry is taken out by a patch under the same
// lock, because a Cluster that was restored from a backup has lost whose field it was.
//
// What is not known is not claimed: a cluster that cannot be asked is Unknown. It has ten seconds to answer before it is
// called so, so that a restart of the manager changes no condition.
//
// It never writes to a workload cluster, and never to a Cluster that is paused or being deleted.
package health
