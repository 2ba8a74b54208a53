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

// Package patcher is the program dns-config-patcher, which runs in every workload cluster beside the DNS server. Package
// controller keeps CoreDNS forwarding the zones to the DNS server; package probe looks a name up through cluster DNS and says
// whether that works; package reports collects which gateways the DNS servers reach.
//
// It runs under a ServiceAccount of its own, because the DNS server answers strangers and must not be able to edit cluster
// DNS. It knows nothing of Cluster API or of the management cluster: it reports to two ConfigMaps and a Lease of its own
// namespace, which the manager reads.
package patcher
