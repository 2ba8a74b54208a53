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
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

const (
	// patience is how long dns-config-patcher may take before it is asked whether it runs at all, and longPatience how long if
	// it does: it may wait for an administrator who has to mend the Corefile.
	patience     = 2 * time.Minute
	longPatience = 10 * time.Minute
	// ending is how soon a removal looks again at what is on its way out.
	ending = 5 * time.Second
	// searching is how soon a removal looks again for objects that it could not list.
	searching = time.Minute
)

// wait is what a removal waits for. Its zero value is nothing: the next step is due.
type wait struct {
	// reason is one sentence.
	reason string
	// after is when to look again, whether something wakes us or not.
	after time.Duration
}

func (w wait) over() bool { return w.reason == "" }

// reconcileRemoval takes the add-on out of the workload cluster of a Cluster that lost the label, and forgets it then. Each
// step looks at what is there, so that a manager that restarts goes on where the other one was, and a label that comes
// back ends it at once: the ClusterResourceSet selects the Cluster again, and applies all.
func (r *Reconciler) reconcileRemoval(ctx context.Context, s *scope) (reconcile.Result, error) {
	r.Workload.StopWatching(s.cluster)
	if !s.installed() || s.isForgotten() {
		return reconcile.Result{}, nil
	}
	if s.secret == nil {
		// Somebody deleted it, and with it all that could be remembered.
		if err := r.recreateSecret(ctx, s); err != nil {
			return reconcile.Result{}, err
		}
	}
	if s.secret.Annotations[xccv1.RemovingAnnotation] == "" {
		if err := r.tell(ctx, s, "The add-on is being removed"); err != nil {
			return reconcile.Result{}, err
		}
		r.Recorder.Eventf(s.cluster, nil, corev1.EventTypeNormal, "Removing", "Remove", "The label is gone: the add-on is being removed from the workload cluster")
	}
	waiting, err := r.removeFromWorkload(ctx, s)
	if err != nil {
		return reconcile.Result{}, err
	}
	if !waiting.over() {
		return reconcile.Result{RequeueAfter: waiting.after}, r.tell(ctx, s, waiting.reason)
	}
	if err := r.forget(ctx, s); err != nil {
		return reconcile.Result{}, err
	}
	r.memory.forget(s.key())
	r.Recorder.Eventf(s.cluster, nil, corev1.EventTypeNormal, "Removed", "Remove", "The add-on is removed from the workload cluster")
	return reconcile.Result{}, nil
}

// recreateSecret makes a payload Secret that nobody applies, because the Cluster has no label by which a set selects it.
func (r *Reconciler) recreateSecret(ctx context.Context, s *scope) error {
	return r.changeSecret(ctx, s, func(secret *corev1.Secret) error { return put(secret, r.release) })
}

// tell says on the payload how far the removal is. The sentence may quote what the workload cluster says.
func (r *Reconciler) tell(ctx context.Context, s *scope, sentence string) error {
	return r.changeSecretPaced(ctx, s, func(secret *corev1.Secret) error {
		delete(secret.Annotations, xccv1.WaitingAnnotation)
		delete(secret.Annotations, xccv1.InvalidOptionsAnnotation)
		setAnnotation(secret, xccv1.RemovingAnnotation, fit.Message(sentence))
		return nil
	})
}

// removeFromWorkload takes one step after the other, in the order in which no query is left without an answer: the server
// block, the time until CoreDNS has noticed, and only then what answers.
func (r *Reconciler) removeFromWorkload(ctx context.Context, s *scope) (wait, error) {
	reader, remote, err := r.remote(ctx, s.cluster)
	if isUnread(err) {
		if s.neverTried() {
			return wait{}, nil
		}
		if beyondBudget, ok := errors.AsType[*workload.BudgetError](err); ok {
			return wait{reason: "Waiting until the workload cluster can be read. " + beyondBudget.Error()}, nil
		}
		return wait{reason: "Waiting until the workload cluster can be reached; delete its Cluster if it will not come back"}, nil
	} else if err != nil {
		return wait{}, err
	}
	namespace, err := get(ctx, reader, client.ObjectKey{Name: xccv1.WorkloadNamespace}, &corev1.Namespace{})
	if err != nil {
		return wait{}, err
	}
	steps := []func(context.Context, *scope, client.Client) (wait, error){
		r.removeBlock, r.drain, r.markDrained, r.removeObjects, r.removeSlices, r.removeNamespace,
	}
	switch {
	case namespace == nil:
		// All is gone, or somebody deleted the namespace by hand and nothing answers.
		steps = []func(context.Context, *scope, client.Client) (wait, error){r.removeBlock, r.removeObjects}
	case s.neverTried() && namespace.Annotations[xccv1.PayloadAnnotation] == "":
		return wait{}, nil // What is there is not ours.
	}
	for _, step := range steps {
		if waiting, err := step(ctx, s, remote); err != nil || !waiting.over() {
			return waiting, err
		}
	}
	return wait{}, nil
}

// forget removes what the management cluster holds. The payload goes last: it is what says that something is left to do.
func (r *Reconciler) forget(ctx context.Context, s *scope) error {
	if err := r.clearBinding(ctx, s); err != nil {
		return err
	}
	if s.set != nil {
		if err := r.Client.Delete(ctx, s.set, client.Preconditions{UID: &s.set.UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting the ClusterResourceSet: %w", err)
		}
	}
	if _, labelled := s.cluster.Labels[xccv1.DNSClusterLabel]; labelled {
		original := s.cluster.DeepCopy()
		delete(s.cluster.Labels, xccv1.DNSClusterLabel)
		if err := r.Client.Patch(ctx, s.cluster, client.MergeFrom(original)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("taking our label off the Cluster: %w", err)
		}
	}
	if err := r.Client.Delete(ctx, s.secret, client.Preconditions{UID: &s.secret.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting the payload: %w", err)
	}
	ctrl.LoggerFrom(ctx).Info("Removed the add-on")
	return nil
}
