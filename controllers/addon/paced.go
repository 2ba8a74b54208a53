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
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// delayedError is why a write that a workload cluster caused was not made: the cluster caused too many before.
type delayedError struct{ wait time.Duration }

func (delayedError) Error() string { return "the workload cluster changes too often" }

// takeToken returns a delayedError if the workload cluster may not cause a write now.
func (r *Reconciler) takeToken(ctx context.Context, s *scope) error {
	delay := r.pace.Take(s.key(), time.Now())
	if delay.Begins {
		ctrl.LoggerFrom(ctx).Info("Delaying what the workload cluster makes us write, because it changes too often", "delay", delay.For)
	}
	if delay.For > 0 {
		return delayedError{delay.For}
	}
	return nil
}

// changeSecretPaced is changeSecret for what a workload cluster says. It takes a token if there is something to write.
func (r *Reconciler) changeSecretPaced(ctx context.Context, s *scope, change func(*corev1.Secret) error) error {
	if s.secret != nil {
		changed := s.secret.DeepCopy()
		if err := change(changed); err != nil {
			return err
		}
		if apiequality.Semantic.DeepEqual(s.secret, changed) {
			return nil
		}
		if err := r.takeToken(ctx, s); err != nil {
			return err
		}
	}
	return r.changeSecret(ctx, s, change)
}

// afterDelay returns the result of a reconcile that ended with a delayedError, and everything else as it is.
func afterDelay(result reconcile.Result, err error) (reconcile.Result, error) {
	if delayed, ok := errors.AsType[delayedError](err); ok {
		return within(result, delayed.wait), nil
	}
	return result, err
}
