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
// Every Pod of a cluster reaches these endpoints. A client may open any number of connections, send a header slowly
// or without end, and never read a response. Listen binds an address, and its Server limits headers, connections,
// requests in flight and time by constants. The buffers of the kernel count as memory of the Pod, and are limited
// too.
//
// No limit locks out a probe of kubelet or a scrape of Prometheus: a new connection beyond a limit evicts one that
// waits for a request, of the source with the most connections. So a client that opens many harms itself first.
package httpserver
