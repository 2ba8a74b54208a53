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
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// TestAClusterWhoseAPIServerGoesAwayIsUnreachableSinceItAnsweredLast takes as long as clustercache's probes, which give a cluster
// up after five failures, 10 seconds apart.
func TestAClusterWhoseAPIServerGoesAwayIsUnreachableSinceItAnsweredLast(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	const long = 2 * time.Minute
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	server := fleet.NewFront(t, fleet.WorkloadA, "token")
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.245")
	n.AddCluster("cluster-a", server.Kubeconfig(n, "token"), fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	hostname := n.Hostname("cluster-a")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.245"))
	before := n.SliceOf(fleet.WorkloadB, hostname)
	started := time.Now()

	server.Leave()
	left := time.Now()
	n.Eventually(n.Gateways("gw")).WithTimeout(long).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayUnreachable), HaveField("Addresses", []string{"192.0.2.245"}),
		HaveField("Message", ContainSubstring("check its kubeconfig Secret cluster-a-kubeconfig and that its API server answers")),
		HaveField("UnreachableSince", Not(BeNil())),
	)))
	since := n.Gateways("gw")(n)["cluster-a"].UnreachableSince
	// The last probe was answered within its interval before, and a status has whole seconds.
	n.Expect(since.Time).To(And(BeTemporally(">", started.Add(-20*time.Second)), BeTemporally("<=", left)))
	n.Eventually(n.Condition(gatewayDNS, xccv1.ReadyCondition)).Should(And(
		HaveField("Status", metav1.ConditionUnknown), HaveField("Message", ContainSubstring("cluster-a: Unreachable")),
	))
	n.ProveProgress("unreachable", "192.0.2.246")
	n.Expect(n.Gateways("gw")(n)["cluster-a"].UnreachableSince).To(Equal(since))
	n.Expect(n.SliceOf(fleet.WorkloadB, hostname)).To(Equal(before))

	server.ComeBack()
	n.Eventually(n.Gateways("gw")).WithTimeout(long).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayResolved), HaveField("UnreachableSince", BeNil()),
	)))
	n.Expect(n.SliceOf(fleet.WorkloadB, hostname)).To(Equal(before))
}
