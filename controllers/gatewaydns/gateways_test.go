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

package gatewaydns

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

var (
	before = metav1.NewTime(time.Unix(1000, 0))
	now    = metav1.NewTime(time.Unix(2000, 0))
)

func service(serviceType corev1.ServiceType, ingress ...corev1.LoadBalancerIngress) *corev1.Service {
	return &corev1.Service{
		Spec:   corev1.ServiceSpec{Type: serviceType},
		Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: ingress}},
	}
}

func ip(address string) corev1.LoadBalancerIngress { return corev1.LoadBalancerIngress{IP: address} }

func host(name string) corev1.LoadBalancerIngress { return corev1.LoadBalancerIngress{Hostname: name} }

func TestGateways(t *testing.T) {
	t.Parallel()
	seen := func(service *corev1.Service) *Observation {
		return &Observation{Services: map[types.NamespacedName]*corev1.Service{{Namespace: "projectcontour", Name: "envoy"}: service}}
	}
	last := xccv1.GatewayStatus{
		Cluster: "a", Hostname: "*.gateway.a.dev.clusters.xcc.test", State: xccv1.GatewayResolved, Addresses: []string{"192.0.2.9"}, LastTransitionTime: before,
	}
	for name, test := range map[string]struct {
		last      *xccv1.GatewayStatus
		observed  *Observation
		paused    bool
		state     xccv1.GatewayState
		addresses []string
		message   string
		changed   metav1.Time
	}{
		"an address":                 {observed: seen(service("LoadBalancer", ip("192.0.2.1"))), state: "Resolved", addresses: []string{"192.0.2.1"}, changed: now},
		"the same address as before": {last: &last, observed: seen(service("LoadBalancer", ip("192.0.2.9"))), state: "Resolved", addresses: []string{"192.0.2.9"}, changed: before},
		"another one than before":    {last: &last, observed: seen(service("LoadBalancer", ip("192.0.2.1"))), state: "Resolved", addresses: []string{"192.0.2.1"}, changed: now},
		"several, sorted and once each": {
			observed: seen(service("LoadBalancer", ip("192.0.2.2"), host("LB.example.com."), ip("192.0.2.1"), ip("2001:DB8::1"), ip("192.0.2.1"))),
			state:    "Resolved", addresses: []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "lb.example.com"}, changed: now,
		},
		"an IPv4 address in IPv6 form": {observed: seen(service("LoadBalancer", ip("::ffff:192.0.2.1"))), state: "Resolved", addresses: []string{"192.0.2.1"}, changed: now},
		"a host name only":             {observed: seen(service("LoadBalancer", host("lb.example.com"))), state: "Resolved", addresses: []string{"lb.example.com"}, changed: now},
		"a usable one beside one that is not": {
			observed: seen(service("LoadBalancer", ip("192.0.2.1"), ip("127.0.0.1"))), state: "Resolved", addresses: []string{"192.0.2.1"},
			message: "Left out: 127.0.0.1 is a loopback address", changed: now,
		},
		"only one that is not usable": {
			observed: seen(service("LoadBalancer", host("localhost"))), state: "NoAddress", message: "localhost is not a fully qualified host name", changed: now,
		},
		"an address that only looks like one": {observed: seen(service("LoadBalancer", ip("010.0.0.1"))), state: "NoAddress", message: "010.0.0.1 is not an IP address", changed: now},
		"a host name that DNS does not allow": {
			observed: seen(service("LoadBalancer", host(strings.Repeat("a", 64)+".example.com"))), state: "NoAddress", message: "not a fully qualified host name", changed: now,
		},
		"an ingress that is neither yet": {observed: seen(service("LoadBalancer", corev1.LoadBalancerIngress{})), state: "NoAddress", message: "no load balancer address yet", changed: now},
		"no ingress":                     {last: &last, observed: seen(service("LoadBalancer")), state: "NoAddress", message: "no load balancer address yet", changed: now},
		"another type":                   {last: &last, observed: seen(service("NodePort", ip("192.0.2.1"))), state: "WrongServiceType", message: "is of type NodePort", changed: now},
		"no Service":                     {last: &last, observed: seen(nil), state: "ServiceNotFound", message: "has no Service projectcontour/envoy", changed: now},
		"a cluster that cannot be asked keeps its addresses": {
			last: &last, observed: &Observation{Unknown: "Cluster is not connected"}, state: "Unknown", addresses: []string{"192.0.2.9"},
			message: "Cluster is not connected", changed: now,
		},
		"a cluster that could never be asked has none":               {observed: &Observation{Unknown: "Cluster is not connected"}, state: "Unknown", message: "not connected", changed: now},
		"a cluster that this process has not asked yet is as it was": {last: &last, state: "Resolved", addresses: []string{"192.0.2.9"}, changed: before},
		"a new cluster that was not asked yet":                       {state: "Unknown", message: "has not been asked yet", changed: now},
		"a cluster that was not asked for this Service yet":          {last: &last, observed: &Observation{}, state: "Unknown", addresses: []string{"192.0.2.9"}, message: "this Service yet", changed: now},
		"a paused cluster keeps its addresses": {
			last: &last, observed: seen(service("LoadBalancer", ip("192.0.2.1"))), paused: true, state: "Unknown", addresses: []string{"192.0.2.9"}, message: "paused", changed: now,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			gatewayDNS := &xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev"}, Spec: xccv1.GatewayDNSSpec{Service: "projectcontour/envoy"}}
			if test.last != nil {
				gatewayDNS.Status.Gateways = []xccv1.GatewayStatus{*test.last}
			}
			cluster := clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "a"}, Spec: clusterv1.ClusterSpec{Paused: new(test.paused)}}
			result := gateways(gatewayDNS, "xcc.test", []clusterv1.Cluster{cluster}, func(client.ObjectKey) (Observation, bool) {
				return ptr.Deref(test.observed, Observation{}), test.observed != nil
			}, now)
			g.Expect(result).To(HaveLen(1))
			g.Expect(result[0].State).To(Equal(test.state))
			g.Expect(result[0].Addresses).To(Equal(test.addresses))
			g.Expect(result[0].Message).To(ContainSubstring(test.message))
			g.Expect(result[0].Hostname).To(Equal("*.gateway.a.dev.clusters.xcc.test"))
			g.Expect(result[0].LastTransitionTime).To(Equal(test.changed))
		})
	}
}

