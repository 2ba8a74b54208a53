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

package records

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

const zone = "xcc.test"

// live is a management cluster's API server that has one GatewayDNS and one Cluster.
type live struct {
	client.Reader
	gatewayDNS xccv1.GatewayDNS
	cluster    clusterv1.Cluster
}

func (l live) Get(_ context.Context, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	switch object := object.(type) {
	case *xccv1.GatewayDNS:
		l.gatewayDNS.DeepCopyInto(object)
	case *clusterv1.Cluster:
		l.cluster.DeepCopyInto(object)
	}
	return nil
}

// The status was written after the cache was read. What the old project published has to stay until ours is there.
func TestAStatusThatIsNewerThanTheCacheDeletesNothing(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	name := "*.gateway.a.dev.clusters." + zone
	old := discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: "dev-a-gateway", Annotations: map[string]string{
			xccv1.DNSHostnameAnnotation: name, xccv1.GatewayDNSRefAnnotation: "dev/gw",
		}},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}}},
	}
	cached := xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "gw"}}
	now := cached
	now.Status.Gateways = []xccv1.GatewayStatus{{Cluster: "a", Hostname: name, State: xccv1.GatewayResolved, Addresses: []string{"192.0.2.1"}}}
	server := live{gatewayDNS: now, cluster: clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "a"}}}

	orphaned := func(visible xccv1.GatewayDNS, held ...discoveryv1.EndpointSlice) bool {
		seen := []xccv1.GatewayDNS{visible}
		changes := plan.Compute(zone, seen, held, plan.ReadersUnknown)
		g.Expect(changes.Candidates).To(HaveLen(1))
		facts := facts{reader: server, namespace: "dev", zone: zone, seen: seen}
		result, err := facts.orphaned(t.Context(), changes.Candidates[0])
		g.Expect(err).NotTo(HaveOccurred())
		return result
	}
	g.Expect(orphaned(cached, old)).To(BeFalse(), "ours does not exist")
	ours := plan.Compute(zone, []xccv1.GatewayDNS{now}, nil, plan.ReadersUnknown).Create[0]
	g.Expect(orphaned(now, old, *ours)).To(BeTrue(), "ours exists")
}
