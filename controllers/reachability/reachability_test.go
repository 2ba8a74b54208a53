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

package reachability_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// writeInterval is the shortest time between two writes of one status.
const writeInterval = 10 * time.Second

func TestMain(m *testing.M) { fleet.Main(m) }

// tenant is a namespace with a manager, and what the tests of this package do with them.
type tenant struct{ *fleet.Tenant }

func newTenant(t *testing.T, changes ...func(*manager.Options)) *tenant {
	t.Helper()
	return &tenant{fleet.NewTenant(t, changes...)}
}

// report returns the report of a cluster that reaches some of the gateways of the Clusters.
func (n *tenant) report(isUp map[string]bool) string {
	byKey := map[reachability.Key]bool{}
	for cluster, up := range isUp {
		byKey[reachability.KeyOf(n.Hostname(cluster))] = up
	}
	return string(reachability.New(byKey).Encode())
}

// setReport writes the report of a workload cluster, as its dns-config-patcher does.
func (n *tenant) setReport(workload *fleet.Cluster, report string) {
	n.T.Helper()
	configMap := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.ReachabilityName},
		Data:       map[string]string{reachability.DataKey: report},
	}
	err := workload.Create(n.T.Context(), configMap)
	if apierrors.IsAlreadyExists(err) {
		err = workload.Update(n.T.Context(), configMap)
	}
	n.Expect(err).NotTo(HaveOccurred())
}

// status returns status.reachability and the reason of the condition.
func (n *tenant) status(name string) func(Gomega) string {
	return func(g Gomega) string {
		gatewayDNS := &xccv1.GatewayDNS{}
		g.Expect(fleet.Management.Get(n.T.Context(), client.ObjectKey{Namespace: n.Namespace, Name: name}, gatewayDNS)).To(Succeed())
		reason := n.Condition(gatewayDNS, xccv1.GatewaysReachableCondition)(g).Reason
		status := gatewayDNS.Status.Reachability
		if status == nil {
			return "none " + reason
		}
		text := fmt.Sprintf("%s: %d report, %d unreachable", reason, ptr.Deref(status.Consumers, -1), ptr.Deref(status.Unreachable, -1))
		for _, cluster := range status.Clusters {
			text += fmt.Sprintf(", %s %d/%d", cluster.Cluster, ptr.Deref(cluster.UnreachableFrom, -1), ptr.Deref(cluster.ReportedBy, -1))
		}
		return text
	}
}

// writes are the numbers of writes to the management cluster: of status.reachability, and of all else but Events.
func (n *tenant) writes() (reachability, others int) {
	for _, write := range n.Requests.Matching("/namespaces/"+n.Namespace+"/", fleet.Writes...) {
		switch {
		case strings.HasSuffix(write, fleet.ByReachability):
			reachability++
		case !strings.Contains(write, "/events"):
			others++
		}
	}
	return reachability, others
}

func (n *tenant) events(name string) func(Gomega) []string {
	return func(g Gomega) []string {
		list := &corev1.EventList{}
		g.Expect(fleet.Management.List(n.T.Context(), list, client.InNamespace(n.Namespace))).To(Succeed())
		var found []string
		for _, event := range list.Items {
			if event.InvolvedObject.Name == name && strings.Contains(event.Reason, "Reach") || strings.Contains(event.Reason, "Unreach") {
				found = append(found, event.Type+" "+event.Reason)
			}
		}
		return found
	}
}

func (n *tenant) setHealthCheck(gatewayDNS *xccv1.GatewayDNS, check *xccv1.HealthCheck) {
	n.T.Helper()
	current := &xccv1.GatewayDNS{}
	n.Expect(fleet.Management.Get(n.T.Context(), client.ObjectKeyFromObject(gatewayDNS), current)).To(Succeed())
	original := current.DeepCopy()
	current.Spec.HealthCheck = check
	n.Expect(fleet.Management.Patch(n.T.Context(), current, client.MergeFrom(original))).To(Succeed())
}

