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
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
)

// restartManager ends the manager under test, lets something happen while it is away, and starts it again.
func restartManager(t *testing.T, meanwhile func(), changes ...func(*manager.Options)) {
	t.Helper()
	stopManager()
	meanwhile()
	var err error
	// Not the test's context: the manager is the one that all later tests use.
	stopManager, err = startManager(context.Background(), changes...)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
}

// proveProgress returns when the manager has published another gateway of the tenant, from the given cluster to workloadB.
func (n *tenant) proveProgress(name, address string) {
	n.t.Helper()
	service := addService(n.t, workloadA, corev1.ServiceTypeLoadBalancer, address)
	n.addCluster("prove-"+name, workloadA.kubeconfig, map[string]string{"prove": name})
	gatewayDNS := &xccv1.GatewayDNS{Spec: xccv1.GatewayDNSSpec{Service: serviceRef(service)}}
	gatewayDNS.Namespace, gatewayDNS.Name = n.namespace, "prove-"+name
	gatewayDNS.Spec.ClusterSelector.MatchLabels = map[string]string{"prove": name}
	n.Expect(management.Create(n.t.Context(), gatewayDNS)).To(Succeed())
	n.Eventually(published(n.t.Context(), workloadB, n.hostname("prove-"+name))).Should(ConsistOf(address))
}

func (n *tenant) setPaused(cluster *clusterv1.Cluster, paused bool) {
	n.t.Helper()
	original := cluster.DeepCopy()
	cluster.Spec.Paused = new(paused)
	n.Expect(management.Patch(n.t.Context(), cluster, client.MergeFrom(original))).To(Succeed())
}

func TestARestartWritesNothing(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.100")
	n.addCluster("cluster-a", workloadA.kubeconfig, map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled})
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	gatewayDNS := n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(n.condition(gatewayDNS, xccv1.ReadyCondition)).Should(HaveField("Status", BeEquivalentTo("True")))
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("192.0.2.100"))
	n.Eventually(n.dnsReady("cluster-a")).Should(HaveField("Reason", Equal(xccv1.DNSServerUnavailableReason)), "what was applied has been seen")
	before := n.sliceOf(workloadB, n.hostname("cluster-a")).ResourceVersion

	var writesBefore int
	restartManager(t, func() { writesBefore = len(requests.matching(n.namespace, writes...)) })
	n.proveProgress("restart", "192.0.2.101")
	n.Expect(n.sliceOf(workloadB, n.hostname("cluster-a")).ResourceVersion).To(Equal(before))
	for _, write := range requests.matching(n.namespace, writes...)[writesBefore:] {
		// The Cluster by which progress is proved consumes what the others publish.
		n.Expect(write).To(Or(ContainSubstring("/prove-restart"), HaveSuffix("/events"), HaveSuffix(byConsumers)), "a write that nothing asked for")
	}
}

// clusterctl move gives the target a GatewayDNS without status and Clusters that are paused, and unpauses these one by one.
func TestAMoveChangesNoRecord(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.110")
	gatewayCluster := n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	consumer := n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	gatewayDNS := n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("192.0.2.110"))
	before := n.sliceOf(workloadB, n.hostname("cluster-a"))

	restartManager(t, func() {
		n.setPaused(gatewayCluster, true)
		n.setPaused(consumer, true)
		n.Expect(management.Get(ctx, client.ObjectKeyFromObject(gatewayDNS), gatewayDNS)).To(Succeed())
		gatewayDNS.Status = xccv1.GatewayDNSStatus{}
		n.Expect(management.Status().Update(ctx, gatewayDNS)).To(Succeed())
	})
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayUnknown), HaveField("Addresses", BeEmpty()),
	)))
	n.setPaused(consumer, false)
	n.proveProgress("move", "192.0.2.111")
	n.Expect(n.sliceOf(workloadB, n.hostname("cluster-a"))).To(Equal(before))
	n.setPaused(gatewayCluster, false)
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayResolved)))
	n.proveProgress("moved", "192.0.2.112")
	n.Expect(n.sliceOf(workloadB, n.hostname("cluster-a"))).To(Equal(before))
}

