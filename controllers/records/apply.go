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
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// apply writes the changes to a consuming cluster. It deletes only when all else has been written, so that a name that
// moves from one slice to another is never without an address.
func (r *Reconciler) apply(ctx context.Context, remote client.Client, changes plan.Plan) error {
	err := each(ctx, "creating", changes.Create, func(slice *discoveryv1.EndpointSlice) error {
		return remote.Create(ctx, slice)
	})
	if !lost(err) {
		err = errors.Join(err, each(ctx, "updating", changes.Update, func(slice *discoveryv1.EndpointSlice) error {
			return remote.Update(ctx, slice)
		}))
	}
	if err != nil {
		return err
	}
	return each(ctx, "deleting", changes.Candidates, func(slice *discoveryv1.EndpointSlice) error {
		orphaned, err := r.orphaned(ctx, slice)
		if err != nil {
			return err
		}
		if !orphaned {
			return errKept
		}
		return remote.Delete(ctx, slice, client.Preconditions{UID: &slice.UID, ResourceVersion: &slice.ResourceVersion})
	})
}

// errKept says that nothing justifies deleting a slice, so that it stays.
var errKept = errors.New("kept")

// each writes slices one by one. One that the API server refuses does not keep the others from being written; when the
// API server does not answer at all the rest is left for the retry.
func each(
	ctx context.Context, action string, slices []*discoveryv1.EndpointSlice, write func(*discoveryv1.EndpointSlice) error,
) error {
	log := ctrl.LoggerFrom(ctx)
	var errs []error
	for _, slice := range slices {
		err := write(slice)
		switch {
		case err == nil:
			log.Info("Wrote EndpointSlice", "action", action, "EndpointSlice", klog.KObj(slice), "addressType", slice.AddressType)
		case errors.Is(err, errKept):
		case apierrors.IsConflict(err), apierrors.IsNotFound(err):
			// The cache was outdated; the event of the newer object wakes us.
		default:
			errs = append(errs, fmt.Errorf("%s EndpointSlice %s: %w", action, klog.KObj(slice), err))
			if lost(err) {
				return errors.Join(errs...)
			}
		}
	}
	return errors.Join(errs...)
}

// lost returns whether an API server did not answer.
func lost(err error) bool {
	var status apierrors.APIStatus
	return err != nil && !errors.As(err, &status)
}

// orphaned asks the management cluster's API server, not the cache, for the facts without which nothing is deleted.
func (r *Reconciler) orphaned(ctx context.Context, slice *discoveryv1.EndpointSlice) (bool, error) {
	source, ok := plan.Published(slice, r.Zone)
	if !ok {
		return false, nil
	}
	gatewayDNS, err := live(ctx, r.APIReader, source.GatewayDNS, &xccv1.GatewayDNS{})
	if err != nil {
		return false, err
	}
	cluster, err := live(ctx, r.APIReader, client.ObjectKey{Namespace: source.GatewayDNS.Namespace, Name: source.Cluster}, &clusterv1.Cluster{})
	if err != nil {
		return false, err
	}
	return plan.Orphaned(slice, r.Zone, gatewayDNS, cluster), nil
}

// live reads an object, and returns nil when it does not exist or its name is empty.
func live[T client.Object](ctx context.Context, reader client.Reader, key client.ObjectKey, object T) (T, error) {
	var none T
	if key.Name == "" {
		return none, nil
	}
	err := reader.Get(ctx, key, object)
	if apierrors.IsNotFound(err) {
		return none, nil
	} else if err != nil {
		return none, fmt.Errorf("reading %T %s: %w", object, key, err)
	}
	return object, nil
}
