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

// Package walkthrough walks the path of a user on the rig: three clusters, clusterctl init, two labelled Clusters, one
// GatewayDNS, and a page fetched across clusters; then gateways of other kinds. The demo shows it, and the end-to-end test
// starts from it, so what is shown is what is tested.
//
// Each step is the command that a user would type, run by a shell and printed with its output.
package walkthrough
