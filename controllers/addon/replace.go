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
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxObsolete bounds how many objects are remembered as left behind. A Deployment keeps 10 former ReplicaSets, and a hostile
// API server can list any number.
const maxObsolete = 100

// replace deletes the objects that differ from the payload in a field that Kubernetes lets nobody change, so that the next
// apply creates them. The Pods of a Deployment that is rolled out without a gap keep answering: its ReplicaSets are
// left behind, and go when the new Deployment is available.
func (r *Reconciler) replace(ctx context.Context, s *scope, remote client.Client, found []drift) error {
	found = slices.DeleteFunc(slices.Clone(found), func(d drift) bool {
		// A Service that is created anew gets another address, and CoreDNS asks the former one for minutes.
		return d.immutable == nil || d.Kind == "Service" && !isHeadless(d.immutable) || d.Kind == "Namespace"
	})
	for _, d := range found {
		propagation := metav1.DeletePropagationBackground
		if answersMeanwhile(d.immutable) {
			propagation = metav1.DeletePropagationOrphan
			left, err := replicaSetsOf(ctx, remote, d.immutable)
			if err != nil {
				return err
			}
			// Remembered before they are left behind.
			if err := r.changeSecret(ctx, s, func(secret *corev1.Secret) error {
				obsolete := append(obsoleteOf(secret), left...)
				return setObsolete(secret, obsolete[:min(len(obsolete), maxObsolete)], references(objectsOf(secret)))
			}); err != nil {
				return err
			}
		}
		uid := d.immutable.GetUID()
		ctrl.LoggerFrom(ctx).Info("Deleting an object that cannot be changed into what it should be", "object", d.reference.String())
		err := remote.Delete(ctx, d.immutable, client.PropagationPolicy(propagation), client.Preconditions{UID: &uid})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting %s: %w", d.reference, err)
		}
	}
	return nil
}

// answersMeanwhile returns whether two versions of a Deployment may run side by side.
func answersMeanwhile(object *unstructured.Unstructured) bool {
	strategy, _, _ := unstructured.NestedString(object.Object, "spec", "strategy", "type")
	return object.GetKind() == "Deployment" && strategy != string(appsv1.RecreateDeploymentStrategyType)
}

func replicaSetsOf(ctx context.Context, remote client.Client, deployment *unstructured.Unstructured) ([]reference, error) {
	sets := &appsv1.ReplicaSetList{}
	if err := remote.List(ctx, sets, client.InNamespace(deployment.GetNamespace())); err != nil {
		return nil, fmt.Errorf("listing ReplicaSets: %w", err)
	}
	var owned []reference
	for i := range sets.Items {
		if metav1.IsControlledBy(&sets.Items[i], deployment) {
			owned = append(owned, reference{"apps/v1", "ReplicaSet", sets.Items[i].Namespace, sets.Items[i].Name})
		}
	}
	return owned, nil
}
