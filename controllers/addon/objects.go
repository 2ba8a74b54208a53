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
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/legacy"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// replace deletes the objects that differ in a field that Kubernetes does not let change, so that
// the next apply creates them. The Pods of a Deployment that is rolled out without a gap keep
// answering: its ReplicaSets are orphaned, and deleted when the new Deployment is available.
func (w *workloadCluster) replace(ctx context.Context, found []drift) error {
	for _, d := range found {
		if !d.isReplaceable() {
			continue
		}
		propagation := metav1.DeletePropagationBackground
		if rollsWithoutGap(d.immutable) {
			propagation = metav1.DeletePropagationOrphan
		}
		uid := d.immutable.GetUID()
		ctrl.LoggerFrom(ctx).Info("Deleting an object that cannot be changed into what it should be", "object", d.String())
		err := w.live.Delete(ctx, d.immutable, client.PropagationPolicy(propagation), client.Preconditions{UID: &uid})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting %s: %w", d, err)
		}
	}
	return nil
}

// orphansOf returns the ReplicaSets that replace leaves behind.
func (w *workloadCluster) orphansOf(ctx context.Context, found []drift) ([]install.Reference, error) {
	var orphans []install.Reference
	for _, d := range found {
		if !d.isReplaceable() || !rollsWithoutGap(d.immutable) {
			continue
		}
		sets := &appsv1.ReplicaSetList{}
		if err := w.live.List(ctx, sets, client.InNamespace(d.Namespace)); err != nil {
			return nil, fmt.Errorf("listing ReplicaSets: %w", err)
		}
		for i := range sets.Items {
			if set := &sets.Items[i]; metav1.IsControlledBy(set, d.immutable) {
				orphans = append(orphans, install.Reference{APIVersion: "apps/v1", Kind: "ReplicaSet", Namespace: set.Namespace, Name: set.Name})
			}
		}
	}
	return orphans, nil
}

// isReplaceable returns whether the object may be created anew. A Service that answers may not: it
// would get another address, and CoreDNS asks the former one for minutes.
func (d drift) isReplaceable() bool {
	return d.immutable != nil && (d.Kind != "Service" || isHeadless(d.immutable)) && d.Kind != "Namespace"
}

// rollsWithoutGap returns whether two versions of a Deployment may run side by side.
func rollsWithoutGap(object *unstructured.Unstructured) bool {
	strategy, _, _ := unstructured.NestedString(object.Object, "spec", "strategy", "type")
	return object.GetKind() == "Deployment" && strategy != string(appsv1.RecreateDeploymentStrategyType)
}

// deleteObsolete deletes the objects that the payload replaces, except ReplicaSets that the new
// Deployment has adopted.
func (w *workloadCluster) deleteObsolete(ctx context.Context, obsolete []install.Reference) error {
	for _, ref := range obsolete {
		adopted, err := w.isAdopted(ctx, ref)
		if err != nil {
			return err
		}
		if adopted {
			continue
		}
		if err := w.delete(ctx, ref); err != nil {
			return err
		}
	}
	return nil
}

func (w *workloadCluster) isAdopted(ctx context.Context, ref install.Reference) (bool, error) {
	if ref.Kind != "ReplicaSet" {
		return false, nil
	}
	set, err := get(ctx, client.Reader(w.live), ref.Key(), &appsv1.ReplicaSet{})
	if err != nil || set == nil {
		return false, err
	}
	return slices.ContainsFunc(set.OwnerReferences, func(owner metav1.OwnerReference) bool { return owner.Kind == "Deployment" }), nil
}

// deleteObjects deletes the objects of the add-on, and returns the rest of the namespace if
// there is one.
func (w *workloadCluster) deleteObjects(ctx context.Context, inventory []install.Reference, inNamespace bool) (*install.Rest, error) {
	for _, ref := range append(inventory, writtenByPatcher()...) {
		if err := w.delete(ctx, ref); err != nil {
			return nil, err
		}
	}
	if !inNamespace {
		return &install.Rest{}, nil
	}
	if err := w.deleteSlices(ctx); err != nil {
		return nil, err
	}
	return w.lookAtRest(ctx)
}

// deleteSlices deletes the records that the manager published there.
func (w *workloadCluster) deleteSlices(ctx context.Context) error {
	slices := &discoveryv1.EndpointSliceList{}
	if err := w.live.List(ctx, slices, client.InNamespace(xccv1.WorkloadNamespace)); err != nil {
		return fmt.Errorf("listing EndpointSlices: %w", err)
	}
	for i := range slices.Items {
		slice := &slices.Items[i]
		if !plan.IsOurs(slice) {
			continue
		}
		if err := w.live.Delete(ctx, slice, client.Preconditions{UID: &slice.UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting EndpointSlice %s: %w", slice.Name, err)
		}
	}
	return nil
}

// delete deletes an object of ours, except the namespace. An object of that name that is not ours
// stays.
func (w *workloadCluster) delete(ctx context.Context, ref install.Reference) error {
	if ref.Kind == "Namespace" {
		return nil
	}
	live := ref.Object()
	if err := w.live.Get(ctx, ref.Key(), live); apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("reading %s: %w", ref, err)
	}
	if !isOurs(ref, live) || !live.GetDeletionTimestamp().IsZero() {
		return nil
	}
	ctrl.LoggerFrom(ctx).Info("Deleting an object of the add-on", "object", ref.String())
	uid := live.GetUID()
	err := w.live.Delete(ctx, live, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: &uid})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %s: %w", ref, err)
	}
	return nil
}

// isOurs returns whether the object is the add-on's: by its label, or by its name if it has no
// label.
func isOurs(ref install.Reference, live *unstructured.Unstructured) bool {
	if live.GetLabels()[xccv1.PartOfLabel] == xccv1.PartOf || install.Contains(writtenByPatcher(), ref) {
		return true
	}
	return legacy.IsObject(live)
}

// lastWriter returns the field manager that changed an object's content last, as far as is known.
func (w *workloadCluster) lastWriter(ctx context.Context, ref install.Reference) string {
	live := ref.Object()
	if w.live.Get(ctx, ref.Key(), live) != nil {
		return ""
	}
	writer, latest := "", metav1.Time{}
	for _, entry := range live.GetManagedFields() {
		if entry.Subresource == "" && entry.Time != nil && !entry.Time.Before(&latest) {
			writer, latest = entry.Manager, *entry.Time
		}
	}
	return writer
}
