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
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

func TestARestartWritesNothing(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.100")
	n.AddCluster("cluster-a", workloadA.Kubeconfig, map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled})
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(n.Condition(gatewayDNS, xccv1.ReadyCondition)).Should(HaveField("Status", BeEquivalentTo("True")))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.100"))
	n.Eventually(n.DNSReady("cluster-a")).Should(HaveField("Reason", Equal(xccv1.DNSServerUnavailableReason)), "what was applied has been seen")
	before := n.SliceOf(fleet.WorkloadB, n.Hostname("cluster-a")).ResourceVersion

	var writesBefore int
	n.RestartManager(func() { writesBefore = len(n.Requests.Matching(n.Namespace, fleet.Writes...)) })
	n.ProveProgress("restart", "192.0.2.101")
	n.Expect(n.SliceOf(fleet.WorkloadB, n.Hostname("cluster-a")).ResourceVersion).To(Equal(before))
	for _, write := range n.Requests.Matching(n.Namespace, fleet.Writes...)[writesBefore:] {
		// The Cluster by which progress is proved consumes what the others publish.
		n.Expect(write).To(Or(ContainSubstring("/prove-restart"), HaveSuffix("/events"), HaveSuffix(fleet.ByConsumers)), "a write that nothing asked for")
	}
}

func TestTheWatchFilterDividesTheWork(t *testing.T) {
	t.Parallel()
	n := newTenant(t, func(options *manager.Options) { options.WatchFilter = "mine" })
	workloadA := n.NewWorkload()
	ctx := t.Context()
	mine := map[string]string{clusterv1.WatchLabel: "mine"}
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.140")
	labelled := map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled}
	n.AddCluster("theirs", workloadA.Kubeconfig, labelled)
	labelled[clusterv1.WatchLabel] = "mine"
	n.AddCluster("ours", workloadA.Kubeconfig, labelled)
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, mine)
	n.AddGatewayDNS("theirs", fleet.ServiceRef(service), fleet.Subdomain("theirs"))
	gatewayDNS := n.AddGatewayDNS("ours", fleet.ServiceRef(service))
	n.Eventually(func(g Gomega) error {
		g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(gatewayDNS), gatewayDNS)).To(Succeed())
		gatewayDNS.Labels = mine
		return fleet.Management.Update(ctx, gatewayDNS)
	}).Should(Succeed())

	n.Eventually(n.Gateways("ours")).Should(And(
		HaveKeyWithValue("ours", HaveField("State", xccv1.GatewayResolved)),
		HaveKeyWithValue("theirs", HaveField("Message", ContainSubstring("belongs to another instance"))),
	))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("ours"))).Should(ConsistOf("192.0.2.140"))
	n.Expect(n.Gateways("theirs")(n)).To(BeEmpty())

	t.Log("A claim that the other instance wrote counts")
	n.AddGatewayDNS("their-claim", fleet.ServiceRef(service), fleet.Subdomain("contested"), func(g *xccv1.GatewayDNS) {
		g.Annotations = map[string]string{xccv1.ClaimsAnnotation: `{"contested.ours":"2020-01-01T00:00:00Z"}`}
	})
	n.AddGatewayDNS("our-claim", fleet.ServiceRef(service), fleet.Subdomain("contested"), func(g *xccv1.GatewayDNS) { g.Labels = mine })
	n.Eventually(n.Gateways("our-claim")).Should(HaveKeyWithValue("ours", And(
		HaveField("State", xccv1.GatewayConflicted), HaveField("Message", ContainSubstring("GatewayDNS their-claim")),
	)))
	set := &addonsv1.ClusterResourceSet{}
	n.Eventually(func() error {
		return fleet.Management.Get(ctx, client.ObjectKey{Namespace: n.Namespace, Name: "ours-xcc-dns"}, set)
	}).Should(Succeed())
	n.Expect(set.Labels).To(HaveKeyWithValue(clusterv1.WatchLabel, "mine"))
	n.Expect(fleet.Management.Get(ctx, client.ObjectKey{Namespace: n.Namespace, Name: "theirs-xcc-dns"}, set)).To(MatchError(apierrors.IsNotFound, "NotFound"))
}

// Both instances see all of the namespace, install with flags of their own, and publish to each other's clusters by none but
// the one whose cluster it is.
func TestTwoInstancesDoNotTouchEachOthersClusters(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	instance := func(filter string) func(*manager.Options) {
		return func(options *manager.Options) { options.WatchFilter, options.DNS.Image = filter, "xcc-dns:"+filter }
	}
	n := newTenant(t, instance("mine"))
	stopOther := n.StartAnother(instance("theirs"))
	consumers := map[string]*fleet.Cluster{}
	for i, filter := range []string{"mine", "theirs"} {
		service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, fmt.Sprintf("192.0.2.%d", 230+i))
		n.AddCluster("gateway-"+filter, fleet.WorkloadA.Kubeconfig, map[string]string{clusterv1.WatchLabel: filter, "gateway-of": filter})
		n.AddGatewayDNS(filter, fleet.ServiceRef(service), func(g *xccv1.GatewayDNS) {
			g.Labels = map[string]string{clusterv1.WatchLabel: filter}
			g.Spec.ClusterSelector.MatchLabels = map[string]string{"gateway-of": filter}
		})
		workload := n.NewWorkload()
		n.AddCluster("consumer-"+filter, workload.Kubeconfig, map[string]string{clusterv1.WatchLabel: filter, xccv1.DNSLabel: xccv1.DNSEnabled})
		consumers[filter] = workload
	}
	expectEachItsOwn := func() {
		for filter, consumer := range consumers {
			n.AwaitInstalled("consumer-"+filter, consumer)
			n.Eventually(func() string { return n.Image("consumer-" + filter) }).Should(Equal("xcc-dns:" + filter))
			n.Eventually(fleet.Published(ctx, consumer, n.Hostname("gateway-mine"))).Should(ConsistOf("192.0.2.230"), filter)
			n.Eventually(fleet.Published(ctx, consumer, n.Hostname("gateway-theirs"))).Should(ConsistOf("192.0.2.231"), filter)
		}
	}
	expectEachItsOwn()
	versions := func() map[string]string {
		seen := map[string]string{}
		for filter, consumer := range consumers {
			seen[filter] = n.Payload("consumer-" + filter).ResourceVersion
			slices := &discoveryv1.EndpointSliceList{}
			n.Expect(consumer.List(ctx, slices, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
			for _, slice := range slices.Items {
				seen[filter+"/"+slice.Name] = slice.ResourceVersion
			}
		}
		return seen
	}
	before := versions()

	t.Log("One instance ends, and the other one does nothing about it")
	stopOther()
	n.RestartManager(func() {}, instance("mine"))
	expectEachItsOwn()
	n.Consistently(versions, 2*time.Second).Should(Equal(before))
}
