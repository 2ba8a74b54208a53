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

package manager_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// TestATenantStaysATenant gives somebody all rights in one namespace of the management cluster and in a workload cluster of
// it, and asserts that whatever is done there is published below that namespace's own name and in its own cluster, and that
// nothing of another namespace is created, changed or hidden.
func TestATenantStaysATenant(t *testing.T) {
	t.Parallel()
	victim, attacker := newNeighbours(t)
	workloadA := attacker.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, workloadA)
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	victimService := fleet.AddService(t, fleet.WorkloadB, corev1.ServiceTypeLoadBalancer, "192.0.2.200")
	victim.AddCluster("shop", fleet.WorkloadB.Kubeconfig, fleet.HasGateway())
	victim.AddGatewayDNS("gw", fleet.ServiceRef(victimService))
	name := victim.Hostname("shop")
	victim.Eventually(fleet.Published(ctx, fleet.WorkloadB, name)).Should(ConsistOf("192.0.2.200"))
	victim.Settled("gw", "1/1")
	slice := victim.SliceOf(fleet.WorkloadB, name)
	gatewayDNS := &xccv1.GatewayDNS{}
	victim.Expect(fleet.Management.Get(ctx, client.ObjectKey{Namespace: victim.Namespace, Name: "gw"}, gatewayDNS)).To(Succeed())

	t.Log("Clusters that are called, labelled and annotated like the other's")
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "198.51.100.1")
	for _, clusterName := range []string{"shop", "shop." + victim.Namespace, "gateway.shop." + victim.Namespace + ".clusters." + fleet.Zone} {
		var kubeconfig []byte
		if len(clusterName) < 50 { // The label of a kubeconfig holds no longer name.
			kubeconfig = workloadA.Kubeconfig
		}
		cluster := attacker.AddCluster(clusterName, kubeconfig, map[string]string{
			"gateway": "true", xccv1.DNSClusterLabel: "shop", "kubernetes.io/metadata.name": victim.Namespace,
		})
		original := cluster.DeepCopy()
		cluster.Annotations = map[string]string{
			xccv1.DNSHostnameAnnotation: name, xccv1.GatewayDNSRefAnnotation: victim.Namespace + "/gw", xccv1.ClaimsAnnotation: name,
		}
		attacker.Expect(fleet.Management.Patch(ctx, cluster, client.MergeFrom(original))).To(Succeed())
	}
	overridden := attacker.AddCluster("overridden", workloadA.Kubeconfig, fleet.HasGateway())
	attacker.Annotate(overridden, xccv1.GatewayAddressesAnnotation, strings.TrimPrefix(name, "*."))

	t.Log("GatewayDNS with the other's names in whatever a user can write, the status included")
	for i, sub := range []string{"gateway", "shop", "clusters", victim.Namespace} {
		evil := attacker.AddGatewayDNS([]string{"gw", "two", "three", "four"}[i], fleet.ServiceRef(service), fleet.Subdomain(sub), func(g *xccv1.GatewayDNS) {
			g.Annotations = map[string]string{
				xccv1.DNSHostnameAnnotation: name, xccv1.GatewayDNSRefAnnotation: victim.Namespace + "/gw",
				xccv1.ClaimsAnnotation: `{"gateway.shop":"1970-01-01T00:00:00Z","gateway.shop.` + victim.Namespace + `":"1970-01-01T00:00:00Z"}`,
			}
		})
		forged := evil.DeepCopy()
		for _, clusterName := range []string{"shop", "shop." + victim.Namespace, "none"} {
			forged.Status.Gateways = append(forged.Status.Gateways, xccv1.GatewayStatus{
				Cluster: clusterName, Hostname: name, State: xccv1.GatewayResolved, Addresses: []string{"203.0.113.66"}, LastTransitionTime: metav1.Now(),
			})
		}
		attacker.Expect(fleet.Management.Status().Patch(ctx, forged, client.MergeFrom(evil))).To(Succeed())
	}

	t.Log("A workload cluster that reports the other's names, and slices there that claim to be the other's")
	fleet.SetAddresses(t, workloadA, service, "198.51.100.1", strings.TrimPrefix(name, "*."), "gw."+fleet.Zone)
	for sliceName, annotations := range map[string]map[string]string{
		slice.Name:       {xccv1.DNSHostnameAnnotation: name, xccv1.GatewayDNSRefAnnotation: victim.Namespace + "/gw"},
		"no-such-gw":     {xccv1.DNSHostnameAnnotation: name, xccv1.GatewayDNSRefAnnotation: victim.Namespace + "/none"},
		"of-gw":          {xccv1.DNSHostnameAnnotation: name, xccv1.GatewayDNSRefAnnotation: attacker.Namespace + "/gw"},
		"of-gw-and-more": {xccv1.AdditionalHostnamesAnnotation: name, xccv1.GatewayDNSRefAnnotation: attacker.Namespace + "/gw"},
	} {
		planted := fleet.NewSlice(sliceName, annotations, "203.0.113.67")
		attacker.Expect(workloadA.Create(ctx, planted)).To(Succeed())
		t.Cleanup(func() { _ = workloadA.Delete(context.Background(), planted) })
	}

	t.Log("The attacker's gateways are published, below the attacker's own name and in the attacker's own cluster")
	attacker.Eventually(fleet.Published(ctx, workloadA, attacker.Hostname("shop"))).Should(ConsistOf("198.51.100.1"))
	attacker.Eventually(fleet.Published(ctx, workloadA, attacker.Hostname("shop."+victim.Namespace))).Should(ConsistOf("198.51.100.1"))
	attacker.Eventually(attacker.Gateways("gw")).Should(HaveKeyWithValue("overridden", HaveField("State", xccv1.GatewayInvalidOverride)))
	proof := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "198.51.100.9")
	attacker.AddGatewayDNS("proof", fleet.ServiceRef(proof), fleet.Subdomain("proof"))
	attacker.Eventually(fleet.Published(ctx, workloadA, attacker.Named("proof", "shop"))).Should(ConsistOf("198.51.100.9"), "all of the above has been looked at")
	own := "." + attacker.Namespace + ".clusters." + fleet.Zone
	for _, workload := range []*fleet.Cluster{workloadA, fleet.WorkloadB} {
		list := &discoveryv1.EndpointSliceList{}
		attacker.Expect(workload.List(ctx, list, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
		for _, held := range list.Items {
			ref, managed := held.Annotations[xccv1.GatewayDNSRefAnnotation], held.Labels[discoveryv1.LabelManagedBy] == xccv1.ManagedBy
			if !managed || !strings.HasPrefix(ref, attacker.Namespace+"/") {
				continue
			}
			for _, published := range []string{held.Annotations[xccv1.DNSHostnameAnnotation], held.Annotations[xccv1.AdditionalHostnamesAnnotation]} {
				attacker.Expect(published).To(HaveSuffix(own), held.Name)
			}
			attacker.Expect(slices.ContainsFunc(held.Endpoints, func(e discoveryv1.Endpoint) bool {
				return strings.HasSuffix(e.Addresses[0], fleet.Zone)
			})).To(BeFalse(), "an alias into the zone")
		}
	}

	t.Log("Nothing of the victim's has changed")
	victim.Expect(victim.SliceOf(fleet.WorkloadB, name)).To(Equal(slice))
	now := &xccv1.GatewayDNS{}
	victim.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(gatewayDNS), now)).To(Succeed())
	victim.Expect(now.ResourceVersion).To(Equal(gatewayDNS.ResourceVersion))

	t.Log("What was planted in the name of a GatewayDNS that is not the cluster's own is neither believed nor judged")
	victim.Expect(workloadA.Get(ctx, client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: "no-such-gw"}, &discoveryv1.EndpointSlice{})).To(Succeed())
}
