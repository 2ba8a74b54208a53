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
	"net/http"
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

func isIP(address string) bool {
	_, err := netip.ParseAddr(address)
	return err == nil
}

func TestAGatewayIsPublishedFollowedAndWithdrawn(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadA)
	ensureConsumer(t, workloadB)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.1")
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	gatewayDNS := n.addGatewayDNS("gw", serviceRef(service))
	hostname := n.hostname("cluster-a")

	for _, consumer := range []*cluster{workloadA, workloadB} {
		n.Eventually(published(ctx, consumer, hostname)).Should(ConsistOf("192.0.2.1"))
	}
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayResolved), HaveField("Hostname", hostname), HaveField("Addresses", []string{"192.0.2.1"}),
	)))
	n.Eventually(n.condition(gatewayDNS, xccv1.ReadyCondition)).Should(HaveField("Status", metav1.ConditionTrue))

	t.Log("IPv4, IPv6 and host names, each in a slice of its type")
	setAddresses(t, workloadA, service, "192.0.2.2", "2001:db8::2", "lb.example.com", "192.0.2.2")
	n.Eventually(published(ctx, workloadB, hostname)).Should(ConsistOf("192.0.2.2", "2001:db8::2", "lb.example.com"))
	setAddresses(t, workloadA, service, "192.0.2.3")
	n.Eventually(published(ctx, workloadB, hostname)).Should(ConsistOf("192.0.2.3"))

	t.Log("A Service that goes takes its records with it, and brings them back")
	n.Expect(workloadA.Delete(ctx, service)).To(Succeed())
	n.Eventually(published(ctx, workloadB, hostname)).Should(BeEmpty())
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayServiceNotFound)))
	service.ResourceVersion, service.UID, service.Spec.ClusterIP, service.Spec.ClusterIPs = "", "", "", nil
	n.Expect(workloadA.Create(ctx, service)).To(Succeed())
	setAddresses(t, workloadA, service, "192.0.2.4")
	n.Eventually(published(ctx, workloadB, hostname)).Should(ConsistOf("192.0.2.4"))

	t.Log("So does the GatewayDNS, after the API server was asked for it, not the cache")
	path := "/namespaces/" + n.namespace + "/gatewaydns/gw"
	n.Expect(requests.matching(path+"/status", writes...)).NotTo(BeEmpty(), "requests are recorded")
	asked := len(requests.matching(path, http.MethodGet))
	n.Expect(management.Delete(ctx, gatewayDNS)).To(Succeed())
	for _, consumer := range []*cluster{workloadA, workloadB} {
		n.Eventually(published(ctx, consumer, hostname)).Should(BeEmpty())
	}
	n.Expect(len(requests.matching(path, http.MethodGet))).To(BeNumerically(">", asked))
}

