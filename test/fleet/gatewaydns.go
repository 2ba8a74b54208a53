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
	"fmt"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// HasGateway is the label of Clusters that AddGatewayDNS selects.
func HasGateway() map[string]string { return map[string]string{"gateway": "true"} }

// AddGatewayDNS creates a GatewayDNS that selects the Clusters labelled gateway=true.
func (n *Tenant) AddGatewayDNS(name, service string, changes ...func(*xccv1.GatewayDNS)) *xccv1.GatewayDNS {
	n.T.Helper()
	gatewayDNS := &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: name},
		Spec: xccv1.GatewayDNSSpec{
			ClusterSelector: metav1.LabelSelector{MatchLabels: HasGateway()},
			Service:         service,
		},
	}
	for _, change := range changes {
		change(gatewayDNS)
	}
	n.Expect(Management.Create(n.T.Context(), gatewayDNS)).To(Succeed())
	return gatewayDNS
}

// Subdomain gives a GatewayDNS a subdomain.
func Subdomain(name string) func(*xccv1.GatewayDNS) {
	return func(g *xccv1.GatewayDNS) { g.Spec.Subdomain = name }
}

// Hostname is the name of a Cluster's gateway.
func (n *Tenant) Hostname(clusterName string) string { return n.Named("gateway", clusterName) }

// Named is the name of a Cluster's gateway with a subdomain.
func (n *Tenant) Named(subdomain, clusterName string) string {
	return fmt.Sprintf("*.%s.%s.%s.clusters.%s", subdomain, clusterName, n.Namespace, Zone)
}

// Gateways returns the gateways in the status of a GatewayDNS, by Cluster.
func (n *Tenant) Gateways(name string) func(Gomega) map[string]xccv1.GatewayStatus {
	return func(g Gomega) map[string]xccv1.GatewayStatus {
		gatewayDNS := &xccv1.GatewayDNS{}
		g.Expect(Management.Get(n.T.Context(), client.ObjectKey{Namespace: n.Namespace, Name: name}, gatewayDNS)).To(Succeed())
		byCluster := map[string]xccv1.GatewayStatus{}
		for _, gateway := range gatewayDNS.Status.Gateways {
			byCluster[gateway.Cluster] = gateway
		}
		return byCluster
	}
}

// Condition returns a condition of a GatewayDNS, or an empty one.
func (n *Tenant) Condition(gatewayDNS *xccv1.GatewayDNS, conditionType string) func(Gomega) metav1.Condition {
	return func(g Gomega) metav1.Condition {
		current := &xccv1.GatewayDNS{}
		g.Expect(Management.Get(n.T.Context(), client.ObjectKeyFromObject(gatewayDNS), current)).To(Succeed())
		return ptr.Deref(meta.FindStatusCondition(current.Status.Conditions, conditionType), metav1.Condition{})
	}
}
