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

package consumers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// statusWrites are the writes of the status of a GatewayDNS: those of its gateways, and those of its consumers.
func (n *tenant) statusWrites(name string) (gateways, consumers int) {
	for _, write := range n.Requests.Matching("/namespaces/"+n.Namespace+"/gatewaydns/"+name+"/status", fleet.Writes...) {
		if strings.HasSuffix(write, fleet.ByConsumers) {
			consumers++
		} else {
			gateways++
		}
	}
	return gateways, consumers
}

func TestTheStatusSaysWhichConsumersLagAndWhy(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, workloadA)
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.170")
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	paused := n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(n.Consumers("gw")).Should(Equal("2/2"))
	n.Eventually(n.Condition(gatewayDNS, xccv1.ConsumersCurrentCondition)).Should(And(
		HaveField("Status", metav1.ConditionTrue), HaveField("Message", "2 of 2 clusters hold the current records"),
	))

	n.SetPaused(paused, true)
	n.Eventually(n.Consumers("gw")).Should(Equal("1/2, cluster-b: Paused"))
	n.Eventually(n.Condition(gatewayDNS, xccv1.ConsumersCurrentCondition)).Should(And(
		HaveField("Status", metav1.ConditionFalse), HaveField("Reason", xccv1.ConsumersLaggingReason),
		HaveField("Message", ContainSubstring("1 of 2 clusters hold the current records; cluster-b: Paused: Cluster is paused")),
	))
	n.Expect(n.Condition(gatewayDNS, xccv1.ReadyCondition)(n).Status).To(Equal(metav1.ConditionTrue))
	n.SetPaused(paused, false)
	n.Eventually(n.Consumers("gw")).Should(Equal("2/2"))

	t.Log("A labelled Cluster that cannot be reached is one that is to consume, and one that does not is none")
	n.AddCluster("refusing", fleet.KubeconfigFor("https://127.0.0.1:1"), map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	n.AddCluster("unlabelled", fleet.KubeconfigFor("https://127.0.0.1:1"), nil)
	n.Eventually(n.Consumers("gw")).Should(Equal("2/3, refusing: Unreachable"))

	t.Log("What a consumer refuses is its own affair")
	n.Refuse(fleet.WorkloadB, "refused")
	n.AddGatewayDNS("refused", fleet.ServiceRef(service), fleet.Subdomain("refused"))
	n.Eventually(n.Consumers("refused")).Should(Equal("1/3, cluster-b: WriteFailed, refusing: Unreachable"))
	n.Expect(n.Consumers("gw")(n)).To(Equal("2/3, refusing: Unreachable"))

	t.Log("A Cluster that goes is no consumer any more")
	for _, name := range []string{"refusing", "cluster-b"} {
		n.Expect(fleet.Management.Delete(ctx, &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: name}})).To(Succeed())
	}
	n.Eventually(n.Consumers("gw")).Should(Equal("1/1"))
}

func TestKubectlGetSaysInOneLineWhetherItWorks(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.178")
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, fleet.HasGateway())
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	columns := func(g Gomega) string {
		config := rest.CopyConfig(fleet.Management.Config)
		config.GroupVersion, config.APIPath = &xccv1.GroupVersion, "/apis"
		config.NegotiatedSerializer = clientgoscheme.Codecs.WithoutConversion()
		api, err := rest.RESTClientFor(config)
		g.Expect(err).NotTo(HaveOccurred())
		text, err := api.Get().Namespace(n.Namespace).Resource("gatewaydns").Name("gw").
			SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		table := &metav1.Table{}
		g.Expect(json.Unmarshal(text, table)).To(Succeed())
		var line []string
		for i, column := range table.ColumnDefinitions {
			if column.Priority == 0 && column.Name != "Age" {
				line = append(line, fmt.Sprintf("%s=%v", column.Name, table.Rows[0].Cells[i]))
			}
		}
		return strings.Join(line, " ")
	}
	n.Eventually(columns).Should(Equal("Name=gw Ready=False Consumers=1 Current=1 " +
		"Message=* GatewaysResolved: cluster-b: ServiceNotFound: Cluster has no Service " + fleet.ServiceRef(service) + ": create it or correct spec.service"))
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	n.Expect(fleet.Management.Delete(t.Context(), &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: "cluster-b"}})).To(Succeed())
	fleet.EnsureConsumer(t, workloadA)
	n.Eventually(columns).Should(Equal("Name=gw Ready=True Consumers=1 Current=1 Message="))
}

func TestNobodyConsumes(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.175")
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(n.Condition(gatewayDNS, xccv1.ConsumersCurrentCondition)).Should(And(
		HaveField("Status", metav1.ConditionUnknown), HaveField("Reason", xccv1.NoConsumerReason),
		HaveField("Message", ContainSubstring("label its Cluster connectivity.tanzu.vmware.com/dns=enabled")),
	))
}

