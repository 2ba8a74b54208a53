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

// Package table finds the value of a name, among 1,000 to 100,000 names, without a lock and without
// allocating.
//
// A Table never changes once it is published, so any number of goroutines may read it. An Editor
// makes the next table. The two share every shard that the edit leaves alone, so an edit costs as
// much as it changes.
//
// Names are DNS names in presentation format. The table compares them octet by octet: callers use
// lower case.
package table
