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

// Package pacing bounds how often one workload cluster can make the manager write to the management cluster. A
// hostile API server can change the objects that the manager watches at any rate. Each change would otherwise be a
// write, wake every controller that watches the written object and, for a gateway, be a write to each consuming
// cluster.
//
// Each workload cluster has a token bucket of its own, so a cluster that changes all the time delays itself alone. No
// change is lost: controllers are level-based, and write the latest state when there is a token again. There is one
// set of Buckets for each kind of write. A cluster then has at most one write of that kind waiting, for no longer
// than Refill.
//
// Shares bound in the same way how much of the API server's time goes to one namespace, whatever makes its objects change: one change of a
// Cluster is a write of each GatewayDNS that selects it, and its tenant decides how many and how large these are.
//
// Reads pace what arrives from workload clusters, because decoding it takes processor time.
//
// The package has no client and no clock.
package pacing
