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

// Package legacy is what this project knows of the one that it succeeds: cross-cluster-connectivity, whose last release is from
// 2022. An installation of it is taken over in place, which docs/migration.md describes. The names and the marks by which
// its objects are recognised are here and nowhere else, and a fresh installation has none of them.
//
// The releases v0.1 to v0.3 take an installation over. Once v0.3 is out, delete this package and each of its uses: an
// installation that is left by then is first upgraded to v0.3. A test fails when metadata.yaml gets a later release series.
//
// The API is not legacy: GatewayDNS, its annotations and the names that the payload shares with the 2022 project stay.
package legacy
