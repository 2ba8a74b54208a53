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

// Package clusterdns finds which CoreDNS the Pods of a cluster ask, and where its configuration is, from what runs: the
// nameservers of a Pod, the Services with these ClusterIPs, the Deployments and DaemonSets that they select, and caches that
// are bound to such an address on every node. Find reads these through an interface; it has no client and no clock.
//
// A program counts if its container is started as CoreDNS or as node-cache is: by its flags or its image. Its Corefile
// is the file that its flags name, and the ConfigMap that is mounted there. A server without the plugin kubernetes is a
// cache, and the CoreDNS that it forwards to is found in the same way.
//
// Nothing is guessed. If the Corefile is in no ConfigMap, or nothing is found behind a nameserver, a sentence says so and names
// the annotation by which a user can tell where the Corefile is.
//
// The objects come from a workload cluster, and the nameservers from a Pod in it, so both may be made up. The number of nameservers,
// servers, mounts and lookups is bounded, and names and paths are checked before they are used: they end up in
// a Role and in the arguments of a container. A ConfigMap is only found if a program reads its Corefile there, so that a Pod
// that lies about its nameservers cannot choose an arbitrary one.
package clusterdns
