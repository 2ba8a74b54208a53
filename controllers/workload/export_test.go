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

package workload

import (
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
)

// SetClock makes Connections go by another clock.
func SetClock(connections *Connections, now func() time.Time) { connections.now = now }

// SameButVersion returns whether a change between two cached objects wakes nobody.
func SameButVersion(a, b any) bool { return sameButVersion(a, b, apiequality.Semantic.DeepEqual) }
