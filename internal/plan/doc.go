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

// Package plan decides which EndpointSlices a consuming workload cluster should hold. It has no client and no clock.
//
// Compute compares the gateways in the status of the GatewayDNS that a cluster may see with the slices that it holds. What
// is not known is not deleted: a gateway in a state such as Unknown keeps what the cluster holds for it, and absence from a
// status deletes nothing. Slices that nothing asks for are only candidates; each goes only when Orphaned, given the live
// objects, finds a positive fact that says so.
//
// Slices of other hands, which carry neither our label nor a reference to a GatewayDNS, are not seen at all.
package plan
