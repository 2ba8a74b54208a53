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

// Package version holds the version that a build was given. The Makefile sets it when it links:
//
//	-ldflags "-X github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/version.Version=v0.1.0"
//
// The images of a build carry the same version as their tag, so it is also what the manager's default for the image of
// the DNS server ends in.
package version

// Version is the version of this build as a tag, for example "v0.1.0", or "dev" for a build that was given none. It is a
// variable for the linker's sake only: nothing changes it at run time.
var Version = "dev"
