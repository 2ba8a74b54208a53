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

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
)

// watches are the kinds of the payload, and the report of dns-config-patcher by which a removal goes on. A payload with
// another kind needs a line here and one in the options of the caches in controllers/workload; a test compares them.
func watches() []workload.Watch {
	kinds := []client.Object{
		&corev1.Namespace{}, &corev1.ServiceAccount{}, &corev1.Service{}, &corev1.ConfigMap{}, &corev1.ResourceQuota{}, &appsv1.Deployment{},
		&rbacv1.Role{}, &rbacv1.RoleBinding{}, &networkingv1.NetworkPolicy{}, &policyv1.PodDisruptionBudget{},
	}
	all := make([]workload.Watch, 0, len(kinds))
	for _, kind := range kinds {
		all = append(all, workload.Watch{
			Name: fmt.Sprintf("addon-%T", kind), Object: kind, Predicates: []predicate.Predicate{inOurNamespaces(), significant()},
		})
	}
	return all
}

// inOurNamespaces passes the events of the namespace xcc-dns itself, of what is in it, and of kube-system's Roles.
func inOurNamespaces() predicate.Predicate {
	return predicate.NewPredicateFuncs(func(object client.Object) bool {
		switch object.GetNamespace() {
		case "":
			return object.GetName() == xccv1.WorkloadNamespace
		case xccv1.WorkloadNamespace:
			return true
		default:
			return object.GetLabels()[xccv1.PartOfLabel] == xccv1.PartOf
		}
	})
}

// significant passes the updates by which something of the payload may differ, or by which a rollout may have ended.
func significant() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, isDeployment := e.ObjectOld.(*appsv1.Deployment)
		if isDeployment && rolledOut(before) != rolledOut(e.ObjectNew.(*appsv1.Deployment)) {
			return true
		}
		return !apiequality.Semantic.DeepEqual(withoutNoise(e.ObjectOld), withoutNoise(e.ObjectNew))
	}}
}

// withoutNoise returns the object without what changes by itself.
func withoutNoise(object client.Object) client.Object {
	object = object.DeepCopyObject().(client.Object)
	object.SetResourceVersion("")
	object.SetGeneration(0)
	object.SetManagedFields(nil)
	switch object := object.(type) {
	case *appsv1.Deployment:
		object.Status = appsv1.DeploymentStatus{}
	case *corev1.Namespace:
		object.Status = corev1.NamespaceStatus{}
	case *corev1.ResourceQuota:
		object.Status = corev1.ResourceQuotaStatus{}
	case *corev1.Service:
		object.Status = corev1.ServiceStatus{}
	case *policyv1.PodDisruptionBudget:
		object.Status = policyv1.PodDisruptionBudgetStatus{}
	}
	return object
}

// rolledOut returns whether all Pods of a Deployment are of its present template and available.
func rolledOut(deployment *appsv1.Deployment) bool {
	wanted := int32(1)
	if deployment.Spec.Replicas != nil {
		wanted = *deployment.Spec.Replicas
	}
	status := deployment.Status
	return status.ObservedGeneration >= deployment.Generation &&
		status.UpdatedReplicas == wanted && status.Replicas == wanted && status.AvailableReplicas == wanted
}

// remote returns a reader of the watched kinds and a client that reads and writes without a cache.
func (r *Reconciler) remote(ctx context.Context, cluster *clusterv1.Cluster) (client.Reader, client.Client, error) {
	reader, err := r.Workload.Reader(ctx, cluster, watches()...)
	if err != nil {
		return nil, nil, err
	}
	// Uncached, because a cached client starts an informer for whatever it reads.
	remote, err := r.Workload.Client(ctx, cluster)
	return reader, remote, err
}
