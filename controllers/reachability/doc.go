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

// Package reachability sums up, per GatewayDNS, which consuming clusters cannot reach its gateways.
//
//	ConfigMap dns-reachability of a cluster ──► Observer ──► Tally ──► Reconciler ──► status.reachability, GatewaysReachable
//
// The Observer, one reconcile per Cluster, reads the cluster's report, which its dns-config-patcher writes. The Tally counts the
// verdicts per gateway: a report changes the counts only by its difference to the former one. The Reconciler, one reconcile per
// GatewayDNS, writes the counts of its gateways under a field owner of its own, at most once per 10 seconds, with an Event if the
// condition changes. That write wakes no other controller.
//
// A cluster is watched only while its namespace has a GatewayDNS with a health check. What cannot be read for longer than
// workload.Patience is not counted. A forged report changes the count of its own cluster by one for each gateway.
//
// The package never writes to a workload cluster, and no answer depends on it: dns-servers choose by what they measure.
package reachability
