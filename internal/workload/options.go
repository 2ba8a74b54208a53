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
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// CacheOptions restricts the caches of workload clusters to what is used: Services of all types, so that a wrong type
// can be told from a missing Service, cut down to what decides a gateway's addresses; and of the namespace xcc-dns, the
// namespace itself and its EndpointSlices.
func CacheOptions() clustercache.CacheOptions {
	return clustercache.CacheOptions{
		DefaultTransform: ctrlcache.TransformStripManagedFields(),
		ByObject: map[client.Object]ctrlcache.ByObject{
			&corev1.Service{}:            {Transform: trimService},
			&corev1.Namespace{}:          {Field: fields.OneTermEqualSelector("metadata.name", xccv1.WorkloadNamespace)},
			&discoveryv1.EndpointSlice{}: {Namespaces: map[string]ctrlcache.Config{xccv1.WorkloadNamespace: {}}},
		},
	}
}

// trimService keeps the name, the type and the load balancer's addresses of a Service.
func trimService(in any) (any, error) {
	service, ok := in.(*corev1.Service)
	if !ok {
		return in, nil
	}
	return &corev1.Service{
		TypeMeta: service.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       service.Namespace,
			Name:            service.Name,
			UID:             service.UID,
			ResourceVersion: service.ResourceVersion,
		},
		Spec:   corev1.ServiceSpec{Type: service.Spec.Type},
		Status: corev1.ServiceStatus{LoadBalancer: service.Status.LoadBalancer},
	}, nil
}
