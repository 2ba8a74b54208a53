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

// Package resolve determines the addresses and ports of a gateway from the objects of its workload
// cluster.
//
// Gateway is a pure function without a client or a clock. It returns a state for every input. If
// nothing can be published, the message says what to change. Needs returns the kinds of objects to
// watch for a target. Override replaces the addresses by those of a Cluster's annotation.
//
// An address that must not be published is left out and named in the message. The gateway's other
// addresses are published.
package resolve
