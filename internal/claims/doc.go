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

// Package claims decides which GatewayDNS of a namespace publishes a name that several of them
// select.
//
// A GatewayDNS claims the name of each Cluster that it selects. Its annotation
// connectivity.tanzu.vmware.com/claims has the time of each claim, because neither a status nor a
// creation time survives a move or a restore. The earliest claim holds the name; the names of the
// GatewayDNS break ties. If the claim ends, the next one holds the name.
//
// It claims a shared name in the same way, in the annotation
// connectivity.tanzu.vmware.com/shared-claim: a manager of an older release drops claims that it
// does not know from the other one. The claim ends if spec.shared is unset or renamed.
//
// The claim of a gateway's name ends if its Cluster exists but is not selected or is being deleted, or if spec.subdomain
// has changed. It does not end if its Cluster does not exist, because Clusters are missing in the
// middle of a move. So claims of deleted Clusters stay. They block no other name, and become
// effective again if a Cluster with the same name is created.
//
// A new claim is always later than the existing ones, even if the clock of this machine is behind.
// Otherwise a name in use could change its holder. Creation times count only between GatewayDNS
// that have not claimed a name yet, such as those of older releases. A written claim precedes them,
// because a move resets creation times.
//
// The package has no client and no clock. Names of different namespaces never collide, so it
// considers one namespace at a time.
package claims
