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
	"testing"
)

func TestTheGarbageCollectorIsToldNineTenthsOfTheLimit(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		environment map[string]string
		limit       int64
	}{
		"a limit":           {map[string]string{"MEMORY_LIMIT": "2147483650"}, 1932735285},
		"no limit":          {nil, 0},
		"nonsense":          {map[string]string{"MEMORY_LIMIT": "2Gi"}, 0},
		"a negative one":    {map[string]string{"MEMORY_LIMIT": "-1"}, 0},
		"Go's own variable": {map[string]string{"MEMORY_LIMIT": "1000", "GOMEMLIMIT": "500"}, 0},
	} {
		if limit := memoryLimit(func(key string) string { return test.environment[key] }); limit != test.limit {
			t.Errorf("%s: got %d, want %d", name, limit, test.limit)
		}
	}
}

func TestClustersTakeThreeQuartersOfTheLimitTogether(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int64]int64{1932735285: 1449551463, math.MaxInt64: 0} {
		if got := clustersMemory(limit); got != want {
			t.Errorf("of %d: got %d, want %d", limit, got, want)
		}
	}
}
