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

// Package components builds the real programs that the tests run: Kubernetes,
// etcd, CoreDNS, Cluster API and Caddy, from their Go modules.
//
// Each folder below this one is a Go module whose go.mod has the version of one upstream project.
// Versions are written nowhere else. The folder oldest has modules with the oldest supported
// versions. They are used instead if $XCC_VERSIONS is "oldest".
//
// Path returns a static binary. It is built at the first call and kept in a cache outside of the
// checkout, which all checkouts share:
//
//	etcd, err := components.Path(ctx, "etcd")
//
// The first build of everything takes about 15 minutes on two cores. In return, the tests need no
// image registry and no release page.
package components
