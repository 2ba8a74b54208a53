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

// Package fit makes values from a workload cluster fit the schema of a GatewayDNS's status. It has
// no client and no clock.
//
// The API server accepts or refuses a status as a whole. So one invalid value would block the
// updates of every other cluster. Gateway is the last step of each entry of status.gateways, and
// Gateways limits the size of all of them. A value that cannot be published is left out and named
// in the entry's message. Texts are shortened.
//
// If the API server still refuses a status, Refused and Search find the invalid entries, and
// Isolated replaces them.
package fit
