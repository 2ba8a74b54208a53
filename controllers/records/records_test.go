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
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

func TestAGatewayIsPublishedFollowedAndWithdrawn(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, workloadA)
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.1")
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	hostname := n.Hostname("cluster-a")

	for _, consumer := range []*fleet.Cluster{workloadA, fleet.WorkloadB} {
		n.Eventually(fleet.Published(ctx, consumer, hostname)).Should(ConsistOf("192.0.2.1"))
	}
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayResolved), HaveField("Hostname", hostname), HaveField("Addresses", []string{"192.0.2.1"}),
	)))
	n.Eventually(n.Condition(gatewayDNS, xccv1.ReadyCondition)).Should(HaveField("Status", metav1.ConditionTrue))

	t.Log("IPv4, IPv6 and host names, each in a slice of its type")
	fleet.SetAddresses(t, workloadA, service, "192.0.2.2", "2001:db8::2", "lb.example.com", "192.0.2.2")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.2", "2001:db8::2", "lb.example.com"))
	fleet.SetAddresses(t, workloadA, service, "192.0.2.3")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.3"))

	t.Log("A Service that goes takes its records with it, and brings them back")
	n.Expect(workloadA.Delete(ctx, service)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(BeEmpty())
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayServiceNotFound)))
	service.ResourceVersion, service.UID, service.Spec.ClusterIP, service.Spec.ClusterIPs = "", "", "", nil
	n.Expect(workloadA.Create(ctx, service)).To(Succeed())
	fleet.SetAddresses(t, workloadA, service, "192.0.2.4")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.4"))

	t.Log("So does the GatewayDNS, after the API server was asked for it, not the cache")
	path := "/namespaces/" + n.Namespace + "/gatewaydns/gw"
	n.Expect(n.Requests.Matching(path+"/status", fleet.Writes...)).NotTo(BeEmpty(), "requests are recorded")
	asked := len(n.Requests.Matching(path, http.MethodGet))
	n.Expect(fleet.Management.Delete(ctx, gatewayDNS)).To(Succeed())
	for _, consumer := range []*fleet.Cluster{workloadA, fleet.WorkloadB} {
		n.Eventually(fleet.Published(ctx, consumer, hostname)).Should(BeEmpty())
	}
	n.Expect(len(n.Requests.Matching(path, http.MethodGet))).To(BeNumerically(">", asked))
}

func TestAClusterThatIsNoLongerSelectedOrIsDeletedLosesItsName(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.10")
	unselected := n.AddCluster("unselected", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	deleted := n.AddCluster("deleted", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("unselected"))).Should(ConsistOf("192.0.2.10"))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("deleted"))).Should(ConsistOf("192.0.2.10"))

	original := unselected.DeepCopy()
	unselected.Labels = nil
	n.Expect(fleet.Management.Patch(ctx, unselected, client.MergeFrom(original))).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("unselected"))).Should(BeEmpty())
	n.Expect(fleet.Management.Delete(ctx, deleted)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("deleted"))).Should(BeEmpty())
}

