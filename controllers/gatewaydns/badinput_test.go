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

package gatewaydns_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

func TestEachWayToFailIsAStateOfItsOwnAndHarmsNobody(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	balanced := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.70")
	plain := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeClusterIP)
	pending := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer)
	unusable := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "127.0.0.1", "fe80::1", "224.0.0.1", "0.0.0.0")
	hanging := newHangingServer(t, fleet.WorkloadA)

	n.AddCluster("healthy", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("no-kubeconfig", nil, fleet.HasGateway())
	n.AddCluster("broken-kubeconfig", []byte("not a kubeconfig"), fleet.HasGateway())
	n.AddCluster("refusing", fleet.KubeconfigFor("https://127.0.0.1:1"), fleet.HasGateway())
	n.AddCluster("hanging", fleet.KubeconfigFor(hanging.URL), fleet.HasGateway())
	n.AddCluster("consumer", fleet.WorkloadB.Kubeconfig, nil)

	for name, test := range map[string]struct {
		service string
		state   xccv1.GatewayState
		message string
	}{
		"balanced": {fleet.ServiceRef(balanced), xccv1.GatewayResolved, ""},
		"plain":    {fleet.ServiceRef(plain), xccv1.GatewayWrongServiceType, "is of type ClusterIP: resolutionType loadBalancer needs type LoadBalancer"},
		"pending":  {fleet.ServiceRef(pending), xccv1.GatewayNoAddress, "has no load balancer address yet"},
		"unusable": {fleet.ServiceRef(unusable), xccv1.GatewayNoAddress, "127.0.0.1 is a loopback address"},
		"missing":  {"nowhere/envoy", xccv1.GatewayServiceNotFound, "create it or correct spec.service"},
	} {
		gatewayDNS := n.AddGatewayDNS(name, test.service, fleet.Subdomain(name))
		n.Eventually(n.Gateways(name)).Should(HaveKeyWithValue("healthy", And(
			HaveField("State", test.state), HaveField("Message", ContainSubstring(test.message)),
		)), name)
		for unknown, message := range map[string]string{
			"no-kubeconfig":     "there is no kubeconfig Secret no-kubeconfig-kubeconfig with the label cluster.x-k8s.io/cluster-name",
			"refusing":          "check its kubeconfig Secret refusing-kubeconfig and that its API server answers",
			"broken-kubeconfig": "Secret broken-kubeconfig-kubeconfig is refused: it cannot be parsed",
		} {
			n.Eventually(n.Gateways(name)).Should(HaveKeyWithValue(unknown, And(
				HaveField("State", xccv1.GatewayUnknown), HaveField("Message", ContainSubstring(message)),
			)))
		}
		n.Eventually(n.Gateways(name)).Should(HaveKeyWithValue("hanging", And(
			HaveField("State", xccv1.GatewayUnknown), HaveField("Message", ContainSubstring("has not listed its Services yet")),
		)))
		n.Expect(n.Condition(gatewayDNS, xccv1.ReadyCondition)(n).Status).NotTo(Equal(metav1.ConditionTrue))
	}
	n.Expect(hanging.lists.Load()).To(BeNumerically(">", 0), "the hanging cluster was asked")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named("balanced", "healthy"))).Should(ConsistOf("192.0.2.70"))

	t.Log("A change is followed while the others hang, and the cluster that hung is followed when it answers")
	fleet.SetAddresses(t, fleet.WorkloadA, balanced, "192.0.2.71")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named("balanced", "healthy"))).Should(ConsistOf("192.0.2.71"))
	hanging.release()
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named("balanced", "hanging"))).Should(ConsistOf("192.0.2.71"))
}

