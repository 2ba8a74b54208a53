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

// Package kubeconfig validates and rewrites the kubeconfigs of workload clusters.
//
// The author of a kubeconfig Secret is not trusted. A file path would make the manager send one of
// its own files to the author's server, such as its ServiceAccount token. A credential plugin would
// run a program. So a valid kubeconfig has all certificates and credentials in its own bytes. The
// author may choose the server, the proxy, and whether the server's certificate is verified.
package kubeconfig
