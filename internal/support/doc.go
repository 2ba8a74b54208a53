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

// Package support says which versions of Cluster API and Kubernetes this release is made for, and what to tell users of others.
//
// The window is that of Cluster API's releases with the contract v1beta2: each of them supports certain versions of Kubernetes
// for the management cluster and for workload clusters, and the window goes from the oldest to the newest of these. "make compat"
// runs both ends.
//
// Nothing is refused because of a version of Kubernetes: what is older may work, and DNS must not end because of an upgrade of the
// manager. The package knows no client.
package support
