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

// Package walkthrough runs a user's steps on the rig: three clusters, clusterctl init, two labelled Clusters, one GatewayDNS,
// and a page fetched across clusters; then gateways of other kinds. The demo shows it, and the end-to-end tests start from it,
// so the demo is tested.
//
// Each step is a command as a user would type it, run by a shell and printed with its output.
package walkthrough
