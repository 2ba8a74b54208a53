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

package cloud

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestPoolAssignsRoundRobinAndSkipsUsedAddresses(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	p := &pool{addresses: []string{"a", "b", "c"}}
	var given []string
	for _, used := range []map[string]bool{{}, {}, {"c": true}, {}} {
		address, ok := p.next(used)
		g.Expect(ok).To(BeTrue())
		given = append(given, address)
	}
	g.Expect(given).To(Equal([]string{"a", "b", "a", "b"}))

	_, ok := p.next(map[string]bool{"a": true, "b": true, "c": true})
	g.Expect(ok).To(BeFalse())
}

func TestOnlyPendingServicesGetAnAddress(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		service func(*corev1.Service)
		want    []corev1.LoadBalancerIngress
	}{
		{
			name:    "a new load balancer gets the first free address",
			service: func(*corev1.Service) {},
			want:    []corev1.LoadBalancerIngress{{IP: "198.18.0.22"}},
		},
		{
			name: "one of both families gets an address of each",
			service: func(s *corev1.Service) {
				s.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol, corev1.IPv4Protocol}
			},
			want: []corev1.LoadBalancerIngress{{IP: "2001:2::21"}, {IP: "198.18.0.22"}},
		},
		{
			name:    "a Service of another type gets none",
			service: func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeNodePort },
		},
		{
			name:    "a Service of another provider gets none",
			service: func(s *corev1.Service) { s.Spec.LoadBalancerClass = new("example.com/nobody") },
		},
		{
			name: "what a test wrote is kept",
			service: func(s *corev1.Service) {
				s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "lb.example.com"}}
			},
			want: []corev1.LoadBalancerIngress{{Hostname: "lb.example.com"}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			holder := loadBalancer("holder")
			holder.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "198.18.0.21"}}
			service := loadBalancer("envoy")
			tc.service(service)
			client := fake.NewClientset(holder, service)
			p := newProvider(client, []string{"198.18.0.21", "2001:2::21", "198.18.0.22"})

			g.Expect(p.reconcile(t.Context())).To(Succeed())

			got, err := client.CoreV1().Services("shop").Get(t.Context(), "envoy", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got.Status.LoadBalancer.Ingress).To(Equal(tc.want))
		})
	}
}

func loadBalancer(name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
	}
}
