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

// Package addon installs the add-on in the workload clusters whose Cluster is labelled.
//
// It is one controller that keeps, per labelled Cluster, one payload Secret and one ClusterResourceSet that selects this
// Cluster alone; Cluster API's ClusterResourceSet controller delivers the payload. One pair per Cluster, because a set
// that a namespace shares reaches its clusters one after the other, with no option and no pause per cluster. A Secret,
// never a ConfigMap, because whoever may edit the payload is administrator of the workload cluster.
//
// A ClusterResourceSet applies once per change of its payload and forgets. This controller watches what was applied, and
// has it applied again, by a comment in the payload, when something differs from what applying it would give. It writes no
// object of the payload itself, so that there is one writer. What it deletes there is what left the payload, what has to be
// created anew because Kubernetes does not let it be changed, and all of it when the label goes. Another release
// reaches a few clusters at a time; see rollout.
package addon
