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
	"maps"
	"slices"
	"strings"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/annotations"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// managementCluster writes the add-on's objects on the management cluster, apart from
// the payload Secret.
type managementCluster struct{ client.Client }

// deliver has Cluster API's ClusterResourceSet controller deliver the payload.
func (m managementCluster) deliver(ctx context.Context, s *scope) error {
	if err := m.labelCluster(ctx, s.cluster); err != nil {
		return err
	}
	if s.observed.StaleBinding {
		// A Cluster that was created anew has the binding of the former one if that was not
		// collected before. It would say that everything is applied.
		ctrl.LoggerFrom(ctx).Info("Clearing what a former ClusterResourceSet left in the binding")
		if err := m.clearBinding(ctx, s); err != nil {
			return err
		}
	}
	return m.applySet(ctx, s)
}

// labelCluster sets the label by which the ClusterResourceSet selects this Cluster alone.
func (m managementCluster) labelCluster(ctx context.Context, cluster *clusterv1.Cluster) error {
	if cluster.Labels[xccv1.DNSClusterLabel] == cluster.Name {
		return nil
	}
	original := cluster.DeepCopy()
	cluster.Labels[xccv1.DNSClusterLabel] = cluster.Name
	if err := m.Patch(ctx, cluster, client.MergeFrom(original)); err != nil {
		return fmt.Errorf("labelling the Cluster: %w", err)
	}
	return nil
}

// applySet creates the ClusterResourceSet, or brings it in line.
func (m managementCluster) applySet(ctx context.Context, s *scope) error {
	name := payloadName(s.cluster)
	set := &addonsv1.ClusterResourceSet{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
	if s.set != nil {
		set = s.set.DeepCopy()
	}
	delete(set.Annotations, clusterv1.PausedAnnotation)
	set.Spec = addonsv1.ClusterResourceSetSpec{
		ClusterSelector: metav1.LabelSelector{MatchLabels: map[string]string{
			xccv1.DNSLabel:        xccv1.DNSEnabled,
			xccv1.DNSClusterLabel: s.cluster.Name,
		}},
		Resources: []addonsv1.ResourceRef{{Name: name.Name, Kind: string(addonsv1.SecretClusterResourceSetResourceKind)}},
		Strategy:  string(addonsv1.ClusterResourceSetStrategyReconcile),
	}
	if err := m.setOwner(s.cluster, set); err != nil {
		return err
	}
	if s.set != nil {
		return m.patch(ctx, s.set, set)
	}
	if err := m.Create(ctx, set); err != nil {
		return fmt.Errorf("creating ClusterResourceSet %s: %w", klog.KObj(set), err)
	}
	return nil
}

// pauseSet pauses the ClusterResourceSet, and leaves the payload as it is.
func (m managementCluster) pauseSet(ctx context.Context, s *scope) error {
	if s.set == nil || annotations.HasPaused(s.set) {
		return nil
	}
	set := s.set.DeepCopy()
	setAnnotation(set, clusterv1.PausedAnnotation, "")
	return m.patch(ctx, s.set, set)
}

// clearBinding takes the entry of the Cluster's set out of the binding, and deletes a binding that
// is left empty.
func (m managementCluster) clearBinding(ctx context.Context, s *scope) error {
	if s.entry() == nil {
		return nil
	}
	name := payloadName(s.cluster).Name
	changed := s.binding.DeepCopy()
	changed.Spec.Bindings = slices.DeleteFunc(changed.Spec.Bindings, func(entry addonsv1.ResourceSetBinding) bool {
		return entry.ClusterResourceSetName == name
	})
	changed.OwnerReferences = slices.DeleteFunc(changed.OwnerReferences, func(owner metav1.OwnerReference) bool {
		return owner.Kind == "ClusterResourceSet" && owner.Name == name
	})
	if len(changed.Spec.Bindings) > 0 {
		if err := m.patch(ctx, s.binding, changed); err != nil {
			return err
		}
		s.binding = changed
		return nil
	}
	err := m.Delete(ctx, s.binding, client.Preconditions{UID: &s.binding.UID, ResourceVersion: &s.binding.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting ClusterResourceSetBinding %s: %w", s.key(), err)
	}
	s.binding = nil
	return nil
}

// forget deletes the add-on's objects of a Cluster. The payload goes last, because it says that
// something is left to do.
func (m managementCluster) forget(ctx context.Context, s *scope) error {
	if err := m.clearBinding(ctx, s); err != nil {
		return err
	}
	if s.set != nil {
		if err := m.Delete(ctx, s.set, client.Preconditions{UID: &s.set.UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting the ClusterResourceSet: %w", err)
		}
	}
	if _, labelled := s.cluster.Labels[xccv1.DNSClusterLabel]; labelled {
		original := s.cluster.DeepCopy()
		delete(s.cluster.Labels, xccv1.DNSClusterLabel)
		if err := m.Patch(ctx, s.cluster, client.MergeFrom(original)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("taking our label off the Cluster: %w", err)
		}
	}
	if err := m.Delete(ctx, s.secret, client.Preconditions{UID: &s.secret.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting the payload: %w", err)
	}
	ctrl.LoggerFrom(ctx).Info("Removed the add-on")
	return nil
}

// reportConflict tells on the Cluster which foreign objects are in the way of the add-on, or that
// none is. It returns whether one is.
func (m managementCluster) reportConflict(ctx context.Context, s *scope, foreign []string) (blocked bool, err error) {
	wanted := ""
	if len(foreign) > 0 && (s.observed.Labelled || s.observed.Present) {
		wanted = "Not created by xcc and in its way: " + strings.Join(foreign, " and ") + ". Delete what is named here or give it another name"
	}
	if s.cluster.Annotations[xccv1.ConflictAnnotation] == wanted {
		return wanted != "", nil
	}
	original := s.cluster.DeepCopy()
	setAnnotation(s.cluster, xccv1.ConflictAnnotation, wanted)
	if wanted == "" {
		delete(s.cluster.Annotations, xccv1.ConflictAnnotation)
	}
	if err := m.Patch(ctx, s.cluster, client.MergeFrom(original)); err != nil {
		return false, fmt.Errorf("reporting what is in the way: %w", err)
	}
	return wanted != "", nil
}

// setOwner has the object go and move with the Cluster, and belong to the instance of the manager
// that the Cluster belongs to. The cluster name label lets the manager's cache of Secrets hold the
// payload.
func (m managementCluster) setOwner(cluster *clusterv1.Cluster, object client.Object) error {
	labels := maps.Clone(object.GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	labels[clusterv1.ClusterNameLabel] = cluster.Name
	// Cluster API's own controller looks at the Cluster's label, whether our manager filters or
	// not.
	if filter, ok := cluster.Labels[clusterv1.WatchLabel]; ok {
		labels[clusterv1.WatchLabel] = filter
	} else {
		delete(labels, clusterv1.WatchLabel)
	}
	object.SetLabels(labels)
	return controllerutil.SetOwnerReference(cluster, object, m.Scheme())
}

// patch sends the difference, if there is one. It fails with a conflict if the object is not what
// it was before.
func (m managementCluster) patch(ctx context.Context, before, object client.Object) error {
	if apiequality.Semantic.DeepEqual(before, object) {
		return nil
	}
	before = before.DeepCopyObject().(client.Object)
	if err := m.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("writing %T %s: %w", object, klog.KObj(object), err)
	}
	return nil
}
