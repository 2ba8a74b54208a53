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

package addon

import (
	"context"
	"fmt"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// store writes the State and the payload of a step to the Secret if they changed. A write that the
// workload cluster causes needs a token: without one nothing is written, and store returns when
// there will be one. It fails with a conflict if the Secret is no longer the version that was read,
// so that no record is lost.
func (r *Reconciler) store(ctx context.Context, s *scope, step install.Step) (delay time.Duration, err error) {
	isDelivery := step.Give || step.Again || step.Action == install.Deliver
	if !isDelivery && reflect.DeepEqual(step.State, s.observed.State) {
		return 0, nil
	}
	name := payloadName(s.cluster)
	changed := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
	if s.secret != nil {
		changed = s.secret.DeepCopy()
	}
	if step.Again {
		applyAgain(changed)
	}
	if step.Give {
		s.wanted.put(changed)
	}
	step.State.Store(changed)
	m := managementCluster{r.Client}
	if err := m.setOwner(s.cluster, changed); err != nil {
		return 0, err
	}
	switch {
	case s.secret == nil:
		if err := m.Create(ctx, changed); err != nil {
			return 0, fmt.Errorf("creating Secret %s: %w", name, err)
		}
	case apiequality.Semantic.DeepEqual(s.secret, changed):
		return 0, nil
	default:
		if step.Paced {
			if delay := r.pace.Take(s.key(), time.Now()); delay.For > 0 {
				if delay.Begins {
					ctrl.LoggerFrom(ctx).Info("Delaying what the workload cluster makes us write, because it changes too often", "delay", delay.For)
				}
				return delay.For, nil
			}
		}
		if err := m.patch(ctx, s.secret, changed); err != nil {
			return 0, err
		}
	}
	s.secret = changed
	s.observeSecret()
	return 0, nil
}
