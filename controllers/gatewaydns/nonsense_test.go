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
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// nonsense returns 247 kB of claims of Clusters that do not exist, as many as an API server accepts.
func nonsense() string {
	var entries strings.Builder
	for i := 0; entries.Len() < 247_000; i++ {
		fmt.Fprintf(&entries, `,"gateway.nonsense-%05d":"2026-01-01T00:00:00Z"`, i)
	}
	return "{" + entries.String()[1:] + "}"
}

// One tenant has 15 GatewayDNS with as many claims as the API server accepts, and changes some of them. What another tenant
// changes meanwhile is published; how soon is told and not asserted.
func TestNonsenseInTheClaimsOfOneTenantDelaysNoOther(t *testing.T) {
	t.Parallel()
	calm, attacker := newNeighbours(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.245")
	calm.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	calm.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	calm.AddGatewayDNS("gw", fleet.ServiceRef(service))
	calm.Eventually(fleet.Published(ctx, fleet.WorkloadB, calm.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.245"))

	attacker.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	claimed := func(g *xccv1.GatewayDNS) { g.Annotations = map[string]string{xccv1.ClaimsAnnotation: nonsense()} }
	var all []*xccv1.GatewayDNS
	for i := range 15 {
		all = append(all, attacker.AddGatewayDNS(fmt.Sprintf("nonsense-%02d", i), fleet.ServiceRef(service), claimed))
	}
	t.Cleanup(func() {
		// Left behind, they would be written once more each when the Cluster goes, while the next test runs.
		for _, gatewayDNS := range all {
			NewWithT(t).Expect(client.IgnoreNotFound(fleet.Management.Delete(context.Background(), gatewayDNS))).To(Succeed())
		}
	})
	publish := func(address string) {
		started := time.Now()
		fleet.SetAddresses(t, fleet.WorkloadA, service, address)
		calm.Eventually(fleet.Published(ctx, fleet.WorkloadB, calm.Hostname("cluster-a"))).WithPolling(time.Millisecond).Should(ConsistOf(address))
		t.Logf("Published after %s", time.Since(started))
	}
	publish("192.0.2.246")
	for _, gatewayDNS := range all[:10] {
		changed := gatewayDNS.DeepCopy()
		changed.Annotations[xccv1.ClaimsAnnotation] = strings.ReplaceAll(nonsense(), "2026", "2025")
		attacker.Expect(fleet.Management.Patch(ctx, changed, client.MergeFrom(gatewayDNS))).To(Succeed())
	}
	publish("192.0.2.247")

	t.Log("The one who wrote it is told")
	attacker.Eventually(attacker.Condition(all[0], xccv1.NamesClaimedCondition)).Should(HaveField("Reason", xccv1.TooManyClaimsReason))
	attacker.Eventually(attacker.Gateways("nonsense-00")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayResolved)))

	t.Log("What are no claims is dropped, once it is the turn of that GatewayDNS: all of the tenant's writes wait for each other")
	const turn = 3 * time.Minute
	garbage := all[1].DeepCopy()
	garbage.Annotations[xccv1.ClaimsAnnotation] = strings.Repeat("nonsense ", 27_000)
	attacker.Expect(fleet.Management.Patch(ctx, garbage, client.MergeFrom(all[1]))).To(Succeed())
	attacker.Eventually(attacker.claims(all[1])).WithTimeout(turn).WithPolling(time.Second).Should(HavePrefix(`{"gateway.cluster-a":`))
	attacker.Eventually(attacker.Condition(all[1], xccv1.NamesClaimedCondition)).WithTimeout(turn).WithPolling(time.Second).Should(HaveField("Reason", xccv1.NamesClaimedReason))
}
