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
// Each folder below this one is a Go module of its own whose go.mod names the
// version of one upstream project; nowhere else is a version written down. The
// folder oldest holds modules of the oldest versions that are supported. They
// are built and run in place of the newest if $XCC_VERSIONS is "oldest".
// Path returns a static binary, built at the first call and kept in a cache
// outside the checkout, so that a second checkout or run finds it ready:
//
//	etcd, err := components.Path(ctx, "etcd")
//
// The first build of everything takes about a quarter of an hour on two cores.
// That is the price for needing neither an image registry nor a release page.
package components
