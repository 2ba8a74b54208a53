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

package fleet

import (
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
)

// Flood makes changes, up to 100 a second, for as long as it lasts. It returns how many writes the manager may have made because of
// them, of those that are paced by one kind of token.
func Flood(lasts time.Duration, change func(number int)) (allowed int) {
	begun := time.Now()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for number := 1; time.Since(begun) < lasts; number++ {
		change(number)
		<-ticker.C
	}
	return pacing.Burst + int(time.Since(begun)/pacing.Refill) + 1
}
