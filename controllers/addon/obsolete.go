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
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// removeObsolete deletes what the payload replaces. What replaces it is available.
func (r *Reconciler) removeObsolete(ctx context.Context, s *scope, remote client.Client) error {
	obsolete := obsoleteOf(s.secret)
	if len(obsolete) == 0 {
		return nil
	}
	for _, ref := range obsolete {
		if ref.Kind == "Namespace" {
			continue
		}
		if adopted, err := isAdopted(ctx, remote, ref); err != nil {
			return err
		} else if adopted {
			continue
		}
		if err := remove(ctx, remote, ref); err != nil {
			return err
		}
	}
	return r.changeSecretPaced(ctx, s, func(secret *corev1.Secret) error { return setObsolete(secret, nil, nil) })
}

// isAdopted returns whether a ReplicaSet that was left behind is the new Deployment's.
func isAdopted(ctx context.Context, remote client.Client, ref reference) (bool, error) {
	if ref.Kind != "ReplicaSet" {
		return false, nil
	}
	set, err := get(ctx, client.Reader(remote), ref.key(), &appsv1.ReplicaSet{})
	if err != nil || set == nil {
		return false, err
	}
	return slices.ContainsFunc(set.OwnerReferences, func(owner metav1.OwnerReference) bool { return owner.Kind == "Deployment" }), nil
}
