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
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

func TestEachWayToFailIsAStateOfItsOwnAndHarmsNobody(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	balanced := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.70")
	plain := addService(t, workloadA, corev1.ServiceTypeClusterIP)
	pending := addService(t, workloadA, corev1.ServiceTypeLoadBalancer)
	unusable := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "127.0.0.1", "fe80::1", "224.0.0.1", "0.0.0.0")
	hanging := newHangingServer(t, workloadA)

	n.addCluster("healthy", workloadA.kubeconfig, hasGateway())
	n.addCluster("no-kubeconfig", nil, hasGateway())
	n.addCluster("broken-kubeconfig", []byte("not a kubeconfig"), hasGateway())
	n.addCluster("refusing", kubeconfigFor("https://127.0.0.1:1"), hasGateway())
	n.addCluster("hanging", kubeconfigFor(hanging.URL), hasGateway())
	n.addCluster("consumer", workloadB.kubeconfig, nil)

	for name, test := range map[string]struct {
		service string
		state   xccv1.GatewayState
		message string
	}{
		"balanced": {serviceRef(balanced), xccv1.GatewayResolved, ""},
		"plain":    {serviceRef(plain), xccv1.GatewayWrongServiceType, "is of type ClusterIP: resolutionType loadBalancer needs type LoadBalancer"},
		"pending":  {serviceRef(pending), xccv1.GatewayNoAddress, "has no load balancer address yet"},
		"unusable": {serviceRef(unusable), xccv1.GatewayNoAddress, "127.0.0.1 is a loopback address"},
		"missing":  {"nowhere/envoy", xccv1.GatewayServiceNotFound, "create it or correct spec.service"},
	} {
		gatewayDNS := n.addGatewayDNS(name, test.service, subdomain(name))
		n.Eventually(n.gateways(name)).Should(HaveKeyWithValue("healthy", And(
			HaveField("State", test.state), HaveField("Message", ContainSubstring(test.message)),
		)), name)
		for unknown, message := range map[string]string{
			"no-kubeconfig":     "there is no kubeconfig Secret no-kubeconfig-kubeconfig with the label cluster.x-k8s.io/cluster-name",
			"refusing":          "check its kubeconfig Secret refusing-kubeconfig and that its API server answers",
			"broken-kubeconfig": "Secret broken-kubeconfig-kubeconfig is refused: it cannot be parsed",
		} {
			n.Eventually(n.gateways(name)).Should(HaveKeyWithValue(unknown, And(
				HaveField("State", xccv1.GatewayUnknown), HaveField("Message", ContainSubstring(message)),
			)))
		}
		n.Eventually(n.gateways(name)).Should(HaveKeyWithValue("hanging", And(
			HaveField("State", xccv1.GatewayUnknown), HaveField("Message", ContainSubstring("has not listed its Services yet")),
		)))
		n.Expect(n.condition(gatewayDNS, xccv1.ReadyCondition)(n).Status).NotTo(Equal(metav1.ConditionTrue))
	}
	n.Expect(hanging.lists.Load()).To(BeNumerically(">", 0), "the hanging cluster was asked")
	n.Eventually(published(ctx, workloadB, n.named("balanced", "healthy"))).Should(ConsistOf("192.0.2.70"))

	t.Log("A change is followed while the others hang, and the cluster that hung is followed when it answers")
	setAddresses(t, workloadA, balanced, "192.0.2.71")
	n.Eventually(published(ctx, workloadB, n.named("balanced", "healthy"))).Should(ConsistOf("192.0.2.71"))
	hanging.release()
	n.Eventually(published(ctx, workloadB, n.named("balanced", "hanging"))).Should(ConsistOf("192.0.2.71"))
}

