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

// Package install decides the next step of the add-on's installation in one workload cluster, as
// pure functions: it has no client and no clock.
//
// State is the manager's record of one installation; Load and Store alone know its format. Next
// returns the next Step of an installation from the observed facts and the time: the new State, one
// Action and a wait. Its parts are nextDelivery (the contents of the payload Secret), nextUpkeep
// (repair, and the end of replaced objects) and nextRemoval, which is a table to be read from top
// to bottom.
//
// Rollout decides whether a Cluster may get another release now. It is an index of the fleet that
// single observations keep up to date. Options turns the annotations of a Cluster into the values
// of its manifests, within the administrator's Bounds. OwnsPayload and OwnsSet tell the add-on's
// objects on the management cluster from those of users.
package install
