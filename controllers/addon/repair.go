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
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// contested is how long an object is left alone that somebody else keeps changing. It is the time in which another repair
// becomes due.
const contested = time.Minute

// longestList bounds a list of differences in an Event. The API server refuses a note of more than 1024 characters.
const longestList = 800

// reconcileWorkload sees to it that what the ClusterResourceSet controller delivered is still there, and that what it
// replaces goes. A workload cluster that cannot be read wakes us when it can.
func (r *Reconciler) reconcileWorkload(ctx context.Context, s *scope) (reconcile.Result, error) {
	reader, remote, err := r.remote(ctx, s.cluster)
	if isUnread(err) {
		return reconcile.Result{}, nil
	} else if err != nil {
		return reconcile.Result{}, err
	}
	// A copy that has to wait keeps nothing from being repaired.
	delayed, err := afterDelay(reconcile.Result{}, r.reconcileMemory(ctx, s, reader, remote))
	if err != nil {
		return reconcile.Result{}, err
	}
	after, err := r.reconcileClusterDNS(ctx, s, reader)
	looked, err := afterDelay(reconcile.Result{RequeueAfter: after}, err)
	if err != nil {
		return reconcile.Result{}, err
	}
	result, err := r.reconcileDelivered(ctx, s, reader, remote)
	for _, wait := range []time.Duration{delayed.RequeueAfter, looked.RequeueAfter} {
		if wait > 0 {
			result = within(result, wait)
		}
	}
	return result, err
}

// reconcileDelivered compares what the workload cluster has with the payload, once that has been delivered.
func (r *Reconciler) reconcileDelivered(ctx context.Context, s *scope, reader client.Reader, remote client.Client) (reconcile.Result, error) {
	if err := r.reconcileCustom(ctx, reader, remote); err != nil {
		return reconcile.Result{}, err
	}
	state := s.delivered()
	if state == pending {
		return reconcile.Result{}, nil // The binding wakes us.
	}
	found, err := r.findDrift(ctx, s, reader, remote)
	if len(found) > 0 {
		result, repairErr := r.repair(ctx, s, reader, remote, found)
		return result, errors.Join(err, repairErr)
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	if state != applied {
		return reconcile.Result{}, nil // The ClusterResourceSet controller tries again.
	}
	return r.reconcileArrival(ctx, s, reader, remote)
}

// isUnread returns whether a workload cluster is not connected or not listed yet, after which its source wakes the controller.
func isUnread(err error) bool {
	return errors.Is(err, clustercache.ErrClusterNotConnected) || errors.Is(err, workload.ErrNotSynced)
}

// repair has the ClusterResourceSet controller apply the payload once more. It writes no object of the payload itself: there
// is one writer.
func (r *Reconciler) repair(ctx context.Context, s *scope, reader client.Reader, remote client.Client, found []drift) (reconcile.Result, error) {
	namespace, err := get(ctx, reader, client.ObjectKey{Name: xccv1.WorkloadNamespace}, &corev1.Namespace{})
	if err != nil {
		return reconcile.Result{}, err
	}
	if namespace != nil && !namespace.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil // Nothing can be created in it; when it is gone that wakes us.
	}
	known := r.memory.known(s.key(), s.secret.Annotations[xccv1.PayloadAnnotation])
	var due, waiting []drift
	for _, d := range found {
		if known.mayRepair(d.reference) {
			due = append(due, d)
		} else {
			waiting = append(waiting, d)
		}
	}
	if len(waiting) > 0 && known.mayTell() {
		r.Recorder.Eventf(s.cluster, nil, corev1.EventTypeWarning, "RepairContested", "Repair", "%s",
			"Repairing once a minute only, because somebody else keeps changing it in the workload cluster: "+describe(ctx, remote, waiting))
	}
	if len(due) == 0 {
		return reconcile.Result{RequeueAfter: contested}, nil
	}
	if err := r.takeToken(ctx, s); err != nil {
		return reconcile.Result{}, err
	}
	r.Recorder.Eventf(s.cluster, nil, corev1.EventTypeNormal, "Repairing", "Repair", "%s",
		"Applying the add-on again in the workload cluster: "+describe(ctx, nil, due))
	ctrl.LoggerFrom(ctx).Info("Repairing the add-on", "differences", describe(ctx, nil, due))
	if err := r.replace(ctx, s, remote, due); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{}, r.changeSecret(ctx, s, func(secret *corev1.Secret) error { applyAgain(secret); return nil })
}

// describe lists differences in a few words, with who wrote the objects last when there is a client to ask.
func describe(ctx context.Context, remote client.Client, found []drift) string {
	const most = 3
	var parts []string
	for i, d := range found {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(found)-most))
			break
		}
		part := d.reference.String() + " " + d.what
		if remote != nil {
			if writer := lastWriter(ctx, remote, d.reference); writer != "" {
				part += " (last written by " + writer + ")"
			}
		}
		parts = append(parts, part)
	}
	return text.Line(strings.Join(parts, ", "), longestList)
}

// lastWriter returns the field manager whose change of an object's content is the latest, as far as it can be told.
func lastWriter(ctx context.Context, remote client.Client, ref reference) string {
	live := ref.object()
	if remote.Get(ctx, ref.key(), live) != nil {
		return ""
	}
	return latestManager(live)
}

func latestManager(live *unstructured.Unstructured) string {
	var manager string
	var latest time.Time
	for _, entry := range live.GetManagedFields() {
		if entry.Subresource == "" && entry.Time != nil && !entry.Time.Time.Before(latest) {
			manager, latest = entry.Manager, entry.Time.Time
		}
	}
	return manager
}
