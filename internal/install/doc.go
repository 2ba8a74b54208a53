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

// Package install decides what one workload cluster is given and when, as pure functions: it has no client and no clock.
//
// Options turns the annotations of a Cluster into the values of its manifests, within the administrator's Bounds. Rollout decides whether a
// Cluster may be given another release now, from what single observations told it. OwnsPayload and OwnsSet tell the add-on's objects on the
// management cluster from those of users.
//
// The package never reads or writes anything. The caller observes, asks, and applies the answer.
package install