func TestTheWatchFilterDividesTheWork(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	mine := map[string]string{clusterv1.WatchLabel: "mine"}
	restartManager(t, func() {}, func(options *manager.Options) { options.WatchFilter = "mine" })
	t.Cleanup(func() { restartManager(t, func() {}) })
	ensureConsumer(t, workloadB)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.140")
	labelled := map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled}
	n.addCluster("theirs", workloadA.kubeconfig, labelled)
	labelled[clusterv1.WatchLabel] = "mine"
	n.addCluster("ours", workloadA.kubeconfig, labelled)
	n.addCluster("cluster-b", workloadB.kubeconfig, mine)
	n.addGatewayDNS("theirs", serviceRef(service), subdomain("theirs"))
	gatewayDNS := n.addGatewayDNS("ours", serviceRef(service))
	n.Eventually(func(g Gomega) error {
		g.Expect(management.Get(ctx, client.ObjectKeyFromObject(gatewayDNS), gatewayDNS)).To(Succeed())
		gatewayDNS.Labels = mine
		return management.Update(ctx, gatewayDNS)
	}).Should(Succeed())

	n.Eventually(n.gateways("ours")).Should(And(
		HaveKeyWithValue("ours", HaveField("State", xccv1.GatewayResolved)),
		HaveKeyWithValue("theirs", HaveField("Message", ContainSubstring("belongs to another instance"))),
	))
	n.Eventually(published(ctx, workloadB, n.hostname("ours"))).Should(ConsistOf("192.0.2.140"))
	n.Expect(n.gateways("theirs")(n)).To(BeEmpty())

	t.Log("A claim that the other instance wrote counts")
	n.addGatewayDNS("their-claim", serviceRef(service), subdomain("contested"), func(g *xccv1.GatewayDNS) {
		g.Annotations = map[string]string{xccv1.ClaimsAnnotation: `{"contested.ours":"2020-01-01T00:00:00Z"}`}
	})
	n.addGatewayDNS("our-claim", serviceRef(service), subdomain("contested"), func(g *xccv1.GatewayDNS) { g.Labels = mine })
	n.Eventually(n.gateways("our-claim")).Should(HaveKeyWithValue("ours", And(
		HaveField("State", xccv1.GatewayConflicted), HaveField("Message", ContainSubstring("GatewayDNS their-claim")),
	)))
	set := &addonsv1.ClusterResourceSet{}
	n.Eventually(func() error {
		return management.Get(ctx, client.ObjectKey{Namespace: n.namespace, Name: "ours-xcc-dns"}, set)
	}).Should(Succeed())
	n.Expect(set.Labels).To(HaveKeyWithValue(clusterv1.WatchLabel, "mine"))
	n.Expect(management.Get(ctx, client.ObjectKey{Namespace: n.namespace, Name: "theirs-xcc-dns"}, set)).To(MatchError(apierrors.IsNotFound, "NotFound"))
}