func TestAClusterThatIsNoLongerSelectedOrIsDeletedLosesItsName(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.10")
	unselected := n.addCluster("unselected", workloadA.kubeconfig, hasGateway())
	deleted := n.addCluster("deleted", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(published(ctx, workloadB, n.hostname("unselected"))).Should(ConsistOf("192.0.2.10"))
	n.Eventually(published(ctx, workloadB, n.hostname("deleted"))).Should(ConsistOf("192.0.2.10"))

	original := unselected.DeepCopy()
	unselected.Labels = nil
	n.Expect(management.Patch(ctx, unselected, client.MergeFrom(original))).To(Succeed())
	n.Eventually(published(ctx, workloadB, n.hostname("unselected"))).Should(BeEmpty())
	n.Expect(management.Delete(ctx, deleted)).To(Succeed())
	n.Eventually(published(ctx, workloadB, n.hostname("deleted"))).Should(BeEmpty())
}

func TestEditsOfOurSlicesAreUndoneAndOthersAreLeftAlone(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.20")
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	hostname := n.hostname("cluster-a")
	byHand := newSlice("by-hand-"+n.namespace, map[string]string{xccv1.DNSHostnameAnnotation: "by-hand." + n.namespace + "." + zone}, "198.51.100.1")
	n.Expect(workloadB.Create(ctx, byHand)).To(Succeed())
	n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(published(ctx, workloadB, hostname)).Should(ConsistOf("192.0.2.20"))

	slice := n.sliceOf(workloadB, hostname)
	n.Expect(slice.Labels).To(And(
		HaveKeyWithValue(discoveryv1.LabelManagedBy, xccv1.ManagedBy), HaveKey(corev1.IsHeadlessService), HaveKey(discoveryv1.LabelServiceName),
	))
	n.Expect(slice.Annotations).To(HaveKeyWithValue(xccv1.GatewayDNSRefAnnotation, n.namespace+"/gw"))

	t.Log("An edited address, a removed annotation and a deleted slice come back")
	slice.Endpoints[0].Addresses = []string{"203.0.113.66"}
	n.Expect(workloadB.Update(ctx, slice)).To(Succeed())
	n.Eventually(published(ctx, workloadB, hostname)).Should(ConsistOf("192.0.2.20"))
	slice = n.sliceOf(workloadB, hostname)
	slice.Annotations = nil
	n.Expect(workloadB.Update(ctx, slice)).To(Succeed())
	n.Eventually(published(ctx, workloadB, hostname)).Should(ConsistOf("192.0.2.20"))
	n.Expect(workloadB.Delete(ctx, n.sliceOf(workloadB, hostname))).To(Succeed())
	n.Eventually(published(ctx, workloadB, hostname)).Should(ConsistOf("192.0.2.20"))

	before := byHand.ResourceVersion
	n.Expect(workloadB.Get(ctx, client.ObjectKeyFromObject(byHand), byHand)).To(Succeed())
	n.Expect(byHand.ResourceVersion).To(Equal(before))
}

// A manager that has just received everything by a move knows nothing of a gateway: its status is empty. What consumers
// hold stays until there is a positive fact, also what the old project wrote under its own names.
func TestWhatIsNotKnownIsNotDeleted(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	ref := map[string]string{xccv1.DNSHostnameAnnotation: n.hostname("far"), xccv1.GatewayDNSRefAnnotation: n.namespace + "/gw"}
	old := newSlice(n.namespace+"-far-gateway", ref, "192.0.2.30")
	orphan := newSlice(n.namespace+"-orphan", map[string]string{
		xccv1.DNSHostnameAnnotation: n.hostname("gone"), xccv1.GatewayDNSRefAnnotation: n.namespace + "/gone",
	}, "192.0.2.31")
	for _, slice := range []*discoveryv1.EndpointSlice{old, orphan} {
		n.Expect(workloadB.Create(ctx, slice)).To(Succeed())
	}
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.32")
	n.addCluster("far", nil, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	gatewayDNS := n.addGatewayDNS("gw", serviceRef(service))

	t.Log("The slice of a GatewayDNS that does not exist goes; that of a cluster that cannot be asked stays")
	n.Eventually(published(ctx, workloadB, n.hostname("gone"))).Should(BeEmpty())
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue("far", And(
		HaveField("State", xccv1.GatewayUnknown), HaveField("Addresses", BeEmpty()),
	)))
	n.addCluster("near", workloadA.kubeconfig, hasGateway())
	n.Eventually(published(ctx, workloadB, n.hostname("near"))).Should(ConsistOf("192.0.2.32"))
	n.Expect(published(ctx, workloadB, n.hostname("far"))(n)).To(ConsistOf("192.0.2.30"))

	t.Log("A GatewayDNS that goes is a positive fact")
	n.Expect(management.Delete(ctx, gatewayDNS)).To(Succeed())
	n.Eventually(published(ctx, workloadB, n.hostname("far"))).Should(BeEmpty())
}

func TestASliceOfTheOldProjectIsReplacedWithoutAGap(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	hostname := n.hostname("cluster-a")
	old := newSlice(n.namespace+"-cluster-a-gateway", map[string]string{
		xccv1.DNSHostnameAnnotation: hostname, xccv1.GatewayDNSRefAnnotation: n.namespace + "/gw",
	}, "192.0.2.40")
	n.Expect(workloadB.Create(ctx, old)).To(Succeed())
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.40")
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(func(g Gomega) error {
		if len(published(ctx, workloadB, hostname)(g)) == 0 {
			StopTrying("the name has no address").Now()
		}
		return workloadB.Get(ctx, client.ObjectKeyFromObject(old), old.DeepCopy())
	}).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	n.Expect(n.sliceOf(workloadB, hostname).Labels).To(HaveKeyWithValue(discoveryv1.LabelManagedBy, xccv1.ManagedBy))
}

// record returns the slice that holds an address of the gateway of a GatewayDNS, as the manager is to write it.
func (n *tenant) record(gatewayDNS, clusterName, address string) *discoveryv1.EndpointSlice {
	return plan.Compute(zone, []xccv1.GatewayDNS{{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: gatewayDNS},
		Status: xccv1.GatewayDNSStatus{Gateways: []xccv1.GatewayStatus{{
			Cluster: clusterName, Hostname: n.hostname(clusterName), State: xccv1.GatewayResolved, Addresses: []string{address},
		}}},
	}}, nil, plan.ReadersUnknown).Create[0]
}

func TestASliceOfOursThatWasMadeAnewWithAnotherAddressTypeIsReplaced(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadA)
	ensureConsumer(t, workloadB)
	retyped := n.record("gw", "cluster-a", "192.0.2.45")
	retyped.AddressType, retyped.Endpoints[0].Addresses = discoveryv1.AddressTypeIPv6, []string{"2001:db8::66"}
	n.Expect(workloadB.Create(ctx, retyped)).To(Succeed())
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.45")
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("192.0.2.45"))
	n.settled("gw", "2/2")
}

