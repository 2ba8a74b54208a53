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
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// EnsureConsumer gives a workload cluster the namespace by which it consumes. One that the add-on brought for an earlier test would
// not count.
func EnsureConsumer(t *testing.T, workload *Cluster) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(workload).NotTo(BeIdenticalTo(WorkloadA), "tests count the consumers")
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: xccv1.WorkloadNamespace}}
	g.Expect(client.IgnoreAlreadyExists(workload.Create(t.Context(), namespace))).To(Succeed())
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:null}}}`, xccv1.PayloadAnnotation)
	g.Expect(workload.Patch(t.Context(), namespace, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
}

// Published returns the addresses that a workload cluster holds for a name.
func Published(ctx context.Context, workload *Cluster, hostname string) func(Gomega) []string {
	return func(g Gomega) []string {
		slices := &discoveryv1.EndpointSliceList{}
		g.Expect(workload.List(ctx, slices, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
		var addresses []string
		for _, slice := range slices.Items {
			if slice.Annotations[xccv1.DNSHostnameAnnotation] != hostname {
				continue
			}
			for _, endpoint := range slice.Endpoints {
				addresses = append(addresses, endpoint.Addresses...)
			}
		}
		return addresses
	}
}

// SliceOf returns the one slice of a workload cluster that has the name.
func (n *Tenant) SliceOf(workload *Cluster, hostname string) *discoveryv1.EndpointSlice {
	n.T.Helper()
	slices := &discoveryv1.EndpointSliceList{}
	n.Expect(workload.List(n.T.Context(), slices, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
	var found []discoveryv1.EndpointSlice
	for _, slice := range slices.Items {
		if slice.Annotations[xccv1.DNSHostnameAnnotation] == hostname {
			found = append(found, slice)
		}
	}
	n.Expect(found).To(HaveLen(1))
	return &found[0]
}

// NewSlice returns an EndpointSlice of the namespace xcc-dns with one address.
func NewSlice(name string, annotations map[string]string, address string) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: name, Annotations: annotations},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{address}}},
	}
}

// ProveProgress returns when the manager has published another gateway of the tenant, from WorkloadA to WorkloadB.
func (n *Tenant) ProveProgress(name, address string) {
	n.T.Helper()
	n.ProveProgressFrom(WorkloadA, name, address)
}

// ProveProgressFrom returns when the manager has published another gateway of the tenant, from the workload cluster to WorkloadB.
func (n *Tenant) ProveProgressFrom(workload *Cluster, name, address string) {
	n.T.Helper()
	service := AddService(n.T, workload, corev1.ServiceTypeLoadBalancer, address)
	n.AddCluster("prove-"+name, workload.Kubeconfig, map[string]string{"prove": name})
	n.AddGatewayDNS("prove-"+name, ServiceRef(service), func(g *xccv1.GatewayDNS) {
		g.Spec.ClusterSelector.MatchLabels = map[string]string{"prove": name}
	})
	n.Eventually(Published(n.T.Context(), WorkloadB, n.Hostname("prove-"+name))).Should(ConsistOf(address))
}
