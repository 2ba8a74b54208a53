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
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
)

const (
	// eventBurst is how many Events in a row a namespace gets: 200 clusters are resolved for the first time without losing one.
	eventBurst = 200
	// eventRefill is how often there is another one after that. An Event is kept for an hour, so a namespace has 3,800 of ours at
	// most.
	eventRefill = time.Second
)

// recorder emits Events, and leaves out those beyond a budget of each namespace: conditions and status say the same.
type recorder struct {
	events.EventRecorder
	log    logr.Logger
	budget pacing.Buckets
}

func newRecorder(to events.EventRecorder, log logr.Logger) *recorder {
	return &recorder{EventRecorder: to, log: log, budget: pacing.Buckets{Burst: eventBurst, Refill: eventRefill}}
}

// Eventf emits an Event, or leaves it out.
func (r *recorder) Eventf(regarding, related runtime.Object, eventType, reason, action, note string, args ...any) {
	namespace := ""
	if object, err := meta.Accessor(regarding); err == nil {
		namespace = object.GetNamespace()
	}
	delay := r.budget.Take(types.NamespacedName{Namespace: namespace}, time.Now())
	if delay.Begins {
		r.log.Info("Leaving out Events, because there are too many in the namespace", "Namespace", namespace)
	}
	if delay.For > 0 {
		return
	}
	r.EventRecorder.Eventf(regarding, related, eventType, reason, action, note, args...)
}
