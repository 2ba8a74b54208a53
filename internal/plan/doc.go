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

// Package plan decides which EndpointSlices a consuming workload cluster should have. It has no
// client and no clock.
//
// Publish turns the status of a GatewayDNS into the slices of its gateways, once for all consuming
// clusters. Compute compares them with the slices in one cluster. It never deletes on missing
// information: the slices of a gateway in a state such as Unknown stay, and absence from a status
// deletes nothing. A slice that no gateway needs is only a candidate for deletion. Delete it if
// Orphaned, given the live objects, confirms it.
//
// The package ignores slices that have neither our label nor a reference to a GatewayDNS. Users
// wrote them by hand.
package plan
