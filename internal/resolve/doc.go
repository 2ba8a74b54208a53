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

// Package resolve tells, from the objects that were seen of a workload cluster, which addresses and ports a gateway has.
//
// Gateway is a pure function: it has no client and no clock, and whatever it is given has an answer, with a sentence that
// says what to do where there is nothing to publish. Needs says which objects it must be given, so that only these are
// watched. Override puts what a Cluster's annotation says in the place of what was found.
//
// An address that must not be published is left out and named in the message; the others of the same gateway go on.
package resolve
