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

package workload

import (
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	toolscache "k8s.io/client-go/tools/cache"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// CacheOptions restricts the caches of workload clusters to the namespace xcc-dns: the namespace itself,
// its EndpointSlices, the patcher's report, the probe's Lease and the kinds of the add-on. Roles are also
// in the namespaces where cluster DNS has its ConfigMaps. slices transforms EndpointSlices before they
// are cached; nil only removes their managed fields.
func CacheOptions(slices toolscache.TransformFunc) ctrlcache.Options {
	// A field selector, not ByObject.Namespaces: for these controller-runtime starts a cache of its own
	// for each kind, and goroutines that never end if the connection does before a kind is listed.
	ourNamespace := ctrlcache.ByObject{Field: inWorkloadNamespace}
	roles := ctrlcache.ByObject{Namespaces: map[string]ctrlcache.Config{
		xccv1.WorkloadNamespace: {},
		ctrlcache.AllNamespaces: {LabelSelector: labels.SelectorFromSet(labels.Set{xccv1.PartOfLabel: xccv1.PartOf})},
	}}
	return ctrlcache.Options{
		DefaultTransform: ctrlcache.TransformStripManagedFields(),
		ByObject: map[client.Object]ctrlcache.ByObject{
			&corev1.Service{}:               ourNamespace,
			&corev1.Namespace{}:             {Field: fields.OneTermEqualSelector("metadata.name", xccv1.WorkloadNamespace)},
			&discoveryv1.EndpointSlice{}:    {Field: inWorkloadNamespace, Transform: slices},
			&appsv1.Deployment{}:            ourNamespace,
			&corev1.ConfigMap{}:             onlyInWorkloadNamespace(xccv1.DNSConfigPatcherName),
			&coordinationv1.Lease{}:         onlyInWorkloadNamespace(xccv1.ProbeLeaseName),
			&corev1.ServiceAccount{}:        ourNamespace,
			&corev1.ResourceQuota{}:         ourNamespace,
			&networkingv1.NetworkPolicy{}:   ourNamespace,
			&policyv1.PodDisruptionBudget{}: ourNamespace,
			&rbacv1.Role{}:                  roles,
			&rbacv1.RoleBinding{}:           roles,
		},
	}
}

// inWorkloadNamespace selects the objects of the namespace. The reader lists only that namespace.
var inWorkloadNamespace = fields.OneTermEqualSelector("metadata.namespace", xccv1.WorkloadNamespace)

// onlyInWorkloadNamespace selects one object of the namespace.
func onlyInWorkloadNamespace(name string) ctrlcache.ByObject {
	return ctrlcache.ByObject{
		Field: fields.AndSelectors(inWorkloadNamespace, fields.OneTermEqualSelector(metav1.ObjectNameField, name)),
	}
}
