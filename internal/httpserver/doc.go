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

// Package httpserver serves the health and metrics endpoints of every program of ours within fixed limits.
//
// Anybody in a cluster reaches these endpoints, so that a client may open any number of connections, send a header without end
// or slowly, and never read a response. Listen binds an address, and its Server keeps to the limits that are constants here, in
// headers, connections, requests in flight and time. What the kernel buffers counts as memory of the Pod, and is limited too.
//
// No limit locks out a probe of kubelet or a scrape of Prometheus: a connection that is over a limit takes the place of another one that
// waits for a request. It comes from the source with the most connections, so that a client that opens many harms itself first.
package httpserver