func TestTheStatusCountsTheClustersThatCannotReachAGateway(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workloadA, workloadB := n.NewWorkload(), n.NewWorkload()
	fleet.EnsureConsumer(t, workloadA)
	fleet.EnsureConsumer(t, workloadB)
	service := fleet.AddService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.160")
	n.AddCluster("cluster-a", workloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", workloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.setReport(workloadA, n.report(map[string]bool{"cluster-a": true}))
	n.setReport(workloadB, n.report(map[string]bool{"cluster-a": true}))
	n.Eventually(fleet.Published(ctx, workloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.160"))
	n.Eventually(n.Consumers("gw")).Should(Equal("2/2"))
	n.Expect(n.status("gw")(n)).To(Equal("none "), "without a health check, reports are not read")

	n.setHealthCheck(gatewayDNS, &xccv1.HealthCheck{})
	n.Eventually(n.status("gw")).Should(Equal("GatewaysReachable: 2 report, 0 unreachable"))
	n.Settled("gw", "2/2")
	slice := n.SliceOf(workloadB, n.Hostname("cluster-a"))
	_, othersBefore := n.writes()

	t.Log("A cluster that lies about all gateways, and about some that do not exist, counts as one")
	forged := map[string]bool{"cluster-a": false}
	for i := range reachability.MaxGateways - 1 {
		forged[fmt.Sprint("forged-", i)] = false
	}
	n.setReport(workloadB, n.report(forged))
	n.Eventually(n.status("gw"), 2*writeInterval).Should(Equal("GatewaysPartlyUnreachable: 2 report, 1 unreachable, cluster-a 1/2"))
	n.Eventually(n.events("gw")).Should(ContainElements("Normal GatewaysReachable", "Warning GatewaysPartlyUnreachable"))
	n.Expect(testutil.GatherAndCount(n.Registry, "xcc_gateways_unreachable")).To(Equal(1))
	n.Expect(n.Condition(gatewayDNS, xccv1.ReadyCondition)(n).Status).To(Equal(metav1.ConditionTrue))

	t.Log("A cluster whose report is too large reports nothing")
	n.setReport(workloadB, strings.Repeat("x", reachability.MaxBytes+1))
	n.Eventually(n.status("gw"), 2*writeInterval).Should(Equal("GatewaysReachable: 1 report, 0 unreachable"))

	t.Log("The gateway fails")
	n.setReport(workloadA, n.report(map[string]bool{"cluster-a": false}))
	n.setReport(workloadB, n.report(map[string]bool{"cluster-a": false}))
	n.Eventually(n.status("gw"), 2*writeInterval).Should(Equal("GatewaysUnreachable: 2 report, 1 unreachable, cluster-a 2/2"))

	_, others := n.writes()
	n.Expect(others-othersBefore).To(BeZero(), "no report causes a write of records, gateways or consumers")
	n.Expect(n.SliceOf(workloadB, n.Hostname("cluster-a")).ResourceVersion).To(Equal(slice.ResourceVersion), "a slice was written")

	t.Log("A Cluster that goes takes its report along")
	n.Expect(fleet.Management.Delete(ctx, &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: "cluster-b"}})).To(Succeed())
	n.Eventually(n.status("gw"), 2*writeInterval).Should(Equal("GatewaysUnreachable: 1 report, 1 unreachable, cluster-a 1/1"))

	t.Log("Without a health check, the status goes")
	n.setHealthCheck(gatewayDNS, nil)
	n.Eventually(n.status("gw"), 2*writeInterval).Should(Equal("none "))
}

func TestAFlappingGatewayIsOneWriteInTenSeconds(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workload := n.NewWorkload()
	fleet.EnsureConsumer(t, workload)
	service := fleet.AddService(t, workload, corev1.ServiceTypeLoadBalancer, "192.0.2.161")
	n.AddCluster("cluster-a", workload.Kubeconfig, fleet.HasGateway())
	begin := time.Now()
	n.AddGatewayDNS("gw", fleet.ServiceRef(service), func(g *xccv1.GatewayDNS) { g.Spec.HealthCheck = &xccv1.HealthCheck{} })
	n.Eventually(n.status("gw")).Should(Equal("NoReachabilityReport: 0 report, 0 unreachable"))
	fleet.Flood(writeInterval, func(number int) {
		n.setReport(workload, n.report(map[string]bool{"cluster-a": number%2 == 0}))
	})
	n.setReport(workload, n.report(map[string]bool{"cluster-a": false}))
	n.Eventually(n.status("gw"), 3*writeInterval).Should(Equal("GatewaysUnreachable: 1 report, 1 unreachable, cluster-a 1/1"))
	writes, _ := n.writes()
	n.Expect(writes).To(BeNumerically("<=", 1+int(time.Since(begin)/writeInterval)), "writes of status.reachability")
	t.Logf("%d writes in %s", writes, time.Since(begin).Round(time.Second))
}

func TestAClusterThatListsNothingHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workload, other := n.NewWorkload(), n.NewWorkload()
	fleet.EnsureConsumer(t, workload)
	service := fleet.AddService(t, workload, corev1.ServiceTypeLoadBalancer, "192.0.2.162")
	front := fleet.NewFront(t, other, "token")
	hanging := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, xccv1.ReachabilityName) {
			<-r.Context().Done()
			return
		}
		r.Header.Set("Authorization", "Bearer token")
		front.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { hanging.CloseClientConnections(); hanging.Close() })
	n.AddCluster("cluster-a", workload.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.KubeconfigFor(hanging.URL), nil)
	n.setReport(workload, n.report(map[string]bool{"cluster-a": true}))
	n.AddGatewayDNS("gw", fleet.ServiceRef(service), func(g *xccv1.GatewayDNS) { g.Spec.HealthCheck = &xccv1.HealthCheck{} })
	n.Eventually(n.status("gw"), 4*writeInterval).Should(Equal("GatewaysReachable: 1 report, 0 unreachable"))
}