func TestAChangeIsOneWriteOfEachKind(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, workloadA)
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.180")
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.180"))
	n.Settled("gw", "2/2")
	// Times in a status have whole seconds: the change has to come in another one, or there is nothing new to say of it.
	n.Eventually(func(g Gomega) {
		g.Expect(time.Since(n.Gateways("gw")(g)["cluster-a"].LastTransitionTime.Time)).To(BeNumerically(">", 2*time.Second))
	}).Should(Succeed())

	slices := map[*fleet.Cluster]int64{}
	for _, workload := range []*fleet.Cluster{workloadA, fleet.WorkloadB} {
		slices[workload] = n.SliceOf(workload, n.Hostname("cluster-a")).Generation
	}
	gatewaysBefore, consumersBefore := n.statusWrites("gw")
	propagationsBefore := n.propagations()
	fleet.SetAddresses(t, workloadA, service, "192.0.2.181")
	for _, workload := range []*fleet.Cluster{workloadA, fleet.WorkloadB} {
		n.Eventually(fleet.Published(ctx, workload, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.181"))
	}
	n.Settled("gw", "2/2")
	n.ProveProgressFrom(workloadA, "quiet", "192.0.2.182") // Also time in which more could be written.
	gateways, _ := n.statusWrites("gw")
	n.Expect(gateways-gatewaysBefore).To(Equal(1), "writes of status.gateways")
	n.Expect(n.propagations()-propagationsBefore).To(BeNumerically(">=", 2), "one measurement for each consumer")
	n.Expect(testutil.GatherAndCount(n.Registry, "xcc_gateways", "xcc_records_published", "xcc_record_writes_total")).To(BeNumerically(">=", 3))
	// The Cluster that proves progress is a consumer of this GatewayDNS too, which is to be said as well.
	n.Settled("gw", "3/3")
	_, consumers := n.statusWrites("gw")
	n.Expect(consumers-consumersBefore).To(Equal(2), "writes of status.consumers")
	for workload, generation := range slices {
		n.Expect(n.SliceOf(workload, n.Hostname("cluster-a")).Generation).To(Equal(generation+1), "writes of a slice")
	}
}

// propagations returns how many times the propagation of a change to a cluster was measured.
func (n *tenant) propagations() uint64 {
	families, err := n.Registry.Gather()
	n.Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		if family.GetName() == "xcc_record_propagation_seconds" {
			return family.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	return 0
}

// TestABurstOfChangesCoalesces makes a hundred changes of one gateway within a second, several at a time, so that a slow machine
// can do it too. One that still cannot has another try.
func TestABurstOfChangesCoalesces(t *testing.T) {
	n := newTenant(t)
	workloadA := n.NewWorkload()
	ctx := t.Context()
	fleet.EnsureConsumer(t, workloadA)
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.190")
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	hostname := n.Hostname("cluster-a")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("192.0.2.190"))

	const changes, tries = 100, 10
	for try := range tries {
		n.Settled("gw", "2/2")
		gatewaysBefore, consumersBefore := n.statusWrites("gw")
		generation := n.SliceOf(fleet.WorkloadB, hostname).Generation
		took := n.burst(workloadA, service, changes)
		last := fmt.Sprintf("203.0.113.%d", try)
		n.Expect(workloadA.Get(ctx, client.ObjectKeyFromObject(service), service)).To(Succeed())
		fleet.SetAddresses(t, workloadA, service, last)
		n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf(last))
		n.Settled("gw", "2/2")
		gateways, consumers := n.statusWrites("gw")
		written := n.SliceOf(fleet.WorkloadB, hostname).Generation - generation
		t.Logf("%d changes within %s: %d writes of status.gateways, %d of the slice, %d of status.consumers",
			changes, took, gateways-gatewaysBefore, written, consumers-consumersBefore)
		if took > time.Second {
			continue
		}
		// One every 100 ms, and some more at both ends.
		n.Expect(gateways - gatewaysBefore).To(BeNumerically("<=", changes/5))
		n.Expect(written).To(BeNumerically("<=", changes/5))
		n.Expect(consumers - consumersBefore).To(BeNumerically("<=", 5))
		return
	}
	t.Skipf("This machine needs more than a second for %d changes", changes)
}

// burst changes the address of a Service many times, as fast as its API server can, and returns how long that took.
func (n *tenant) burst(workload *fleet.Cluster, service *corev1.Service, changes int) time.Duration {
	n.T.Helper()
	config := rest.CopyConfig(workload.Config)
	config.QPS = -1
	hurried, err := client.New(config, client.Options{Scheme: workload.Scheme()})
	n.Expect(err).NotTo(HaveOccurred())
	started := time.Now()
	var group errgroup.Group
	group.SetLimit(8)
	for i := range changes {
		group.Go(func() error {
			patch := fmt.Sprintf(`{"status":{"loadBalancer":{"ingress":[{"ip":"198.51.100.%d"}]}}}`, i+1)
			return hurried.Status().Patch(n.T.Context(), service.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch)))
		})
	}
	n.Expect(group.Wait()).To(Succeed())
	return time.Since(started)
}

func TestTransitionsAreEventsWithTheOldAndTheNewAddresses(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.195")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("State", xccv1.GatewayResolved)))
	fleet.SetAddresses(t, fleet.WorkloadA, service, "192.0.2.196")
	n.Eventually(n.events("gw")).Should(ContainElement(And(
		HavePrefix("Normal Resolved"), ContainSubstring("Cluster cluster-a"), ContainSubstring("192.0.2.196"), ContainSubstring("192.0.2.195"),
	)))
	n.Expect(fleet.WorkloadA.Delete(t.Context(), service)).To(Succeed())
	n.Eventually(n.events("gw")).Should(ContainElement(And(HavePrefix("Warning ServiceNotFound"), ContainSubstring("192.0.2.196"))))
}

// events returns the Events of a GatewayDNS as "type reason note".
func (n *tenant) events(name string) func(Gomega) []string {
	return func(g Gomega) []string {
		list := &corev1.EventList{}
		g.Expect(fleet.Management.List(context.Background(), list, client.InNamespace(n.Namespace))).To(Succeed())
		var found []string
		for _, event := range list.Items {
			if event.InvolvedObject.Kind == "GatewayDNS" && event.InvolvedObject.Name == name {
				found = append(found, event.Type+" "+event.Reason+" "+event.Message)
			}
		}
		return found
	}
}
