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

// Package reports collects what the dns-servers of this workload cluster report on gateways, and writes the merged report to one
// ConfigMap, which the manager reads.
//
// The ConfigMap is written if the report has changed, at most once per 10 seconds. While no gateway is probed, the dns-servers are
// asked once a minute and nothing is sent to the API server. A dns-server that does not answer, or answers something else than a
// report, is left out. If no dns-server answers, the ConfigMap stays as it is.
//
// The package never decides which addresses are answered: each dns-server does that by itself.
package reports
