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

// Package gatewaydns resolves the gateways that GatewayDNS name, and publishes what it found in their status.
//
// It is two controllers. The observer looks at one workload cluster per reconcile, woken by watches and never polling,
// and keeps what it saw of that cluster's gateways in memory. The reconciler combines, per GatewayDNS, what was observed
// of the selected clusters, without any remote call, and writes the status, from which controllers/records publishes. So a
// cluster that is slow costs only itself.
//
// What is not known is not dropped: a gateway whose cluster cannot be asked keeps its last addresses, as Unknown.
package gatewaydns