func TestAServiceWithThousandsOfAddressesHarmsNoOther(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	var many []string
	for i := range 5000 {
		many = append(many, fmt.Sprintf("10.1.%d.%d", i/250, 1+i%250))
	}
	huge := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, many...)
	small := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.85")
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.addGatewayDNS("huge", serviceRef(huge), subdomain("huge"))
	n.addGatewayDNS("small", serviceRef(small), subdomain("small"))
	n.Eventually(n.gateways("huge")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayResolved), HaveField("Addresses", HaveLen(100)),
		HaveField("Message", ContainSubstring("Only the first 100 of 5000 addresses are published")),
	)))
	n.Eventually(published(ctx, workloadB, n.named("huge", "cluster-a"))).Should(HaveLen(100))
	n.Eventually(published(ctx, workloadB, n.named("small", "cluster-a"))).Should(ConsistOf("192.0.2.85"))

	t.Log("Both are followed, the other one while the huge one changes")
	setAddresses(t, workloadA, huge, many[1:]...)
	setAddresses(t, workloadA, small, "192.0.2.86")
	n.Eventually(published(ctx, workloadB, n.named("small", "cluster-a"))).Should(ConsistOf("192.0.2.86"))
	n.Eventually(n.gateways("huge")).Should(HaveKeyWithValue("cluster-a", HaveField("Message", ContainSubstring("of 4999 addresses"))))
}

func TestASelectorThatMatchesNothingSaysSo(t *testing.T) {
	n := newTenant(t)
	gatewayDNS := n.addGatewayDNS("gw", "projectcontour/envoy")
	n.Eventually(n.condition(gatewayDNS, xccv1.ClustersSelectedCondition)).Should(And(
		HaveField("Status", metav1.ConditionFalse), HaveField("Reason", xccv1.NoClusterSelectedReason),
		HaveField("Message", ContainSubstring("selects no Cluster in namespace "+n.namespace)),
	))
	n.Eventually(n.condition(gatewayDNS, xccv1.ReadyCondition)).Should(And(
		HaveField("Status", metav1.ConditionFalse), HaveField("Message", ContainSubstring("selects no Cluster")),
	))
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.Eventually(n.condition(gatewayDNS, xccv1.ClustersSelectedCondition)).Should(HaveField("Status", metav1.ConditionTrue))
}

func TestASelectorThatCannotBeEvaluatedSaysSo(t *testing.T) {
	n := newTenant(t)
	gatewayDNS := &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: "gw"},
		Spec: xccv1.GatewayDNSSpec{
			ClusterSelector: metav1.LabelSelector{MatchLabels: map[string]string{"team": "not a label value"}}, Service: "a/b",
		},
	}
	n.Expect(management.Create(t.Context(), gatewayDNS)).To(Succeed())
	n.Eventually(n.condition(gatewayDNS, xccv1.ClustersSelectedCondition)).Should(And(
		HaveField("Status", metav1.ConditionFalse), HaveField("Reason", xccv1.InvalidSelectorReason),
		HaveField("Message", ContainSubstring("correct it")),
	))
}

func TestASliceWithGarbageInItsAnnotationsHarmsNoOther(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	garbage := newSlice("garbage-"+n.namespace, map[string]string{
		xccv1.DNSHostnameAnnotation: "\x01 not a name", xccv1.GatewayDNSRefAnnotation: "not/a/reference",
	}, "192.0.2.80")
	n.Expect(workloadB.Create(ctx, garbage)).To(Succeed())
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.81")
	n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("192.0.2.81"))
	n.Expect(workloadB.Get(ctx, client.ObjectKeyFromObject(garbage), garbage)).To(Succeed())
}

func TestAClusterNameThatDNSDoesNotAllowIsRefusedWithItsReason(t *testing.T) {
	n := newTenant(t)
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.90")
	long := strings.Repeat("a", 64)
	n.addCluster(long, nil, hasGateway())
	n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue(long, And(
		HaveField("State", xccv1.GatewayInvalidName), HaveField("Message", ContainSubstring("has 64 characters, DNS allows 63")),
	)))
}

// hangingServer is an API server that answers everything but lists and watches, which hang until it is released.
type hangingServer struct {
	*httptest.Server
	lists    atomic.Int64
	released chan struct{}
}

func newHangingServer(t *testing.T, behind *cluster) *hangingServer {
	t.Helper()
	g := NewWithT(t)
	transport, err := rest.TransportFor(behind.config)
	g.Expect(err).NotTo(HaveOccurred())
	target, err := url.Parse(behind.config.Host)
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

// kubeconfigFor returns a kubeconfig without credentials, which trusts any certificate.
func kubeconfigFor(server string) []byte {
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: server, InsecureSkipTLSVerify: true}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test"}
	config.CurrentContext = "test"
	data, err := clientcmd.Write(*config)
	if err != nil {
		panic(err)
	}
	return data
}
