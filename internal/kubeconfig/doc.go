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

// Package kubeconfig judges the kubeconfigs that a manager finds in Secrets which others write.
//
// Whoever can write such a Secret chooses the server, and must not choose what the manager sends there: a path would
// make it send a file of its own, such as the token of its ServiceAccount, and a plugin would run a program. So only
// what is in the bytes is used. Which server they name is the writer's own business, and so are a proxy and whether
// certificates are checked.
package kubeconfig
