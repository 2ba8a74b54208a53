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

// Package licences finds the licence texts of all code that is linked into a Go program, to be shipped with it.
//
//	info, err := buildinfo.ReadFile("bin/manager")
//	...
//	files, err := licences.Of(licences.Sources{ModuleCache: cache, GoRoot: root}, info)
//
// The modules are those in the build information of the program, not those in go.mod. The texts come from the module cache, in
// the versions that were linked, and include those of code that a module copied. A module without a licence at its root is an
// error, because without one there is no right to redistribute it.
//
// The package does not classify licences.
package licences
