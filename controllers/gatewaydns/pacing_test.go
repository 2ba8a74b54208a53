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

package gatewaydns_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

func TestAFlappingGatewayDelaysItsOwnClusterAlone(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.1")
	calm := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: service.Namespace, Name: service.Name}, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}},
	}}
	n.Expect(fleet.WorkloadB.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: service.Namespace}})).To(Succeed())
	n.Expect(fleet.WorkloadB.Create(ctx, calm)).To(Succeed())
	fleet.SetAddresses(t, fleet.WorkloadB, calm, "198.51.100.1")
	n.AddCluster("flapping", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("calm", fleet.WorkloadB.Kubeconfig, fleet.HasGateway())
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	addresses := func(cluster string) func(Gomega) []string {
		return func(g Gomega) []string { return n.Gateways("gw")(g)[cluster].Addresses }
	}
	n.Eventually(addresses("flapping")).Should(Equal([]string{"192.0.2.1"}))
	n.Eventually(addresses("calm")).Should(Equal([]string{"198.51.100.1"}))

	statuses := func() int { return len(n.Requests.Matching(n.Namespace+"/gatewaydns/gw/status", fleet.Writes...)) }
	consumers := func() int {
		return len(n.Requests.Matching(n.Namespace+"/gatewaydns/gw/status"+fleet.ByConsumers, fleet.Writes...))
	}
	before, beforeByConsumers := statuses(), consumers()
	calmChanges := 0
	var last []string
	allowed := fleet.Flood(20*time.Second, func(number int) {
		last = []string{"192.0.2.1", fmt.Sprintf("192.0.2.%d", 2+number%50)}
		if number%2 == 0 {
			last = last[:1]
		}
		fleet.SetAddresses(t, fleet.WorkloadA, service, last...)
		if number%50 != 0 {
			return
		}
		calmChanges++
		changed := fmt.Sprintf("198.51.100.%d", 1+calmChanges)
		fleet.SetAddresses(t, fleet.WorkloadB, calm, changed)
		n.Eventually(addresses("calm")).WithPolling(20*time.Millisecond).Should(Equal([]string{changed}), "another cluster's change is not delayed")
	})
	n.Expect(calmChanges).To(BeNumerically(">", 0))
	written := statuses() - before - (consumers() - beforeByConsumers)
	// Withdrawals have tokens of their own, and a token for changes in quick succession can be two writes.
	n.Expect(written).To(BeNumerically("<=", 2*allowed+calmChanges+20))

	t.Log("What was delayed is not lost")
	n.Eventually(addresses("flapping")).Should(Equal(last))
}
