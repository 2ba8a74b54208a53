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

// Package release writes the files of a release: the components that clusterctl installs, laid out as a local repository of
// clusterctl, and the images. Its input is the binaries, and the output of kustomize for config/default and
// config/namespaced.
//
// It refuses components that clusterctl would refuse, and components that hold more than the provider needs: see Check. It
// publishes nothing.
package release
