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

// Package hostile gives tests a Kubernetes API server that misbehaves.
//
//	server := hostile.New(t, config)                            // forwards all requests to a real API server
//	server.Override(hostile.Watch, "/api/v1/services", hostile.EndlessWatch(hostile.Service(1 << 20)))
//	kubeconfig := server.Kubeconfig()                           // for a kubeconfig Secret
//	server.Override(hostile.Watch, "/api/v1/services", nil)     // removes the override
//
// Like kube-apiserver, the server uses HTTP/2 over TLS. It requires no credentials, and records
// those it receives. Behaviours are plain http.Handlers. Each ends with the context of its request,
// and so with the client's connection or the test. They write one object at a time, so they use
// little memory.
package hostile
