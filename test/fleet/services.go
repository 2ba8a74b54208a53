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

package fleet

import (
	"context"
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AddService creates a Service with the given load balancer addresses, in a namespace of its own, for the time of the test.
func AddService(t *testing.T, workload *Cluster, serviceType corev1.ServiceType, addresses ...string) *corev1.Service {
	t.Helper()
	g := NewWithT(t)
	g.Expect(startShared()).To(Succeed())
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "gateway-"}}
	g.Expect(workload.Create(t.Context(), namespace)).To(Succeed())
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "envoy"},
		Spec:       corev1.ServiceSpec{Type: serviceType, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	g.Expect(workload.Create(t.Context(), service)).To(Succeed())
	created := service.DeepCopy()
	// Left behind, it would keep one of the few addresses for Services.
	t.Cleanup(func() { _ = workload.Delete(context.Background(), created) })
	if len(addresses) > 0 {
		SetAddresses(t, workload, service, addresses...)
	}
	return service
}

// SetAddresses sets the load balancer addresses of a Service.
func SetAddresses(t *testing.T, workload *Cluster, service *corev1.Service, addresses ...string) {
	t.Helper()
	service.Status.LoadBalancer.Ingress = nil
	for _, address := range addresses {
		service.Status.LoadBalancer.Ingress = append(service.Status.LoadBalancer.Ingress, ingress(address))
	}
	NewWithT(t).Expect(workload.Status().Update(t.Context(), service)).To(Succeed())
}

func ingress(address string) corev1.LoadBalancerIngress {
	if _, err := netip.ParseAddr(address); err == nil {
		return corev1.LoadBalancerIngress{IP: address}
	}
	return corev1.LoadBalancerIngress{Hostname: address}
}

// ServiceRef returns a Service as spec.service of a GatewayDNS names it.
func ServiceRef(service *corev1.Service) string { return service.Namespace + "/" + service.Name }
