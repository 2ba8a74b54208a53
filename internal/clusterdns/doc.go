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

// Package clusterdns finds the CoreDNS servers that the Pods of a cluster query, and their
// Corefiles.
//
// Find starts with the nameservers of a Pod. It looks for Services with these ClusterIPs, the
// Deployments and DaemonSets that they select, and caches that are bound to such an address on
// every node. It reads the objects through an interface and has no client and no clock. State keeps
// the results per cluster.
//
// A container runs CoreDNS or node-cache if its flags or its image say so. Its Corefile is the file
// in its flags, and must be in a mounted ConfigMap. A server without the plugin kubernetes is a
// cache, and the CoreDNS to which it forwards is found in the same way.
//
// Find does not guess. If it finds no server for a nameserver, or the Corefile is not in a
// ConfigMap, it returns a problem. The problem names the annotation with which a user can specify
// the Corefile.
//
// The objects and the nameservers come from a workload cluster and may be forged. Their numbers are
// limited, and names and paths are validated, because they are used in a Role and in the arguments
// of a container. A ConfigMap is accepted only if a program reads its Corefile there, so forged
// nameservers alone cannot select an arbitrary one.
package clusterdns
