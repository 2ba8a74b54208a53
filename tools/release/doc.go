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

// Package release makes what a release consists of, from the binaries and from what kustomize builds of config/default: the
// components that clusterctl installs, laid out as a local repository of clusterctl, and the images.
//
// It refuses to write components that clusterctl would refuse, or that would do more to a management cluster than they
// should. The checks are in Check: read them to know what a release promises. It publishes nothing.
package release
