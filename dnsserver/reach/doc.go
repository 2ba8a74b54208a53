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

// Package reach probes gateways from the pod of the dns-server, and tells which of their addresses
// work.
//
//	Replace(targets) ──► roster: when is which target due? ──► Probe ──► result
//	                                    ▲                                  │
//	IsUp, Changed  ◄── verdict ◄── storm and flap rules ◄──────────────────┘
//
// A caller registers the targets of each name with Replace. It asks IsUp when it chooses addresses,
// and Changed tells it when to choose again. It calls Mark of a name's Usage for each query, because
// names without queries are probed less often.
//
// An unknown target counts as up, and so does a target that is not probed. The first verdict takes
// one probe. Later verdicts take the thresholds of the health check, and may be delayed:
//
//   - by a storm: many clusters of a namespace fail at the same time. The likely cause is the
//     network of this pod.
//   - by flapping: a target that has just been down must stay up for longer each time.
//
// docs/adr/0015-health-measured-by-dns-servers.md has the figures.
//
// The roster and the rules have no clock, no goroutine and no socket, so a simulation can run them.
// The Monitor adds these. The package never removes an address: a caller that finds all addresses
// of a name down must answer all of them.
package reach
