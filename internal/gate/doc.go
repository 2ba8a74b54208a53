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

// Package gate bounds the connections of a client that cannot be changed: clustercache makes its own, follows
// redirects on them and reads whole responses into memory.
//
// A Gate is an HTTP proxy on loopback. A kubeconfig whose proxy-url is a pass of the Gate reaches the server that the
// pass was issued for, through the proxy that the kubeconfig had before, and nothing else: a redirect to another host
// or port, or to plain HTTP, ends here. The rate at which the server may send is limited. TLS is between the client
// and the server as before, so the Gate sees no credential. A pass is a secret that this process alone knows.
package gate
