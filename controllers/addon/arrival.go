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
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// probing is how soon to look again for a lookup that succeeded: the workload cluster makes one every 30 seconds.
const probing = 10 * time.Second

// deployments returns the Deployments of the payload as they are, and whether all of them are of the payload and all of their
// Pods are available.
func (s *scope) deployments(ctx context.Context, reader client.Reader) (all []*appsv1.Deployment, arrived bool, err error) {
	hash := s.secret.Annotations[xccv1.PayloadAnnotation]
	for _, object := range objectsOf(s.secret) {
		if object.GetKind() != "Deployment" {
			continue
		}
		deployment, err := get(ctx, reader, client.ObjectKeyFromObject(&object), &appsv1.Deployment{})
		if err != nil {
			return nil, false, err
		}
		if deployment == nil || deployment.Annotations[xccv1.PayloadAnnotation] != hash || !rolledOut(deployment) {
			return nil, false, nil
		}
		all = append(all, deployment)
	}
	return all, true, nil
}

// reconcileArrival does what waits for the payload's Pods: it deletes what they replace, and remembers that DNS is ready
// with them, which makes room for the next Cluster.
func (r *Reconciler) reconcileArrival(ctx context.Context, s *scope, reader client.Reader, remote client.Client) (reconcile.Result, error) {
	deployments, arrived, err := s.deployments(ctx, reader)
	if err != nil || !arrived || s.leaving {
		return reconcile.Result{}, err // The Deployments wake us.
	}
	if err := r.removeObsolete(ctx, s, remote); err != nil {
		return reconcile.Result{}, err
	}
	hash := s.secret.Annotations[xccv1.PayloadAnnotation]
	if s.secret.Annotations[readyAnnotation] == hash || !isReady(s.cluster) {
		return reconcile.Result{}, nil
	}
	if probed, err := probedWith(ctx, remote, deployments); err != nil || !probed {
		return reconcile.Result{RequeueAfter: probing}, err
	}
	return reconcile.Result{}, r.changeSecretPaced(ctx, s, func(secret *corev1.Secret) error { setAnnotation(secret, readyAnnotation, hash); return nil })
}

// probedWith returns whether a lookup in the workload cluster has succeeded since its Deployments are as they are. Both times
// are by clocks of that cluster. The condition DNSReady may still rest on a lookup of before.
func probedWith(ctx context.Context, remote client.Client, deployments []*appsv1.Deployment) (bool, error) {
	name := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.ProbeLeaseName}
	lease, err := get(ctx, client.Reader(remote), name, &coordinationv1.Lease{})
	if err != nil || lease == nil || lease.Spec.RenewTime == nil {
		return false, err
	}
	for _, deployment := range deployments {
		for _, condition := range deployment.Status.Conditions {
			if condition.LastUpdateTime.After(lease.Spec.RenewTime.Time) {
				return false, nil
			}
		}
	}
	return true, nil
}
