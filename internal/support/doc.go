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

// Package support states which versions of Cluster API and Kubernetes this release supports, and
// words the warnings about other versions.
//
// Each Cluster API release with the contract v1beta2 supports a range of Kubernetes versions for
// the management cluster and for workload clusters. The windows here span these ranges. "make
// compat" tests the oldest and the newest versions.
//
// No Kubernetes version is refused. An older version may work, and an upgrade of the manager must
// not end DNS. The package has no client.
package support
