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

// Package source watches the EndpointSlices of one namespace and keeps a zone.Snapshot of them.
//
// It runs client-go's reflector over a store of its own, instead of an informer, for three reasons.
// The store keeps only the served part of each slice. A list replaces the content in one step, so
// no snapshot shows half of it. And an informer waits up to a minute before it retries after an
// outage of the API server, while the reflector can be told to wait a second.
//
// While the API server is unreachable, the source keeps the last state.
package source