func TestEditsOfOurSlicesAreUndoneAndOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.20")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	hostname := n.Hostname("cluster-a")
	byHand := fleet.NewSlice("by-hand-"+n.Namespace, map[string]string{xccv1.DNSHostnameAnnotation: "by-hand." + n.Namespace + "." + fleet.Zone}, "198.51.100.1")
	n.Expect(fleet.WorkloadB.Create(ctx, byHand)).To(Succeed())
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.20"))

	slice := n.SliceOf(fleet.WorkloadB, hostname)
	n.Expect(slice.Labels).To(And(
		HaveKeyWithValue(discoveryv1.LabelManagedBy, xccv1.ManagedBy), HaveKey(corev1.IsHeadlessService), HaveKey(discoveryv1.LabelServiceName),
	))
	n.Expect(slice.Annotations).To(HaveKeyWithValue(xccv1.GatewayDNSRefAnnotation, n.Namespace+"/gw"))

	t.Log("An edited address, a removed annotation and a deleted slice come back")
	slice.Endpoints[0].Addresses = []string{"203.0.113.66"}
	n.Expect(fleet.WorkloadB.Update(ctx, slice)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.20"))
	slice = n.SliceOf(fleet.WorkloadB, hostname)
	slice.Annotations = nil
	n.Expect(fleet.WorkloadB.Update(ctx, slice)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.20"))
	n.Expect(fleet.WorkloadB.Delete(ctx, n.SliceOf(fleet.WorkloadB, hostname))).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.20"))

	before := byHand.ResourceVersion
	n.Expect(fleet.WorkloadB.Get(ctx, client.ObjectKeyFromObject(byHand), byHand)).To(Succeed())
	n.Expect(byHand.ResourceVersion).To(Equal(before))
}

// A manager that has just received everything by a move knows nothing of a gateway: its status is empty. What consumers
// hold stays until there is a positive fact, also what the old project wrote under its own names.
func TestWhatIsNotKnownIsNotDeleted(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	ref := map[string]string{xccv1.DNSHostnameAnnotation: n.Hostname("far"), xccv1.GatewayDNSRefAnnotation: n.Namespace + "/gw"}
	old := fleet.NewSlice(n.Namespace+"-far-gateway", ref, "192.0.2.30")
	orphan := fleet.NewSlice(n.Namespace+"-orphan", map[string]string{
		xccv1.DNSHostnameAnnotation: n.Hostname("gone"), xccv1.GatewayDNSRefAnnotation: n.Namespace + "/gone",
	}, "192.0.2.31")
	for _, slice := range []*discoveryv1.EndpointSlice{old, orphan} {
		n.Expect(fleet.WorkloadB.Create(ctx, slice)).To(Succeed())
	}
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.32")
	n.AddCluster("far", nil, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))

	t.Log("The slice of a GatewayDNS that does not exist goes; that of a cluster that cannot be asked stays")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("gone"))).Should(BeEmpty())
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("far", And(
		HaveField("State", xccv1.GatewayUnknown), HaveField("Addresses", BeEmpty()),
	)))
	n.AddCluster("near", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("near"))).Should(ConsistOf("192.0.2.32"))
	n.Expect(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("far"))(n)).To(ConsistOf("192.0.2.30"))

	t.Log("A GatewayDNS that goes is a positive fact")
	n.Expect(fleet.Management.Delete(ctx, gatewayDNS)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("far"))).Should(BeEmpty())
}

func TestASliceOfTheOldProjectIsReplacedWithoutAGap(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	hostname := n.Hostname("cluster-a")
	old := fleet.NewSlice(n.Namespace+"-cluster-a-gateway", map[string]string{
		xccv1.DNSHostnameAnnotation: hostname, xccv1.GatewayDNSRefAnnotation: n.Namespace + "/gw",
	}, "192.0.2.40")
	n.Expect(fleet.WorkloadB.Create(ctx, old)).To(Succeed())
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.40")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(func(g Gomega) error {
		if len(fleet.Published(ctx, fleet.WorkloadB, hostname)(g)) == 0 {
			StopTrying("the name has no address").Now()
		}
		return fleet.WorkloadB.Get(ctx, client.ObjectKeyFromObject(old), old.DeepCopy())
	}).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	n.Expect(n.SliceOf(fleet.WorkloadB, hostname).Labels).To(HaveKeyWithValue(discoveryv1.LabelManagedBy, xccv1.ManagedBy))
}

// record returns the slice that holds an address of the gateway of a GatewayDNS, as the manager is to write it.
func (n *tenant) record(gatewayDNS, clusterName, address string) *discoveryv1.EndpointSlice {
	published := plan.Publish(fleet.Zone, &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: gatewayDNS},
		Status: xccv1.GatewayDNSStatus{Gateways: []xccv1.GatewayStatus{{
			Cluster: clusterName, Hostname: n.Hostname(clusterName), State: xccv1.GatewayResolved, Addresses: []string{address},
		}}},
	}, nil)
	return plan.Compute(fleet.Zone, published.Gateways(), nil, plan.Consumer{Readers: plan.ReadersUnknown}).Create[0]
}

