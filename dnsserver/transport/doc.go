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

// Package transport serves DNS messages over UDP and TCP, up to the speed of the system calls. It
// knows nothing of names: a Handler turns each query into a response.
//
// UDP is read and written in batches (recvmmsg, sendmmsg), with one socket per CPU. TCP answers the
// queries of a connection in a pipeline (RFC 7766, section 6.2.1.1). Both bound what clients can
// use: connections, buffers, time and waiting queries. Shutdown answers all queries that have
// arrived.
package transport
