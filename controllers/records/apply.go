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
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// failure is a slice that could not be written, and why; err is nil when the cache was outdated.
type failure struct {
	slice *discoveryv1.EndpointSlice
	err   error
}

// apply writes the changes to a consuming cluster of a management namespace, computed from what is visible to it. It deletes what a gateway had only when what
// it has instead has been written, so that a name that moves from one slice to another is never without an address. It
// returns why each GatewayDNS does not have all of its records there.
func (r *Reconciler) apply(
	ctx context.Context, remote client.Client, namespace string, visible []xccv1.GatewayDNS, changes plan.Plan,
) (refused map[client.ObjectKey]string, err error) {
	failed, err := r.write(ctx, remote, changes)
	if lost(err) {
		return nil, err
	}
	unwritten := map[plan.Source]bool{}
	for _, failure := range failed {
		source, _ := plan.Published(failure.slice, r.Zone)
		unwritten[source] = true
	}
	facts := facts{reader: r.APIReader, namespace: namespace, zone: r.Zone, seen: visible}
	deletable := slices.DeleteFunc(changes.Candidates, func(slice *discoveryv1.EndpointSlice) bool {
		source, _ := plan.Published(slice, r.Zone)
		return unwritten[source]
	})
	undeleted, deleteErr := r.each(ctx, "delete", deletable, func(slice *discoveryv1.EndpointSlice) error {
		orphaned, err := facts.orphaned(ctx, slice)
		if err != nil {
			return err
		}
		if !orphaned {
			return errKept
		}
		return remote.Delete(ctx, slice, client.Preconditions{UID: &slice.UID, ResourceVersion: &slice.ResourceVersion})
	})
	return r.refused(append(failed, undeleted...)), errors.Join(err, deleteErr)
}

// write creates and updates.
func (r *Reconciler) write(ctx context.Context, remote client.Client, changes plan.Plan) ([]failure, error) {
	failed, err := r.each(ctx, "create", changes.Create, func(slice *discoveryv1.EndpointSlice) error {
		return remote.Create(ctx, slice)
	})
	if lost(err) {
		return failed, err
	}
	failedUpdates, updateErr := r.each(ctx, "update", changes.Update, func(slice *discoveryv1.EndpointSlice) error {
		return remote.Update(ctx, slice)
	})
	return append(failed, failedUpdates...), errors.Join(err, updateErr)
}

// refused returns why each GatewayDNS does not have all of its records.
func (r *Reconciler) refused(failed []failure) map[client.ObjectKey]string {
	refused := map[client.ObjectKey]string{}
	for _, failure := range failed {
		source, _ := plan.Published(failure.slice, r.Zone)
		switch {
		case failure.err != nil:
			refused[source.GatewayDNS] = failure.err.Error()
		case refused[source.GatewayDNS] == "":
			refused[source.GatewayDNS] = ""
		}
	}
	return refused
}

// errKept says that nothing justifies deleting a slice, so that it stays.
var errKept = errors.New("kept")

// each writes slices one by one, and returns those that could not be written. One that the API server refuses does not
// keep the others from being written; when the API server does not answer at all the rest is left for the retry.
func (r *Reconciler) each(
	ctx context.Context, action string, all []*discoveryv1.EndpointSlice, write func(*discoveryv1.EndpointSlice) error,
) (failed []failure, err error) {
	log := ctrl.LoggerFrom(ctx)
	var errs []error
	for _, slice := range all {
		err := write(slice)
		switch {
		case err == nil:
			r.Metrics.Wrote(action, "success")
			log.Info("Wrote EndpointSlice", "action", action, "EndpointSlice", klog.KObj(slice), "addressType", slice.AddressType)
		case errors.Is(err, errKept):
		case apierrors.IsConflict(err), apierrors.IsNotFound(err), apierrors.IsAlreadyExists(err):
			// The cache was outdated; the event of the newer object wakes us.
			r.Metrics.Wrote(action, "outdated")
			failed = append(failed, failure{slice, nil})
		default:
			r.Metrics.Wrote(action, "error")
			failed = append(failed, failure{slice, err})
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