// Both instances see all of the namespace, install with flags of their own, and publish to each other's clusters by none but
// the one whose cluster it is.
func TestTwoInstancesDoNotTouchEachOthersClusters(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	instance := func(filter string) func(*manager.Options) {
		return func(options *manager.Options) { options.WatchFilter, options.DNS.Image = filter, "xcc-dns:"+filter }
	}
	restartManager(t, func() {}, instance("mine"))
	t.Cleanup(func() { restartManager(t, func() {}) })
	stopOther, err := startInstance(ctx, prometheus.NewRegistry(), instance("theirs"))
	n.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(stopOther)
	consumers := map[string]*member{}
	for i, filter := range []string{"mine", "theirs"} {
		service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, fmt.Sprintf("192.0.2.%d", 230+i))
		n.addCluster("gateway-"+filter, workloadA.kubeconfig, map[string]string{clusterv1.WatchLabel: filter, "gateway-of": filter})
		n.addGatewayDNS(filter, serviceRef(service), func(g *xccv1.GatewayDNS) {
			g.Labels = map[string]string{clusterv1.WatchLabel: filter}
			g.Spec.ClusterSelector.MatchLabels = map[string]string{"gateway-of": filter}
		})
		workload := newWorkload(t)
		n.addCluster("consumer-"+filter, workload.kubeconfig, map[string]string{clusterv1.WatchLabel: filter, xccv1.DNSLabel: xccv1.DNSEnabled})
		consumers[filter] = &member{node: &node{WithT: n.WithT, t: t, workload: workload}, n: n, name: "consumer-" + filter}
	}
	expectEachItsOwn := func() {
		for filter, consumer := range consumers {
			n.awaitInstalled(consumer.name, consumer.workload)
			n.Eventually(consumer.image).Should(Equal("xcc-dns:" + filter))
			n.Eventually(published(ctx, consumer.workload, n.hostname("gateway-mine"))).Should(ConsistOf("192.0.2.230"), filter)
			n.Eventually(published(ctx, consumer.workload, n.hostname("gateway-theirs"))).Should(ConsistOf("192.0.2.231"), filter)
		}
	}
	expectEachItsOwn()
	versions := func() map[string]string {
		seen := map[string]string{}
		for filter, consumer := range consumers {
			seen[filter] = n.payload(consumer.name).ResourceVersion
			slices := &discoveryv1.EndpointSliceList{}
			n.Expect(consumer.workload.List(ctx, slices, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
			for _, slice := range slices.Items {
				seen[filter+"/"+slice.Name] = slice.ResourceVersion
			}
		}
		return seen
	}
	before := versions()

	t.Log("One instance ends, and the other one does nothing about it")
	stopOther()
	restartManager(t, func() {}, instance("mine"))
	expectEachItsOwn()
	n.Consistently(versions, 2*time.Second).Should(Equal(before))
}

func TestAPausedConsumerIsLeftAlone(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadA)
	ensureConsumer(t, workloadB)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.120")
	consumer := n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.setPaused(consumer, true)
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(published(ctx, workloadA, n.hostname("cluster-a"))).Should(ConsistOf("192.0.2.120"))
	n.Expect(published(ctx, workloadB, n.hostname("cluster-a"))(n)).To(BeEmpty())
	n.setPaused(consumer, false)
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("192.0.2.120"))
}

// One record that a workload cluster's API server refuses must not keep another from being withdrawn.
func TestARefusedRecordDoesNotKeepOthersFromBeingWithdrawn(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	n.refuse(workloadB, "refused")
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.130")
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	healthy := n.addGatewayDNS("healthy", serviceRef(service))
	n.Eventually(n.refs(workloadB)).Should(ConsistOf(n.namespace + "/healthy"))
	n.addGatewayDNS("refused", serviceRef(service), subdomain("refused"))
	n.Eventually(n.gateways("refused")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayResolved)))
	n.Expect(management.Delete(ctx, healthy)).To(Succeed())
	n.Eventually(n.refs(workloadB)).Should(BeEmpty())
}

// refs returns the GatewayDNS of the tenant for which a workload cluster holds a slice.
func (n *tenant) refs(workload *cluster) func(Gomega) []string {
	return func(g Gomega) []string {
		slices := &discoveryv1.EndpointSliceList{}
		g.Expect(workload.List(n.t.Context(), slices, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
		var refs []string
		for _, slice := range slices.Items {
			if ref := slice.Annotations[xccv1.GatewayDNSRefAnnotation]; strings.HasPrefix(ref, n.namespace+"/") {
				refs = append(refs, ref)
			}
		}
		return refs
	}
}

// refuse makes a workload cluster's API server refuse the slices of a GatewayDNS.
func (n *tenant) refuse(workload *cluster, gatewayDNS string) {
	n.t.Helper()
	ref := n.namespace + "/" + gatewayDNS
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: n.namespace},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule:       admissionv1.Rule{APIGroups: []string{"discovery.k8s.io"}, APIVersions: []string{"v1"}, Resources: []string{"endpointslices"}},
				},
			}}},
			Validations: []admissionv1.Validation{{
				Expression: fmt.Sprintf("object.metadata.?annotations[?%q].orValue('') != %q", xccv1.GatewayDNSRefAnnotation, ref),
			}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: n.namespace},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: policy.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
	for _, object := range []client.Object{policy, binding} {
		n.Expect(workload.Create(n.t.Context(), object)).To(Succeed())
		n.t.Cleanup(func() { NewWithT(n.t).Expect(workload.Delete(context.Background(), object)).To(Succeed()) })
	}
	probe := newSlice("probe-"+n.namespace, map[string]string{xccv1.GatewayDNSRefAnnotation: ref}, "192.0.2.1")
	n.Eventually(func() error {
		return workload.Create(n.t.Context(), probe.DeepCopy(), client.DryRunAll)
	}).Should(MatchError(apierrors.IsInvalid, "refused by the policy"))
}
