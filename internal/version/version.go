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

// Package version holds the version of the build. The Makefile sets it at link time:
//
//	-ldflags "-X github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/version.Version=v0.1.0"
//
// The images of a build have the same version as their tag. The manager uses it in the default
// reference of the dns-server's image.
package version

// Version is the version of this build as a tag, for example "v0.1.0". It is "dev" if the build set
// none. It is a variable only because the linker sets it; nothing changes it at run time.
var Version = "dev"
