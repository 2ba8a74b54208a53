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

package manager

import (
	"math"
	"runtime/debug"
	"strconv"
)

// SetMemoryLimit tells the garbage collector nine tenths of the container's memory limit, which the environment variable
// MEMORY_LIMIT says in bytes: the rest is for stacks and what is no heap. It does nothing if there is none, and if
// GOMEMLIMIT is set, which the runtime reads by itself.
func SetMemoryLimit(getenv func(string) string) {
	if limit := memoryLimit(getenv); limit > 0 {
		debug.SetMemoryLimit(limit)
	}
}

// memoryLimit returns what the garbage collector is told, in bytes; 0 for nothing.
func memoryLimit(getenv func(string) string) int64 {
	if getenv("GOMEMLIMIT") != "" {
		return 0
	}
	limit, err := strconv.ParseInt(getenv("MEMORY_LIMIT"), 10, 64)
	if err != nil || limit <= 0 {
		return 0
	}
	return limit / 10 * 9
}

// clustersMemory returns how many bytes of the garbage collector's limit all workload clusters may take together; 0 for no
// bound, if there is no limit. The last quarter is for the manager's own objects and for garbage. 1,000 clusters in one
// namespace hold 8 GB of records and need a container limit of 12 GiB, for which this is 8.7 GB.
func clustersMemory(limit int64) int64 {
	if limit == math.MaxInt64 {
		return 0
	}
	return limit / 4 * 3
}
