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

package records

import (
	"context"
	"errors"
	"fmt"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/consumers"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
)

// failure is a slice that could not be written, and why.
type failure struct {
	slice   *discoveryv1.EndpointSlice
	refusal consumers.Refusal
	// exists says that it was there, and was not in the cache.
	exists bool
}

// outcome is the result of applying a plan.
type outcome struct {
	// failed are the slices that could not be written or deleted.
	failed []failure
	// kept are the candidates that nothing justified to delete.
	kept []*discoveryv1.EndpointSlice
}

// apply writes the changes to a consuming cluster. It deletes the former slices of a gateway only
// when the new ones have been written, so a name that moves from one slice to another always has an
// address.
func (r *Reconciler) apply(ctx context.Context, remote client.Client, facts *facts, changes plan.Plan) (outcome, error) {
	failed, err := r.write(ctx, remote, changes)
	if lost(err) {
		return outcome{}, err
	}
	failed = append(failed, taken(changes)...)
	unwritten := map[plan.Source]bool{}
	for _, failure := range failed {
		source, _ := plan.Published(failure.slice, r.Zone)
		unwritten[source] = true
	}
	var kept, deletable []*discoveryv1.EndpointSlice
	for _, slice := range changes.Candidates {
		if source, _ := plan.Published(slice, r.Zone); unwritten[source] {
			kept = append(kept, slice)
		} else {
			deletable = append(deletable, slice)
		}
	}
	undeleted, deleteErr := r.each(ctx, "delete", deletable, func(slice *discoveryv1.EndpointSlice) error {
		orphaned, err := facts.orphaned(ctx, slice)
		if err != nil {
			return err
		}
		if !orphaned {
			kept = append(kept, slice)
			return errKept
		}
		return remove(ctx, remote, slice)
	})
	return outcome{failed: append(failed, undeleted...), kept: kept}, errors.Join(err, deleteErr)
}

// remove deletes a slice if it still is as it was seen.
func remove(ctx context.Context, remote client.Client, slice *discoveryv1.EndpointSlice) error {
	return remote.Delete(ctx, slice, client.Preconditions{UID: &slice.UID, ResourceVersion: &slice.ResourceVersion})
}

// write creates, replaces and updates.
func (r *Reconciler) write(ctx context.Context, remote client.Client, changes plan.Plan) (failed []failure, err error) {
	for _, action := range []struct {
		name  string
		all   []*discoveryv1.EndpointSlice
		write func(*discoveryv1.EndpointSlice) error
	}{
		{"create", changes.Create, func(slice *discoveryv1.EndpointSlice) error { return remote.Create(ctx, slice) }},
		{"replace", changes.Replace, func(slice *discoveryv1.EndpointSlice) error {
			if err := remove(ctx, remote, slice); err != nil {
				return err
			}
			slice.UID, slice.ResourceVersion = "", ""
			return remote.Create(ctx, slice)
		}},
		{"update", changes.Update, func(slice *discoveryv1.EndpointSlice) error { return remote.Update(ctx, slice) }},
	} {
		unwritten, writeErr := r.each(ctx, action.name, action.all, action.write)
		failed, err = append(failed, unwritten...), errors.Join(err, writeErr)
		if lost(writeErr) {
			return failed, writeErr
		}
	}
	return failed, err
}

// taken returns the slices whose names somebody else's have.
func taken(changes plan.Plan) []failure {
	var failed []failure
	for _, slice := range changes.Taken {
		failed = append(failed, failure{slice: slice, refusal: consumers.Refusal{
			Reason: xccv1.LagNameTaken,
			Message: fmt.Sprintf("Cluster has an EndpointSlice %s that is not the manager's: delete it, and the record is written in its place",
				klog.KObj(slice)),
		}})
	}
	return failed
}

// refused returns why each GatewayDNS does not have all of its records.
func (r *Reconciler) refused(failed []failure) map[client.ObjectKey]consumers.Refusal {
	refused := map[client.ObjectKey]consumers.Refusal{}
	for _, failure := range failed {
		source, _ := plan.Published(failure.slice, r.Zone)
		if refused[source.GatewayDNS].Reason == "" {
			refused[source.GatewayDNS] = failure.refusal
		}
	}
	return refused
}

// addOutdated adds GatewayDNS whose shared names and health checks the dns-servers ignore.
func addOutdated(refused map[client.ObjectKey]consumers.Refusal, namespace string, names []string) {
	for _, name := range names {
		key := client.ObjectKey{Namespace: namespace, Name: name}
		if refused[key].Reason == "" {
			refused[key] = consumers.Refusal{
				Reason: xccv1.LagOutdated,
				Message: "Cluster runs a dns-server of an older release, which ignores spec.shared and spec.healthCheck: " +
					"wait for its update, or update it",
			}
		}
	}
}

// detail is the verbosity of a line for each slice. There may be a million.
const detail = 4

// errKept says that nothing justifies deleting a slice, so that it stays.
var errKept = errors.New("kept")

// each writes slices one by one, and returns those that could not be written. One that the API server refuses does not
// keep the others from being written; when the API server does not answer at all the rest is left for the retry.
func (r *Reconciler) each(
	ctx context.Context, action string, all []*discoveryv1.EndpointSlice, write func(*discoveryv1.EndpointSlice) error,
) (failed []failure, err error) {
	log := ctrl.LoggerFrom(ctx)
	var errs []error
	written := 0
	defer func() {
		if written > 0 {
			log.Info("Wrote EndpointSlices", "action", action, "count", written)
		}
	}()
	for _, slice := range all {
		err := write(slice)
		switch {
		case err == nil:
			r.Metrics.Wrote(action, "success")
			written++
			log.V(detail).Info("Wrote EndpointSlice", "action", action, "EndpointSlice", klog.KObj(slice), "addressType", slice.AddressType)
		case errors.Is(err, errKept):
		case apierrors.IsConflict(err), apierrors.IsNotFound(err), apierrors.IsAlreadyExists(err):
			// The cache was outdated; the event of the newer object wakes us, if that is ours.
			r.Metrics.Wrote(action, "outdated")
			failed = append(failed, failure{slice: slice, exists: apierrors.IsAlreadyExists(err)})
		default:
			r.Metrics.Wrote(action, "error")
			failed = append(failed, failure{slice: slice, refusal: consumers.Refusal{Reason: xccv1.LagWriteFailed, Message: remote.Describe(err)}})
			errs = append(errs, fmt.Errorf("%s EndpointSlice %s: %w", action, klog.KObj(slice), err))
			if lost(err) {
				return failed, errors.Join(errs...)
			}
		}
	}
	return failed, errors.Join(errs...)
}

// lost returns whether an API server did not answer.
func lost(err error) bool {
	var status apierrors.APIStatus
	return err != nil && !errors.As(err, &status)
}
