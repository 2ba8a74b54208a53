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

// Package failover is the content of the annotation dns-failover of EndpointSlices: a gateway's
// part in a shared name, and its health check. The manager writes it, and the dns-server reads it.
//
// The dns-server trusts no value: Parse bounds everything, because anyone who may write
// EndpointSlices in the workload cluster can write the annotation.
package failover
