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

package resolve_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

const terminatingRemark = "=No endpoint is ready: terminating endpoints that still serve are published"

// kube-proxy uses terminating endpoints that still serve if no endpoint is ready (KEP-1669).
func TestServingTerminatingEndpointsCountIfNoneIsReady(t *testing.T) {
	t.Parallel()
	const nodePorts, hostPorts = "http/TCP:30080 https/TCP:30443", "http/TCP:80"
	one, two := node("one", "10.0.0.1 fd00::1"), node("two", "10.0.0.2 fd00::2")
	both := []*corev1.Node{one, two}
	v4Only := []corev1.IPFamily{v4}
	for name, test := range map[string]struct {
		nodes    []*corev1.Node
		families []corev1.IPFamily
		slices   []*discoveryv1.EndpointSlice
		nodePort expected
		hostPort expected
	}{
		"a serving endpoint counts": {both, v4Only, []*discoveryv1.EndpointSlice{slice("~a@one -b@two")},
			expected{"Resolved", "10.0.0.1", nodePorts, terminatingRemark}, expected{"Resolved", "10.0.0.1", hostPorts, terminatingRemark}},
		"an endpoint that does not serve is ignored": {both, v4Only, []*discoveryv1.EndpointSlice{slice("-a@one")},
			expected{"NoReadyEndpoint", "", "", "2 without a ready endpoint"}, expected{"NoReadyEndpoint", "", "", "has no ready Pod"}},
		"a ready endpoint on another node takes precedence": {both, v4Only, []*discoveryv1.EndpointSlice{slice("~a@one b@two")},
			expected{"Resolved", "10.0.0.2", nodePorts, "="}, expected{"Resolved", "10.0.0.2", hostPorts, "="}},
		"an endpoint without conditions takes precedence": {both, v4Only, []*discoveryv1.EndpointSlice{slice("~a@one ?b@two")},
			expected{"Resolved", "10.0.0.2", nodePorts, "="}, expected{"Resolved", "10.0.0.2", hostPorts, "="}},
		"an endpoint that is not ready does not take precedence": {both, v4Only, []*discoveryv1.EndpointSlice{slice("~a@one !b@two")},
			expected{"Resolved", "10.0.0.1", nodePorts, terminatingRemark}, expected{"Resolved", "10.0.0.1", hostPorts, terminatingRemark}},
		"a ready endpoint on a node that is not ready does not take precedence": {[]*corev1.Node{one, node("two", "10.0.0.2", ready("False"))}, v4Only, []*discoveryv1.EndpointSlice{slice("~a@one b@two")},
			expected{"Resolved", "10.0.0.1", nodePorts, terminatingRemark}, expected{"Resolved", "10.0.0.1", hostPorts, terminatingRemark}},
		"the node of the endpoint is not ready": {[]*corev1.Node{node("one", "10.0.0.1", ready("False"))}, v4Only, []*discoveryv1.EndpointSlice{slice("~a@one")},
			expected{"NoReadyEndpoint", "", "", "1 not ready"}, expected{"NoReadyEndpoint", "", "", "has no ready Pod"}},
		"the node of the endpoint is not cached": {[]*corev1.Node{two}, v4Only, []*discoveryv1.EndpointSlice{slice("~a@one")},
			expected{"NoReadyEndpoint", "", "", "1 without a ready endpoint"}, expected{"NoReadyEndpoint", "", "", "has no ready Pod"}},
		"precedence is per family": {both, []corev1.IPFamily{v4, v6}, []*discoveryv1.EndpointSlice{slice("~a@one b@two"), sliceOf("IPv6", "~a@one")},
			expected{"Resolved", "10.0.0.2 fd00::1", nodePorts, terminatingRemark}, expected{"Resolved", "10.0.0.2", hostPorts, "="}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := resolve.Objects{
				Service: service("NodePort", local, inFamilies(test.families...)), Nodes: test.nodes, Slices: test.slices,
				Pods: []*corev1.Pod{pod("a", "one", hostPort(80)), pod("b", "two", hostPort(80))},
			}
			check(t, resolve.Gateway(target("nodePort"), objects, network), test.nodePort)
			check(t, resolve.Gateway(target("hostPort"), objects, network), test.hostPort)
		})
	}
}