func TestAServiceWithThousandsOfAddressesHarmsNoOther(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	var many []string
	for i := range 5000 {
		many = append(many, fmt.Sprintf("10.1.%d.%d", i/250, 1+i%250))
	}
	huge := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, many...)
	small := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.85")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("huge", fleet.ServiceRef(huge), fleet.Subdomain("huge"))
	n.AddGatewayDNS("small", fleet.ServiceRef(small), fleet.Subdomain("small"))
	n.Eventually(n.Gateways("huge")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayResolved), HaveField("Addresses", HaveLen(100)),
		HaveField("Message", ContainSubstring("Only the first 100 of 5000 addresses are published")),
	)))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named("huge", "cluster-a"))).Should(HaveLen(100))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named("small", "cluster-a"))).Should(ConsistOf("192.0.2.85"))

	t.Log("Both are followed, the other one while the huge one changes")
	fleet.SetAddresses(t, fleet.WorkloadA, huge, many[1:]...)
	fleet.SetAddresses(t, fleet.WorkloadA, small, "192.0.2.86")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Named("small", "cluster-a"))).Should(ConsistOf("192.0.2.86"))
	n.Eventually(n.Gateways("huge")).Should(HaveKeyWithValue("cluster-a", HaveField("Message", ContainSubstring("of 4999 addresses"))))
}

func TestASelectorThatMatchesNothingSaysSo(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	gatewayDNS := n.AddGatewayDNS("gw", "projectcontour/envoy")
	n.Eventually(n.Condition(gatewayDNS, xccv1.ClustersSelectedCondition)).Should(And(
		HaveField("Status", metav1.ConditionFalse), HaveField("Reason", xccv1.NoClusterSelectedReason),
		HaveField("Message", ContainSubstring("selects no Cluster in namespace "+n.Namespace)),
	))
	n.Eventually(n.Condition(gatewayDNS, xccv1.ReadyCondition)).Should(And(
		HaveField("Status", metav1.ConditionFalse), HaveField("Message", ContainSubstring("selects no Cluster")),
	))
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.Eventually(n.Condition(gatewayDNS, xccv1.ClustersSelectedCondition)).Should(HaveField("Status", metav1.ConditionTrue))
}

func TestASelectorThatCannotBeEvaluatedSaysSo(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	gatewayDNS := &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: "gw"},
		Spec: xccv1.GatewayDNSSpec{
			ClusterSelector: metav1.LabelSelector{MatchLabels: map[string]string{"team": "not a label value"}}, Service: "a/b",
		},
	}
	n.Expect(fleet.Management.Create(t.Context(), gatewayDNS)).To(Succeed())
	n.Eventually(n.Condition(gatewayDNS, xccv1.ClustersSelectedCondition)).Should(And(
		HaveField("Status", metav1.ConditionFalse), HaveField("Reason", xccv1.InvalidSelectorReason),
		HaveField("Message", ContainSubstring("correct it")),
	))
}

func TestASliceWithGarbageInItsAnnotationsHarmsNoOther(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	garbage := fleet.NewSlice("garbage-"+n.Namespace, map[string]string{
		xccv1.DNSHostnameAnnotation: "\x01 not a name", xccv1.GatewayDNSRefAnnotation: "not/a/reference",
	}, "192.0.2.80")
	n.Expect(fleet.WorkloadB.Create(ctx, garbage)).To(Succeed())
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.81")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.81"))
	n.Expect(fleet.WorkloadB.Get(ctx, client.ObjectKeyFromObject(garbage), garbage)).To(Succeed())
}

func TestAClusterNameThatDNSDoesNotAllowIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.90")
	long := strings.Repeat("a", 64)
	n.AddCluster(long, nil, fleet.HasGateway())
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue(long, And(
		HaveField("State", xccv1.GatewayInvalidName), HaveField("Message", ContainSubstring("has 64 characters, DNS allows 63")),
	)))
}

// hangingServer is an API server that answers everything but lists and watches, which hang until it is released.
type hangingServer struct {
	*httptest.Server
	lists    atomic.Int64
	released chan struct{}
}

func newHangingServer(t *testing.T, behind *fleet.Cluster) *hangingServer {
	t.Helper()
	g := NewWithT(t)
	transport, err := rest.TransportFor(behind.Config)
	g.Expect(err).NotTo(HaveOccurred())
	target, err := url.Parse(behind.Config.Host)
	g.Expect(err).NotTo(HaveOccurred())
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1,
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) {},
	}
	server := &hangingServer{released: make(chan struct{})}
	server.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "limit=") || strings.Contains(r.URL.RawQuery, "watch=") {
			server.lists.Add(1)
			select {
			case <-server.released:
			case <-r.Context().Done():
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.CloseClientConnections)
	return server
}

func (s *hangingServer) release() { close(s.released) }