func TestASliceOfOursThatWasMadeAnewWithAnotherAddressTypeIsReplaced(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, workloadA)
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	retyped := n.record("gw", "cluster-a", "192.0.2.45")
	retyped.AddressType, retyped.Endpoints[0].Addresses = discoveryv1.AddressTypeIPv6, []string{"2001:db8::66"}
	n.Expect(fleet.WorkloadB.Create(ctx, retyped)).To(Succeed())
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.45")
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.45"))
	n.Settled("gw", "2/2")
}

func TestANameThatSomebodyElsesSliceHasIsReported(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, workloadA)
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	name := n.record("gw", "cluster-a", "192.0.2.46").Name
	byHand := fleet.NewSlice(name, map[string]string{xccv1.DNSHostnameAnnotation: "by-hand." + n.Namespace + "." + fleet.Zone}, "198.51.100.1")
	n.Expect(fleet.WorkloadB.Create(ctx, byHand)).To(Succeed())
	before := byHand.ResourceVersion
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.46")
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(n.Consumers("gw")).Should(Equal("1/2, cluster-b: NameTaken"))
	n.Expect(n.Condition(gatewayDNS, xccv1.ConsumersCurrentCondition)(n).Message).To(ContainSubstring("EndpointSlice xcc-dns/" + name + " that is not the manager's: delete it"))
	n.Expect(fleet.WorkloadB.Get(ctx, client.ObjectKeyFromObject(byHand), byHand)).To(Succeed())
	n.Expect(byHand.ResourceVersion).To(Equal(before))

	t.Log("It is gone, and nobody told the manager")
	n.Expect(fleet.WorkloadB.Delete(ctx, byHand)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.46"))
	n.Eventually(n.Consumers("gw")).Should(Equal("2/2"))
}

func TestPausedObjectsAreLeftAlone(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.50")
	gatewayCluster := n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	hostname := n.Hostname("cluster-a")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.50"))

	original := gatewayCluster.DeepCopy()
	gatewayCluster.Spec.Paused = new(true)
	n.Expect(fleet.Management.Patch(ctx, gatewayCluster, client.MergeFrom(original))).To(Succeed())
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayUnknown), HaveField("Addresses", []string{"192.0.2.50"}), HaveField("Message", ContainSubstring("paused")),
	)))
	fleet.SetAddresses(t, fleet.WorkloadA, service, "192.0.2.51")
	other := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.52")
	n.AddCluster("cluster-c", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddGatewayDNS("other", fleet.ServiceRef(other), fleet.Subdomain("other"))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-c"))).Should(ConsistOf("192.0.2.51"))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named("other", "cluster-c"))).Should(ConsistOf("192.0.2.52"))
	n.Expect(fleet.Published(ctx, fleet.WorkloadB, hostname)(n)).To(ConsistOf("192.0.2.50"))

	original = gatewayCluster.DeepCopy()
	gatewayCluster.Spec.Paused = nil
	n.Expect(fleet.Management.Patch(ctx, gatewayCluster, client.MergeFrom(original))).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.51"))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named("other", "cluster-a"))).Should(ConsistOf("192.0.2.52"))
}

func TestAPausedGatewayDNSIsLeftAlone(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.60")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: "gw", Annotations: map[string]string{clusterv1.PausedAnnotation: ""}},
		Spec:       xccv1.GatewayDNSSpec{ClusterSelector: metav1.LabelSelector{MatchLabels: fleet.HasGateway()}, Service: fleet.ServiceRef(service)},
	}
	n.Expect(fleet.Management.Create(ctx, gatewayDNS)).To(Succeed())
	n.Eventually(n.Condition(gatewayDNS, clusterv1.PausedCondition)).Should(HaveField("Status", metav1.ConditionTrue))
	n.Expect(n.Gateways("gw")(n)).To(BeEmpty())

	original := gatewayDNS.DeepCopy()
	gatewayDNS.Annotations = nil
	n.Expect(fleet.Management.Patch(ctx, gatewayDNS, client.MergeFrom(original))).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.60"))
}