// If publishNotReadyAddresses is set, every endpoint is reported as ready.
func TestATerminatingPodCountsIfNotReadyAddressesArePublished(t *testing.T) {
	t.Parallel()
	publishesAll := func(service *corev1.Service) { service.Spec.PublishNotReadyAddresses = true }
	with := func(name, nodeName string, status corev1.ConditionStatus, deleted bool) *corev1.Pod {
		pod := pod(name, nodeName, hostPort(80))
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
		if deleted {
			pod.DeletionTimestamp = &metav1.Time{}
		}
		return pod
	}
	for name, test := range map[string]struct {
		a, b *corev1.Pod
		expected
	}{
		"the Pod serves":           {with("a", "one", "True", true), with("b", "two", "False", true), expected{"Resolved", "10.0.0.1", "http/TCP:80", terminatingRemark}},
		"another Pod is ready":     {with("a", "one", "True", true), with("b", "two", "True", false), expected{"Resolved", "10.0.0.2", "http/TCP:80", "="}},
		"the Pod does not serve":   {with("a", "one", "False", true), with("b", "two", "False", false), expected{"NoReadyEndpoint", "", "", "2 not ready, which spec.publishNotReadyAddresses hides"}},
		"the readiness is unknown": {with("a", "one", "Unknown", true), pod("b", "two"), expected{"NoReadyEndpoint", "", "", "2 not ready"}},
		"the Pod has no hostPort":  {pod("a", "one"), pod("b", "two"), expected{"NoReadyEndpoint", "", "", "2 not ready"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := resolve.Objects{
				Service: service("ClusterIP", publishesAll), Nodes: []*corev1.Node{node("one", "10.0.0.1"), node("two", "10.0.0.2")},
				Slices: []*discoveryv1.EndpointSlice{slice("a@one b@two")}, Pods: []*corev1.Pod{test.a, test.b},
			}
			check(t, resolve.Gateway(target("hostPort"), objects, network), test.expected)
		})
	}
}

// Load balancers are removed before the object that requested them is gone.
func TestAGatewayThatIsBeingDeletedIsWithdrawn(t *testing.T) {
	t.Parallel()
	leaving := func(service *corev1.Service) { service.DeletionTimestamp = &metav1.Time{} }
	external := func(service *corev1.Service) { service.Spec.ExternalIPs = []string{"192.0.2.1"} }
	objects := func(serviceType corev1.ServiceType) resolve.Objects {
		return resolve.Objects{
			Service: service(serviceType, leaving, external, ingress("192.0.2.1")), Nodes: []*corev1.Node{node("one", "10.0.0.1")},
			Slices: []*discoveryv1.EndpointSlice{slice("a@one")}, Pods: []*corev1.Pod{pod("a", "one", hostPort(80))},
		}
	}
	want := expected{"ServiceNotFound", "", "", "=Service projectcontour/envoy is being deleted, so nothing is published for it: see its finalizers if this lasts"}
	for resolutionType, serviceType := range map[xccv1.ResolutionType]corev1.ServiceType{
		"loadBalancer": "LoadBalancer", "nodePort": "NodePort", "hostPort": "ClusterIP", "externalIPs": "ClusterIP",
	} {
		found := resolve.Gateway(target(resolutionType), objects(serviceType), network)
		check(t, found, want)
		check(t, resolve.Override("192.0.2.9", network, found), want)
	}
	gateway := gatewayWith("IPAddress", "192.0.2.1")
	gateway.SetDeletionTimestamp(&metav1.Time{Time: metav1.Now().Time})
	found := resolve.Gateway(resolve.TargetOf(&xccv1.GatewayDNSSpec{Gateway: "infra/eg"}), resolve.Objects{GatewayAPI: true, Gateway: gateway}, network)
	check(t, found, expected{"GatewayNotFound", "", "", "Gateway infra/eg is being deleted"})
	check(t, resolve.Override("192.0.2.9", network, found), expected{"GatewayNotFound", "", "", "Gateway infra/eg is being deleted"})
}
