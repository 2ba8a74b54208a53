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

// Package reachability is the report on which gateways the dns-servers of a workload cluster reach.
//
//	dns-server: Report of its own probes ──HTTP──► dns-config-patcher: Merge ──ConfigMap──► manager: sum per GatewayDNS
//
// A report has no names and no addresses: a Key identifies a gateway, and the manager knows the gateways whose keys it looks up. So
// a report can only add to the count of gateways that exist. Reports come from workload clusters and are hostile: Parse accepts at
// most MaxBytes and MaxGateways.
//
// The package has no client and no clock.
package reachability