func TestAGatewayWithVeryManyAddressesStaysWithinTheSchema(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var good, bad []corev1.LoadBalancerIngress
	for i := range 5000 {
		good = append(good, ip(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)))
		bad = append(bad, host(fmt.Sprintf("localhost%d", i)))
	}
	state, message, addresses := resolve("a/b", service("LoadBalancer", good...))
	g.Expect(state).To(Equal(xccv1.GatewayResolved))
	g.Expect(addresses).To(HaveLen(100))
	g.Expect(message).To(Equal("Only the first 100 of 5000 addresses are published"))
	state, message, addresses = resolve("a/b", service("LoadBalancer", bad...))
	g.Expect(state).To(Equal(xccv1.GatewayNoAddress))
	g.Expect(addresses).To(BeEmpty())
	g.Expect(len(message)).To(BeNumerically("<=", 1024))
}

func TestConditionsSumUp(t *testing.T) {
	t.Parallel()
	gateway := func(cluster string, state xccv1.GatewayState) xccv1.GatewayStatus {
		return xccv1.GatewayStatus{Cluster: cluster, State: state, Message: "why"}
	}
	for name, test := range map[string]struct {
		gateways []xccv1.GatewayStatus
		status   metav1.ConditionStatus
		reason   string
		message  string
	}{
		"all resolved":                  {[]xccv1.GatewayStatus{gateway("a", "Resolved"), gateway("b", "Resolved")}, metav1.ConditionTrue, xccv1.ReadyReason, ""},
		"one unknown":                   {[]xccv1.GatewayStatus{gateway("a", "Resolved"), gateway("b", "Unknown")}, metav1.ConditionUnknown, xccv1.ReadyUnknownReason, "b: Unknown: why"},
		"one unknown, one resolved not": {[]xccv1.GatewayStatus{gateway("a", "NoAddress"), gateway("b", "Unknown")}, metav1.ConditionFalse, xccv1.NotReadyReason, "a: NoAddress: why"},
		"none selected":                 {nil, metav1.ConditionFalse, xccv1.NotReadyReason, "selects no Cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			gatewayDNS := &xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Generation: 3}, Status: xccv1.GatewayDNSStatus{Gateways: test.gateways}}
			setClustersSelectedCondition(gatewayDNS, len(test.gateways), nil)
			setGatewaysResolvedCondition(gatewayDNS, nil)
			g.Expect(setReadyCondition(gatewayDNS)).To(Succeed())
			ready := conditions.Get(gatewayDNS, xccv1.ReadyCondition)
			g.Expect(ready.Status).To(Equal(test.status))
			g.Expect(ready.Reason).To(Equal(test.reason))
			g.Expect(ready.Message).To(ContainSubstring(test.message))
			g.Expect(ready.ObservedGeneration).To(BeEquivalentTo(3))
		})
	}
}

func TestAConditionNamesTheFirstFewGatewaysOnly(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	gatewayDNS := &xccv1.GatewayDNS{}
	for i := range 1000 {
		gatewayDNS.Status.Gateways = append(gatewayDNS.Status.Gateways, xccv1.GatewayStatus{
			Cluster: fmt.Sprintf("cluster-%d", i), State: xccv1.GatewayNoAddress, Message: strings.Repeat("m", 1024),
		})
	}
	setGatewaysResolvedCondition(gatewayDNS, nil)
	message := conditions.GetMessage(gatewayDNS, xccv1.GatewaysResolvedCondition)
	g.Expect(message).To(ContainSubstring("and 997 more"))
	g.Expect(len(message)).To(BeNumerically("<", 32768))
}
