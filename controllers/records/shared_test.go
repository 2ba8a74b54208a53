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

package records_test

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/capability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// settings returns the annotation for failover on the slice of a name in the consumer.
func (c *consumer) settings(hostname string) func(Gomega) failover.Settings {
	return func(g Gomega) failover.Settings {
		slice := c.SliceOf(c.Cluster, hostname)
		g.Expect(slice).NotTo(BeNil())
		found, err := failover.Parse(slice.Annotations[xccv1.FailoverAnnotation])
		g.Expect(err).NotTo(HaveOccurred())
		return found
	}
}

// TestRanksAreWrittenOnceAllServersReadThem changes the labels and the spec that decide about ranks.
func TestRanksAreWrittenOnceAllServersReadThem(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	c := newConsumer(n)
	server := &server{consumer: c, pod: podThatTells("xcc-dns:new")}
	server.pod.Namespace, server.pod.Name, server.pod.Labels = xccv1.WorkloadNamespace, "dns-server-1", map[string]string{"app": "dns-server"}
	c.Expect(c.Create(ctx, server.pod)).To(Succeed())
	server.tell(string(capability.Targets))

	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.1")
	labels := fleet.HasGateway()
	labels["region"] = "eu"
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, labels)
	b := n.AddCluster("cluster-b", c.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service), func(g *xccv1.GatewayDNS) {
		g.Spec.Shared = &xccv1.SharedName{Name: "shop", Locality: &xccv1.SharedLocality{Labels: []string{"region"}}}
		g.Spec.HealthCheck = &xccv1.HealthCheck{Port: 443}
	})
	hostname := n.Hostname("cluster-a")

	t.Log("A dns-server of a former release would ignore them")
	n.Eventually(func(g Gomega) []xccv1.LaggingConsumer {
		found := &xccv1.GatewayDNS{}
		g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(gatewayDNS), found)).To(Succeed())
		g.Expect(found.Status.Consumers).NotTo(BeNil())
		return found.Status.Consumers.Lagging
	}).Should(ContainElement(And(HaveField("Cluster", "cluster-b"), HaveField("Reason", xccv1.LagOutdated))))
	n.Expect(c.settings(hostname)(n)).To(Equal(failover.Settings{}))

	t.Log("All dns-servers read them")
	server.tell(capability.All())
	check := &failover.HealthCheck{
		Protocol: failover.TCP, Port: 443, Interval: 10 * time.Second, Timeout: 2 * time.Second, FailureThreshold: 3, SuccessThreshold: 2,
	}
	share := func(rank uint32) failover.Settings {
		return failover.Settings{
			Shared: &failover.Share{Hostname: "*.shop." + n.Namespace + ".gateways." + fleet.Zone, Rank: rank, Weight: 1}, HealthCheck: check,
		}
	}
	n.Eventually(c.settings(hostname)).Should(Equal(share(5)))

	t.Log("The consuming cluster moves to the region of the gateway: one write")
	before := c.SliceOf(c.Cluster, hostname)
	n.Eventually(func(g Gomega) error {
		g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(b), b)).To(Succeed())
		b.Labels = map[string]string{"region": "eu"}
		return fleet.Management.Update(ctx, b)
	}).Should(Succeed())
	n.Eventually(c.settings(hostname)).Should(Equal(share(4)))
	n.Expect(c.SliceOf(c.Cluster, hostname).Generation).To(Equal(before.Generation), "only metadata changes")

	t.Log("An edit is undone")
	edited := c.SliceOf(c.Cluster, hostname)
	edited.Annotations[xccv1.FailoverAnnotation] = share(0).String()
	c.Expect(c.Update(ctx, edited)).To(Succeed())
	n.Eventually(c.settings(hostname)).Should(Equal(share(4)))

	t.Log("Without them, the annotation goes and the addresses stay")
	n.Eventually(func(g Gomega) error {
		g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(gatewayDNS), gatewayDNS)).To(Succeed())
		gatewayDNS.Spec.Shared, gatewayDNS.Spec.HealthCheck = nil, nil
		return fleet.Management.Update(ctx, gatewayDNS)
	}).Should(Succeed())
	n.Eventually(c.settings(hostname)).Should(Equal(failover.Settings{}))
	n.Expect(c.SliceOf(c.Cluster, hostname).Endpoints).To(Equal(before.Endpoints))
}
