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
)

// TestATenantStaysATenant gives somebody all rights in one namespace of the management cluster and in a workload cluster of
// it, and asserts that whatever is done there is published below that namespace's own name and in its own cluster, and that
// nothing of another namespace is created, changed or hidden.
func TestATenantStaysATenant(t *testing.T) {
	victim, attacker := newTenant(t), newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadA)
	ensureConsumer(t, workloadB)
	victimService := addService(t, workloadB, corev1.ServiceTypeLoadBalancer, "192.0.2.200")
	victim.addCluster("shop", workloadB.kubeconfig, hasGateway())
	victim.addGatewayDNS("gw", serviceRef(victimService))
	name := victim.hostname("shop")
	victim.Eventually(published(ctx, workloadB, name)).Should(ConsistOf("192.0.2.200"))
	victim.settled("gw", "1/1")
	slice := victim.sliceOf(workloadB, name)
	gatewayDNS := &xccv1.GatewayDNS{}
	victim.Expect(management.Get(ctx, client.ObjectKey{Namespace: victim.namespace, Name: "gw"}, gatewayDNS)).To(Succeed())

	t.Log("Clusters that are called, labelled and annotated like the other's")
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "198.51.100.1")
	for _, clusterName := range []string{"shop", "shop." + victim.namespace, "gateway.shop." + victim.namespace + ".clusters." + zone} {
		var kubeconfig []byte
		if len(clusterName) < 50 { // The label of a kubeconfig holds no longer name.
			kubeconfig = workloadA.kubeconfig
		}
		cluster := attacker.addCluster(clusterName, kubeconfig, map[string]string{
			"gateway": "true", xccv1.DNSClusterLabel: "shop", "kubernetes.io/metadata.name": victim.namespace,
		})
		original := cluster.DeepCopy()
		cluster.Annotations = map[string]string{
			xccv1.DNSHostnameAnnotation: name, xccv1.GatewayDNSRefAnnotation: victim.namespace + "/gw", xccv1.ClaimsAnnotation: name,
		}
		attacker.Expect(management.Patch(ctx, cluster, client.MergeFrom(original))).To(Succeed())
	}
	overridden := attacker.addCluster("overridden", workloadA.kubeconfig, hasGateway())
	attacker.annotate(overridden, xccv1.GatewayAddressesAnnotation, strings.TrimPrefix(name, "*."))

	t.Log("GatewayDNS with the other's names in whatever a user can write, the status included")
	for i, sub := range []string{"gateway", "shop", "clusters", victim.namespace} {
		evil := attacker.addGatewayDNS([]string{"gw", "two", "three", "four"}[i], serviceRef(service), subdomain(sub), func(g *xccv1.GatewayDNS) {
			g.Annotations = map[string]string{
				xccv1.DNSHostnameAnnotation: name, xccv1.GatewayDNSRefAnnotation: victim.namespace + "/gw",
				xccv1.ClaimsAnnotation: `{"gateway.shop":"1970-01-01T00:00:00Z","gateway.shop.` + victim.namespace + `":"1970-01-01T00:00:00Z"}`,
			}
		})
		forged := evil.DeepCopy()
		for _, clusterName := range []string{"shop", "shop." + victim.namespace, "none"} {
			forged.Status.Gateways = append(forged.Status.Gateways, xccv1.GatewayStatus{
				Cluster: clusterName, Hostname: name, State: xccv1.GatewayResolved, Addresses: []string{"203.0.113.66"}, LastTransitionTime: metav1.Now(),
			})
		}
		attacker.Expect(management.Status().Patch(ctx, forged, client.MergeFrom(evil))).To(Succeed())
	}

	t.Log("A workload cluster that reports the other's names, and slices there that claim to be the other's")
	setAddresses(t, workloadA, service, "198.51.100.1", strings.TrimPrefix(name, "*."), "gw."+zone)
	for sliceName, annotations := range map[string]map[string]string{
		slice.Name:       {xccv1.DNSHostnameAnnotation: name, xccv1.GatewayDNSRefAnnotation: victim.namespace + "/gw"},
		"no-such-gw":     {xccv1.DNSHostnameAnnotation: name, xccv1.GatewayDNSRefAnnotation: victim.namespace + "/none"},
		"of-gw":          {xccv1.DNSHostnameAnnotation: name, xccv1.GatewayDNSRefAnnotation: attacker.namespace + "/gw"},
		"of-gw-and-more": {xccv1.AdditionalHostnamesAnnotation: name, xccv1.GatewayDNSRefAnnotation: attacker.namespace + "/gw"},
	} {
		planted := newSlice(sliceName, annotations, "203.0.113.67")
		attacker.Expect(workloadA.Create(ctx, planted)).To(Succeed())
		t.Cleanup(func() { _ = workloadA.Delete(context.Background(), planted) })
	}

	t.Log("The attacker's gateways are published, below the attacker's own name and in the attacker's own cluster")
	attacker.Eventually(published(ctx, workloadA, attacker.hostname("shop"))).Should(ConsistOf("198.51.100.1"))
	attacker.Eventually(published(ctx, workloadA, attacker.hostname("shop."+victim.namespace))).Should(ConsistOf("198.51.100.1"))
	attacker.Eventually(attacker.gateways("gw")).Should(HaveKeyWithValue("overridden", HaveField("State", xccv1.GatewayInvalidOverride)))
	proof := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "198.51.100.9")
	attacker.addGatewayDNS("proof", serviceRef(proof), subdomain("proof"))
	attacker.Eventually(published(ctx, workloadA, attacker.named("proof", "shop"))).Should(ConsistOf("198.51.100.9"), "all of the above has been looked at")
	own := "." + attacker.namespace + ".clusters." + zone
	for _, workload := range []*cluster{workloadA, workloadB} {
		list := &discoveryv1.EndpointSliceList{}
		attacker.Expect(workload.List(ctx, list, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
		for _, held := range list.Items {
			ref, managed := held.Annotations[xccv1.GatewayDNSRefAnnotation], held.Labels[discoveryv1.LabelManagedBy] == xccv1.ManagedBy
			if !managed || !strings.HasPrefix(ref, attacker.namespace+"/") {
				continue
			}
			for _, published := range []string{held.Annotations[xccv1.DNSHostnameAnnotation], held.Annotations[xccv1.AdditionalHostnamesAnnotation]} {
				attacker.Expect(published).To(HaveSuffix(own), held.Name)
			}
			attacker.Expect(slices.ContainsFunc(held.Endpoints, func(e discoveryv1.Endpoint) bool {
				return strings.HasSuffix(e.Addresses[0], zone)
			})).To(BeFalse(), "an alias into the zone")
		}
	}

	t.Log("Nothing of the victim's has changed")
	victim.Expect(victim.sliceOf(workloadB, name)).To(Equal(slice))
	now := &xccv1.GatewayDNS{}
	victim.Expect(management.Get(ctx, client.ObjectKeyFromObject(gatewayDNS), now)).To(Succeed())
	victim.Expect(now.ResourceVersion).To(Equal(gatewayDNS.ResourceVersion))

	t.Log("What was planted in the name of a GatewayDNS that is not the cluster's own is neither believed nor judged")
	victim.Expect(workloadA.Get(ctx, client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: "no-such-gw"}, &discoveryv1.EndpointSlice{})).To(Succeed())
}
