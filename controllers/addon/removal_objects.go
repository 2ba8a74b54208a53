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

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/legacy"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// writtenThere are what dns-config-patcher writes in its own namespace. They carry no label.
func writtenThere() []reference {
	return []reference{
		{"v1", "ConfigMap", xccv1.WorkloadNamespace, xccv1.DNSConfigPatcherName},
		{"coordination.k8s.io/v1", "Lease", xccv1.WorkloadNamespace, xccv1.ProbeLeaseName},
	}
}

// removeObjects deletes what the payload holds, what former ones held, and what they wrote.
func (r *Reconciler) removeObjects(ctx context.Context, s *scope, remote client.Client) (wait, error) {
	all := append(references(objectsOf(s.secret)), references(r.release.objects)...)
	all = append(all, obsoleteOf(s.secret)...)
	all = append(all, writtenThere()...)
	for _, ref := range all {
		if ref.Kind == "Namespace" {
			continue
		}
		if err := remove(ctx, remote, ref); err != nil {
			return wait{}, err
		}
	}
	return wait{}, nil
}

// remove deletes an object of ours. What is called the same and is not ours stays.
func remove(ctx context.Context, remote client.Client, ref reference) error {
	live := ref.object()
	if err := remote.Get(ctx, ref.key(), live); apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("reading %s: %w", ref, err)
	}
	if !isOurs(ref, live) || !live.GetDeletionTimestamp().IsZero() {
		return nil
	}
	ctrl.LoggerFrom(ctx).Info("Deleting an object of the add-on", "object", ref.String())
	uid := live.GetUID()
	err := remote.Delete(ctx, live, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: &uid})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %s: %w", ref, err)
	}
	return nil
}

// isOurs returns whether the object is the add-on's: by its label, or by its name if it has none.
func isOurs(ref reference, live *unstructured.Unstructured) bool {
	if live.GetLabels()[xccv1.PartOfLabel] == xccv1.PartOf || containsObject(writtenThere(), ref) {
		return true
	}
	return legacy.IsObject(live)
}

// removeSlices deletes the records that we published there.
func (r *Reconciler) removeSlices(ctx context.Context, _ *scope, remote client.Client) (wait, error) {
	slices := &discoveryv1.EndpointSliceList{}
	if err := remote.List(ctx, slices, client.InNamespace(xccv1.WorkloadNamespace)); err != nil {
		return wait{}, fmt.Errorf("listing EndpointSlices: %w", err)
	}
	for i := range slices.Items {
		slice := &slices.Items[i]
		if !plan.IsOurs(slice) {
			continue
		}
		if err := remote.Delete(ctx, slice, client.Preconditions{UID: &slice.UID}); client.IgnoreNotFound(err) != nil {
			return wait{}, fmt.Errorf("deleting EndpointSlice %s: %w", slice.Name, err)
		}
	}
	return wait{}, nil
}
