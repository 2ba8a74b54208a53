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

// Package httpserver serves the health and metrics endpoints of every program within fixed limits.
//
// Every Pod of a cluster can reach these endpoints. A client may open any number of connections,
// send a header slowly or without end, and never read a response. The Server limits headers,
// connections, requests in flight and time. It also limits the kernel's socket buffers, because
// they count as memory of the Pod.
//
// The limits do not lock out a probe of the kubelet or a scrape of Prometheus. If a limit is
// reached, a new connection evicts an idle one of the source with the most connections. So a client
// with many connections evicts its own first.
package httpserver
