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

// Package addon installs the add-on in the workload clusters whose Cluster is labelled, and removes
// it elsewhere.
//
// One controller keeps one payload Secret and one ClusterResourceSet for each labelled Cluster; the
// set selects that Cluster alone. Cluster API's ClusterResourceSet controller delivers the payload.
// A set for a whole namespace would reach its clusters one after the other, with no option and no
// pause for each. The payload is a Secret and never a ConfigMap, because whoever may edit it is
// administrator of the workload cluster.
//
// A reconcile observes, asks install.Next for the next step, stores the step's State in the payload
// Secret, and then takes the step's action. It repeats that until the step is to wait. This package
// decides nothing, and internal/install alone knows the format of the State.
//
// A ClusterResourceSet applies a payload once per change and forgets it. This controller compares
// what was applied, and has it applied again, by a comment in the payload, if something differs. It
// writes no object of the payload itself, so that there is one writer. It deletes objects that left
// the payload, objects that Kubernetes does not let change, and all of them once the label is gone.
package addon