func TestANameThatSomebodyElsesSliceHasIsReported(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadA)
	ensureConsumer(t, workloadB)
	name := n.record("gw", "cluster-a", "192.0.2.46").Name
	byHand := newSlice(name, map[string]string{xccv1.DNSHostnameAnnotation: "by-hand." + n.namespace + "." + zone}, "198.51.100.1")
	n.Expect(workloadB.Create(ctx, byHand)).To(Succeed())
	before := byHand.ResourceVersion
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.46")
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	gatewayDNS := n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(n.consumers("gw")).Should(Equal("1/2, cluster-b: NameTaken"))
	n.Expect(n.condition(gatewayDNS, xccv1.ConsumersCurrentCondition)(n).Message).To(ContainSubstring("EndpointSlice xcc-dns/" + name + " that is not the manager's: delete it"))
	n.Expect(workloadB.Get(ctx, client.ObjectKeyFromObject(byHand), byHand)).To(Succeed())
	n.Expect(byHand.ResourceVersion).To(Equal(before))

	t.Log("It is gone, and nobody told the manager")
	n.Expect(workloadB.Delete(ctx, byHand)).To(Succeed())
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("192.0.2.46"))
	n.Eventually(n.consumers("gw")).Should(Equal("2/2"))
}

func TestPausedObjectsAreLeftAlone(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.50")
	gatewayCluster := n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.addGatewayDNS("gw", serviceRef(service))
	hostname := n.hostname("cluster-a")
	n.Eventually(published(ctx, workloadB, hostname)).Should(ConsistOf("192.0.2.50"))

	original := gatewayCluster.DeepCopy()
	gatewayCluster.Spec.Paused = new(true)
	n.Expect(management.Patch(ctx, gatewayCluster, client.MergeFrom(original))).To(Succeed())
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayUnknown), HaveField("Addresses", []string{"192.0.2.50"}), HaveField("Message", ContainSubstring("paused")),
	)))
	setAddresses(t, workloadA, service, "192.0.2.51")
	other := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.52")
	n.addCluster("cluster-c", workloadA.kubeconfig, hasGateway())
	n.addGatewayDNS("other", serviceRef(other), subdomain("other"))
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-c"))).Should(ConsistOf("192.0.2.51"))
	n.Eventually(published(ctx, workloadB, n.named("other", "cluster-c"))).Should(ConsistOf("192.0.2.52"))
	n.Expect(published(ctx, workloadB, hostname)(n)).To(ConsistOf("192.0.2.50"))

	original = gatewayCluster.DeepCopy()
	gatewayCluster.Spec.Paused = nil
	n.Expect(management.Patch(ctx, gatewayCluster, client.MergeFrom(original))).To(Succeed())
	n.Eventually(published(ctx, workloadB, hostname)).Should(ConsistOf("192.0.2.51"))
	n.Eventually(published(ctx, workloadB, n.named("other", "cluster-a"))).Should(ConsistOf("192.0.2.52"))
}

func TestAPausedGatewayDNSIsLeftAlone(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.60")
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	gatewayDNS := &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: "gw", Annotations: map[string]string{clusterv1.PausedAnnotation: ""}},
		Spec:       xccv1.GatewayDNSSpec{ClusterSelector: metav1.LabelSelector{MatchLabels: hasGateway()}, Service: serviceRef(service)},
	}
	n.Expect(management.Create(ctx, gatewayDNS)).To(Succeed())
	n.Eventually(n.condition(gatewayDNS, clusterv1.PausedCondition)).Should(HaveField("Status", metav1.ConditionTrue))
	n.Expect(n.gateways("gw")(n)).To(BeEmpty())

	original := gatewayDNS.DeepCopy()
	gatewayDNS.Annotations = nil
	n.Expect(management.Patch(ctx, gatewayDNS, client.MergeFrom(original))).To(Succeed())
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("192.0.2.60"))
}

// condition returns a condition of a GatewayDNS, or an empty one.
func (n *tenant) condition(gatewayDNS *xccv1.GatewayDNS, conditionType string) func(Gomega) metav1.Condition {
	return func(g Gomega) metav1.Condition {
		current := &xccv1.GatewayDNS{}
		g.Expect(management.Get(n.t.Context(), client.ObjectKeyFromObject(gatewayDNS), current)).To(Succeed())
		return ptr.Deref(meta.FindStatusCondition(current.Status.Conditions, conditionType), metav1.Condition{})
	}
}

// sliceOf returns the one slice of a workload cluster that has the name.
func (n *tenant) sliceOf(workload *cluster, hostname string) *discoveryv1.EndpointSlice {
	n.t.Helper()
	slices := &discoveryv1.EndpointSliceList{}
	n.Expect(workload.List(n.t.Context(), slices, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
	var found []discoveryv1.EndpointSlice
	for _, slice := range slices.Items {
		if slice.Annotations[xccv1.DNSHostnameAnnotation] == hostname {
			found = append(found, slice)
		}
	}
	n.Expect(found).To(HaveLen(1))
	return &found[0]
}

func newSlice(name string, annotations map[string]string, address string) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: name, Annotations: annotations},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{address}}},
	}
}
