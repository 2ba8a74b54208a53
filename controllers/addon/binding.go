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
	"crypto/sha256"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// delivery is how far the ClusterResourceSet controller is with a payload.
type delivery int

const (
	// pending: it has not tried what the Secret holds now.
	pending delivery = iota
	// refused: it tried, and the workload cluster took not all of it.
	refused
	// applied: the workload cluster took it.
	applied
)

// delivered returns how far the ClusterResourceSet controller is, by the binding that it keeps.
func (s *scope) delivered() delivery {
	entry := s.entry()
	if entry == nil || s.secret == nil {
		return pending
	}
	for _, resource := range entry.Resources {
		if resource.Name != s.secret.Name || resource.Kind != string(addonsv1.SecretClusterResourceSetResourceKind) {
			continue
		}
		switch {
		case resource.Hash != fmt.Sprintf("sha256:%x", sha256.Sum256(s.secret.Data[payloadKey])):
			return pending
		case ptr.Deref(resource.Applied, false):
			return applied
		default:
			return refused
		}
	}
	return pending
}

// entry returns what the binding holds for the Cluster's ClusterResourceSet.
func (s *scope) entry() *addonsv1.ResourceSetBinding {
	if s.binding == nil {
		return nil
	}
	for i := range s.binding.Spec.Bindings {
		if s.binding.Spec.Bindings[i].ClusterResourceSetName == s.cluster.Name+suffix {
			return &s.binding.Spec.Bindings[i]
		}
	}
	return nil
}

// neverTried returns whether nothing was ever sent to the workload cluster.
func (s *scope) neverTried() bool {
	entry := s.entry()
	return entry == nil || len(entry.Resources) == 0
}

// reconcileBinding takes out what a binding holds for a former ClusterResourceSet of the same name: a Cluster that was
// created anew has the binding of the former one when it comes before that one's is collected, and it would say that all
// is applied.
func (r *Reconciler) reconcileBinding(ctx context.Context, s *scope) error {
	if s.entry() == nil || s.set == nil || ownedBy(s.binding, s.set) {
		return nil
	}
	ctrl.LoggerFrom(ctx).Info("Clearing what a former ClusterResourceSet left in the binding")
	if err := r.clearBinding(ctx, s); err != nil {
		return err
	}
	// The ClusterResourceSet controller does not look at bindings: the payload has to change.
	return r.changeSecret(ctx, s, func(secret *corev1.Secret) error { applyAgain(secret); return nil })
}

// clearBinding takes the entry of the Cluster's set out of the binding, and deletes one that is left empty.
func (r *Reconciler) clearBinding(ctx context.Context, s *scope) error {
	if s.entry() == nil {
		return nil
	}
	name := s.cluster.Name + suffix
	changed := s.binding.DeepCopy()
	changed.Spec.Bindings = slices.DeleteFunc(changed.Spec.Bindings, func(entry addonsv1.ResourceSetBinding) bool {
		return entry.ClusterResourceSetName == name
	})
	changed.OwnerReferences = slices.DeleteFunc(changed.OwnerReferences, func(owner metav1.OwnerReference) bool {
		return owner.Kind == "ClusterResourceSet" && owner.Name == name
	})
	if len(changed.Spec.Bindings) > 0 {
		if err := r.patch(ctx, s.binding, changed); err != nil {
			return err
		}
		s.binding = changed
		return nil
	}
	err := r.Client.Delete(ctx, s.binding, client.Preconditions{UID: &s.binding.UID, ResourceVersion: &s.binding.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting ClusterResourceSetBinding %s: %w", s.key(), err)
	}
	s.binding = nil
	return nil
}
