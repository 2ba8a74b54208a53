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
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/discovery"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
)

// watches are those of the payload's kinds. The ConfigMap is the report of dns-config-patcher. A
// payload with another kind needs a line here and one in the options of the caches in
// controllers/workload; a test compares them.
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

// inOurNamespaces passes the events of the namespace xcc-dns, of everything in it, and of our
// objects elsewhere, such as Roles in kube-system.
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

// significant passes the updates after which an object may differ from the payload, or a Deployment
// may be rolled out.
func significant() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, isDeployment := e.ObjectOld.(*appsv1.Deployment)
		if isDeployment && isRolledOut(before) != isRolledOut(e.ObjectNew.(*appsv1.Deployment)) {
			return true
		}
		return !apiequality.Semantic.DeepEqual(withoutNoise(e.ObjectOld), withoutNoise(e.ObjectNew))
	}}
}

// withoutNoise returns the object without the fields that change by themselves.
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

// isRolledOut returns whether all Pods of a Deployment are of its present template and available.
func isRolledOut(deployment *appsv1.Deployment) bool {
	wanted := int32(1)
	if deployment.Spec.Replicas != nil {
		wanted = *deployment.Spec.Replicas
	}
	status := deployment.Status
	return status.ObservedGeneration >= deployment.Generation &&
		status.UpdatedReplicas == wanted && status.Replicas == wanted && status.AvailableReplicas == wanted
}

// workloadCluster is a connected workload cluster.
type workloadCluster struct {
	// cached reads the watched kinds. live reads and writes without a cache, because a cached
	// client starts an informer for each kind.
	cached client.Reader
	live   client.Client
	// discover returns a client that lists the kinds of the API server.
	discover func(context.Context) (discovery.DiscoveryInterface, error)
}

// connect returns the workload cluster of a Cluster. isUnread returns true for the error if it
// cannot be read at the moment.
func connect(ctx context.Context, view *workload.View, cluster *clusterv1.Cluster) (*workloadCluster, error) {
	cached, err := view.Reader(ctx, cluster, watches()...)
	if err != nil {
		return nil, err
	}
	live, err := view.Client(ctx, cluster)
	if err != nil {
		return nil, err
	}
	discover := func(ctx context.Context) (discovery.DiscoveryInterface, error) {
		return view.Discovery(ctx, cluster)
	}
	return &workloadCluster{cached: cached, live: live, discover: discover}, nil
}

// isUnread returns whether a workload cluster is not connected or not listed yet. Its source wakes
// the controller later.
func isUnread(err error) bool {
	return errors.Is(err, clustercache.ErrClusterNotConnected) || errors.Is(err, workload.ErrNotSynced)
}

// get returns an object, and nil if there is none.
func get[T client.Object](ctx context.Context, reader client.Reader, key client.ObjectKey, object T) (T, error) {
	var none T
	if err := reader.Get(ctx, key, object); apierrors.IsNotFound(err) {
		return none, nil
	} else if err != nil {
		return none, fmt.Errorf("reading %T %s: %w", object, key, err)
	}
	return object, nil
}

func setAnnotation(object client.Object, key, value string) {
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	object.SetAnnotations(annotations)
}
