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
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// node returns a ready node. addresses are separated by spaces; "ext=" marks an external one.
func node(name, addresses string, changes ...func(*corev1.Node)) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: name}}
	for address := range strings.FieldsSeq(addresses) {
		external, ok := strings.CutPrefix(address, "ext=")
		addressType := corev1.NodeInternalIP
		if ok {
			addressType = corev1.NodeExternalIP
		}
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: addressType, Address: external})
	}
	node.Status.Conditions = []corev1.NodeCondition{
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse}, {Type: corev1.NodeReady, Status: corev1.ConditionTrue},
	}
	for _, change := range changes {
		change(node)
	}
	return node
}

func ready(status corev1.ConditionStatus) func(*corev1.Node) {
	return func(node *corev1.Node) { node.Status.Conditions[1].Status = status }
}

func noConditions(node *corev1.Node) { node.Status.Conditions = nil }
func cordoned(node *corev1.Node)     { node.Spec.Unschedulable = true }
func deleted(node *corev1.Node)      { node.DeletionTimestamp = &metav1.Time{} }
func toBeDeleted(node *corev1.Node) {
	node.Spec.Taints = []corev1.Taint{{Key: "ToBeDeletedByClusterAutoscaler", Effect: corev1.TaintEffectNoSchedule}}
}
func tainted(node *corev1.Node) {
	node.Spec.Taints = []corev1.Taint{{Key: "team", Effect: corev1.TaintEffectNoSchedule}}
}
func excluded(node *corev1.Node) {
	node.Labels = map[string]string{corev1.LabelNodeExcludeBalancers: ""}
}

// slice returns an EndpointSlice of type IPv4 with the port http, 8080. An endpoint is "pod@node"
// or "pod/uid@node", with a prefix for its conditions: "!" is not ready, "?" has no conditions, "~"
// is terminating and serving, and "-" is terminating and not serving.
func slice(endpoints string) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "projectcontour", Name: "envoy-x"}, AddressType: discoveryv1.AddressTypeIPv4,
	}
	slice.Ports = []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(8080)), Protocol: new(corev1.ProtocolTCP)}}
	for text := range strings.FieldsSeq(endpoints) {
		endpoint := discoveryv1.Endpoint{Conditions: discoveryv1.EndpointConditions{Ready: new(true)}}
		switch text[0] {
		case '!':
			endpoint.Conditions.Ready = new(false)
		case '?':
			endpoint.Conditions.Ready = nil
		case '~':
			endpoint.Conditions = discoveryv1.EndpointConditions{Ready: new(false), Serving: new(true), Terminating: new(true)}
		case '-':
			endpoint.Conditions = discoveryv1.EndpointConditions{Ready: new(false), Serving: new(false), Terminating: new(true)}
		}
		pod, node, _ := strings.Cut(strings.TrimLeft(text, "!?~-"), "@")
		if pod != "" {
			pod, uid, _ := strings.Cut(pod, "/")
			endpoint.TargetRef = &corev1.ObjectReference{Kind: "Pod", Namespace: "projectcontour", Name: pod, UID: types.UID(uid)}
		}
		if node != "" {
			endpoint.NodeName = &node
		}
		slice.Endpoints = append(slice.Endpoints, endpoint)
	}
	return slice
}

// sliceOf is slice with another address type.
func sliceOf(addressType discoveryv1.AddressType, endpoints string) *discoveryv1.EndpointSlice {
	slice := slice(endpoints)
	slice.AddressType = addressType
	return slice
}

// inFamilies sets a Service's IP families.
func inFamilies(families ...corev1.IPFamily) func(*corev1.Service) {
	return func(service *corev1.Service) { service.Spec.IPFamilies = families }
}

func local(service *corev1.Service) {
	service.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
}

func TestNodePort(t *testing.T) {
	t.Parallel()
	const nodePorts = "http/TCP:30080 https/TCP:30443"
	withoutPorts := func(service *corev1.Service) {
		service.Spec.Ports[0].NodePort, service.Spec.Ports[1].NodePort = 0, 0
	}
	one, two := node("one", "10.0.0.1"), node("two", "10.0.0.2")
	for name, test := range map[string]struct {
		service *corev1.Service
		nodes   []*corev1.Node
		slices  []*discoveryv1.EndpointSlice
		expected
	}{
		"all ready nodes":                           {service("NodePort"), []*corev1.Node{one, two}, nil, expected{"Resolved", "10.0.0.1 10.0.0.2", nodePorts, "="}},
		"a Service of type LoadBalancer":            {service("LoadBalancer"), []*corev1.Node{one}, nil, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"external before internal":                  {service("NodePort"), []*corev1.Node{node("one", "10.0.0.1 ext=192.0.2.1 fd00::1 ext=2001:db8::1"), two}, nil, expected{"Resolved", "10.0.0.2 192.0.2.1 2001:db8::1", nodePorts, "="}},
		"two families":                              {service("NodePort"), []*corev1.Node{node("one", "10.0.0.1 fd00::1")}, nil, expected{"Resolved", "10.0.0.1 fd00::1", nodePorts, "="}},
		"a node without address":                    {service("NodePort"), []*corev1.Node{one, node("three", "")}, nil, expected{"Resolved", "10.0.0.1", nodePorts, "=Left out: Node three has no address of type ExternalIP or InternalIP"}},
		"a node with a loopback address":            {service("NodePort"), []*corev1.Node{one, node("three", "127.0.0.1")}, nil, expected{"Resolved", "10.0.0.1", nodePorts, "=Left out: 127.0.0.1 is a loopback address"}},
		"one is not ready":                          {service("NodePort"), []*corev1.Node{one, node("three", "10.0.0.3", ready("False"))}, nil, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"one has stopped reporting":                 {service("NodePort"), []*corev1.Node{one, node("three", "10.0.0.3", ready("Unknown"))}, nil, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"one has not reported yet":                  {service("NodePort"), []*corev1.Node{one, node("three", "10.0.0.3", noConditions)}, nil, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"one is cordoned":                           {service("NodePort"), []*corev1.Node{one, node("three", "10.0.0.3", cordoned)}, nil, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"one is being deleted":                      {service("NodePort"), []*corev1.Node{one, node("three", "10.0.0.3", deleted)}, nil, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"the autoscaler will delete one":            {service("NodePort"), []*corev1.Node{one, node("three", "10.0.0.3", toBeDeleted)}, nil, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"one is excluded from load balancers":       {service("NodePort"), []*corev1.Node{one, node("three", "10.0.0.3", excluded)}, nil, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"one has an unrelated taint":                {service("NodePort"), []*corev1.Node{one, node("three", "10.0.0.3", tainted)}, nil, expected{"Resolved", "10.0.0.1 10.0.0.3", nodePorts, "="}},
		"no node is left":                           {service("NodePort"), []*corev1.Node{node("one", "10.0.0.1", ready("False")), node("two", "10.0.0.2", ready("False")), node("three", "10.0.0.3", excluded)}, nil, expected{"NoReadyEndpoint", "", "", "No node serves Service projectcontour/envoy: 1 labelled node.kubernetes.io/exclude-from-external-load-balancers, 2 not ready"}},
		"only a cordoned node is left":              {service("NodePort"), []*corev1.Node{node("one", "10.0.0.1", ready("False")), node("three", "10.0.0.3", cordoned)}, nil, expected{"Resolved", "10.0.0.3", nodePorts, "=Only unschedulable nodes are left, which serve node ports while they are ready"}},
		"only cordoned nodes have usable addresses": {service("NodePort"), []*corev1.Node{node("one", "127.0.0.1"), node("three", "10.0.0.3", cordoned)}, nil, expected{"Resolved", "10.0.0.3", nodePorts, "Left out: 127.0.0.1 is a loopback address; Only unschedulable nodes are left"}},
		"a cordoned node is not ready":              {service("NodePort"), []*corev1.Node{node("three", "10.0.0.3", cordoned, ready("Unknown"))}, nil, expected{"NoReadyEndpoint", "", "", "1 not ready"}},
		"the cluster has no nodes":                  {service("NodePort"), nil, nil, expected{"NoReadyEndpoint", "", "", "the cluster has none"}},
		"only nodes without address":                {service("NodePort"), []*corev1.Node{node("one", "")}, nil, expected{"NoAddress", "", "", "Node one has no address"}},
		"local: nodes with a ready endpoint":        {service("NodePort", local), []*corev1.Node{one, two}, []*discoveryv1.EndpointSlice{slice("a@one !b@two")}, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"local: an endpoint without conditions":     {service("NodePort", local), []*corev1.Node{one, two}, []*discoveryv1.EndpointSlice{slice("?a@one")}, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"local: in several slices":                  {service("NodePort", local), []*corev1.Node{one, two}, []*discoveryv1.EndpointSlice{slice("a@one"), slice("b@two")}, expected{"Resolved", "10.0.0.1 10.0.0.2", nodePorts, "="}},
		"local: no ready endpoint":                  {service("NodePort", local), []*corev1.Node{one, two}, []*discoveryv1.EndpointSlice{slice("!a@one a@")}, expected{"NoReadyEndpoint", "", "", "2 without a ready endpoint"}},
		"local: one node is not cached":             {service("NodePort", local), []*corev1.Node{one, two}, []*discoveryv1.EndpointSlice{slice("a@one b@three")}, expected{"Resolved", "10.0.0.1", nodePorts, "="}},
		"local: the only node is not cached":        {service("NodePort", local), []*corev1.Node{one, two}, []*discoveryv1.EndpointSlice{slice("!a@one b@three")}, expected{"Unknown", "", "", "has a ready endpoint with the Node three, which has not been seen yet"}},
		"local: on a cordoned node only":            {service("NodePort", local), []*corev1.Node{node("one", "10.0.0.1", cordoned), two}, []*discoveryv1.EndpointSlice{slice("a@one")}, expected{"Resolved", "10.0.0.1", nodePorts, "Only unschedulable nodes are left"}},
		"local: on a cordoned node and another":     {service("NodePort", local), []*corev1.Node{node("one", "10.0.0.1", cordoned), two}, []*discoveryv1.EndpointSlice{slice("a@one b@two")}, expected{"Resolved", "10.0.0.2", nodePorts, "="}},
		"not local: endpoints are ignored":          {service("NodePort"), []*corev1.Node{one, two}, []*discoveryv1.EndpointSlice{slice("!a@one")}, expected{"Resolved", "10.0.0.1 10.0.0.2", nodePorts, "="}},
		"no node ports":                             {service("LoadBalancer", withoutPorts), []*corev1.Node{one}, nil, expected{"NoAddress", "", "", "has no node ports: set its spec.allocateLoadBalancerNodePorts"}},
		"type ClusterIP":                            {service("ClusterIP"), []*corev1.Node{one}, nil, expected{"WrongServiceType", "", "", "resolutionType nodePort needs type NodePort or LoadBalancer"}},
		"no Service":                                {nil, []*corev1.Node{one}, nil, expected{"ServiceNotFound", "", "", "create it"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := resolve.Objects{Service: test.service, Nodes: test.nodes, Slices: test.slices}
			check(t, resolve.Gateway(target("nodePort"), objects, network), test.expected)
		})
	}
}

// pod returns a Pod of one container with the ports.
func pod(name, nodeName string, ports ...corev1.ContainerPort) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "projectcontour", Name: name},
		Spec:       corev1.PodSpec{NodeName: nodeName, Containers: []corev1.Container{{Name: "other"}, {Name: "envoy", Ports: ports}}},
	}
}

func hostPort(port int32) corev1.ContainerPort {
	return corev1.ContainerPort{ContainerPort: 8080, HostPort: port, Protocol: corev1.ProtocolTCP}
}

func TestHostPort(t *testing.T) {
	t.Parallel()
	one, two := node("one", "10.0.0.1 ext=192.0.2.1"), node("two", "10.0.0.2")
	both := []*corev1.Node{one, two}
	a, b := pod("a", "one", hostPort(80)), pod("b", "two", hostPort(80))
	former := pod("a", "two", hostPort(80))
	former.UID = "old"
	onHost := pod("a", "one")
	onHost.Spec.HostNetwork = true
	inSidecar := pod("a", "one")
	inSidecar.Spec.InitContainers = []corev1.Container{{Ports: []corev1.ContainerPort{hostPort(80)}}}
	onLoopback := pod("a", "one", corev1.ContainerPort{ContainerPort: 8080, HostPort: 80, HostIP: "127.0.0.1"})
	overUDP := pod("a", "one", corev1.ContainerPort{ContainerPort: 8080, HostPort: 80, Protocol: corev1.ProtocolUDP})
	for name, test := range map[string]struct {
		nodes     []*corev1.Node
		endpoints string
		pods      []*corev1.Pod
		expected
	}{
		"two ready Pods":                              {both, "a@one b@two", []*corev1.Pod{a, b}, expected{"Resolved", "10.0.0.2 192.0.2.1", "http/TCP:80", "="}},
		"one ready Pod":                               {both, "a@one !b@two", []*corev1.Pod{a, b}, expected{"Resolved", "192.0.2.1", "http/TCP:80", "="}},
		"after a Pod was rescheduled":                 {both, "a@two", []*corev1.Pod{pod("a", "two", hostPort(80))}, expected{"Resolved", "10.0.0.2", "http/TCP:80", "="}},
		"two Pods on one node":                        {both, "a@one b@one", []*corev1.Pod{a, pod("b", "one", hostPort(80))}, expected{"Resolved", "192.0.2.1", "http/TCP:80", "="}},
		"one Pod is not cached yet":                   {both, "a@one b@two", []*corev1.Pod{a}, expected{"Unknown", "", "", "has a ready endpoint with the Pod b, which has not been seen yet"}},
		"the only Pod is not cached yet":              {both, "a@one", nil, expected{"Unknown", "", "", "the Pod a, which"}},
		"a Pod that is not ready is not cached yet":   {both, "a@one !b@two", []*corev1.Pod{a}, expected{"Resolved", "192.0.2.1", "http/TCP:80", "="}},
		"the cached Pod is not scheduled":             {both, "a@one", []*corev1.Pod{pod("a", "", hostPort(80))}, expected{"Unknown", "", "", "the Pod a, which"}},
		"the cached Pod has another UID":              {both, "a/new@one", []*corev1.Pod{former}, expected{"Unknown", "", "", "the Pod a, which"}},
		"the cached Pod has the same UID":             {both, "a/old@two", []*corev1.Pod{former}, expected{"Resolved", "10.0.0.2", "http/TCP:80", "="}},
		"one node is not cached yet":                  {[]*corev1.Node{one}, "a@one b@two", []*corev1.Pod{a, b}, expected{"Resolved", "192.0.2.1", "http/TCP:80", "="}},
		"the only node is not cached yet":             {nil, "a@one", []*corev1.Pod{a}, expected{"Unknown", "", "", "has a ready endpoint with the Node one, which has not been seen yet"}},
		"one node is not ready, the other not cached": {[]*corev1.Node{node("one", "10.0.0.1", ready("False"))}, "a@one b@two", []*corev1.Pod{a, b}, expected{"Unknown", "", "", "the Node two, which"}},
		"a cordoned node serves":                      {[]*corev1.Node{node("one", "10.0.0.1", cordoned)}, "a@one", []*corev1.Pod{a}, expected{"Resolved", "10.0.0.1", "http/TCP:80", "="}},
		"a node excluded from load balancers serves":  {[]*corev1.Node{node("one", "10.0.0.1", excluded)}, "a@one", []*corev1.Pod{a}, expected{"Resolved", "10.0.0.1", "http/TCP:80", "="}},
		"a node that is not ready":                    {[]*corev1.Node{node("one", "10.0.0.1", ready("Unknown"))}, "a@one", []*corev1.Pod{a}, expected{"NoReadyEndpoint", "", "", "1 on a node that is not ready"}},
		"a node that is being deleted":                {[]*corev1.Node{node("one", "10.0.0.1", deleted)}, "a@one", []*corev1.Pod{a}, expected{"NoReadyEndpoint", "", "", "1 on a node that is being deleted"}},
		"no endpoint":                                 {both, "", []*corev1.Pod{a}, expected{"NoReadyEndpoint", "", "", "has no ready Pod"}},
		"an endpoint without a Pod":                   {both, "@one", nil, expected{"NoReadyEndpoint", "", "", "has no ready Pod"}},
		"no host port":                                {both, "a@one", []*corev1.Pod{pod("a", "one", hostPort(0))}, expected{"NoReadyEndpoint", "", "", "1 without a hostPort for a target port"}},
		"a host port of another port":                 {both, "a@one", []*corev1.Pod{pod("a", "one", corev1.ContainerPort{ContainerPort: 9090, HostPort: 80})}, expected{"NoReadyEndpoint", "", "", "without a hostPort"}},
		"a host port of another protocol":             {both, "a@one", []*corev1.Pod{overUDP}, expected{"NoReadyEndpoint", "", "", "without a hostPort"}},
		"a host port on loopback":                     {both, "a@one", []*corev1.Pod{onLoopback}, expected{"NoReadyEndpoint", "", "", "without a hostPort"}},
		"a Pod in the host's network":                 {both, "a@one", []*corev1.Pod{onHost}, expected{"Resolved", "192.0.2.1", "http/TCP:8080", "="}},
		"a host port of a sidecar":                    {both, "a@one", []*corev1.Pod{inSidecar}, expected{"Resolved", "192.0.2.1", "http/TCP:80", "="}},
		"Pods that differ, by majority":               {append(both, node("three", "10.0.0.3")), "a@one b@two c@three", []*corev1.Pod{a, pod("b", "two", hostPort(81)), pod("c", "three", hostPort(81))}, expected{"Resolved", "10.0.0.2 10.0.0.3 192.0.2.1", "http/TCP:81", "=The ready Pods have different host ports: the most frequent one is published"}},
		"Pods that differ, one of each":               {both, "a@one b@two", []*corev1.Pod{a, pod("b", "two", hostPort(79))}, expected{"Resolved", "10.0.0.2 192.0.2.1", "http/TCP:79", "different host ports"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := resolve.Objects{
				Service: service("ClusterIP"), Nodes: test.nodes, Slices: []*discoveryv1.EndpointSlice{slice(test.endpoints)}, Pods: test.pods,
			}
			check(t, resolve.Gateway(target("hostPort"), objects, network), test.expected)
		})
	}
	check(t, resolve.Gateway(target("hostPort"), resolve.Objects{}, network), expected{"ServiceNotFound", "", "", "create it"})
	check(t, resolve.Gateway(target("hostPort"), resolve.Objects{Service: service("ExternalName")}, network), expected{"WrongServiceType", "", "", "a Service that selects Pods"})
}

// If publishNotReadyAddresses is set, every endpoint is reported as ready, even if its Pod is not.
func TestHostPortUsesThePodsReadinessIfNotReadyAddressesArePublished(t *testing.T) {
	t.Parallel()
	nodes := []*corev1.Node{node("one", "10.0.0.1"), node("two", "10.0.0.2")}
	publishesAll := func(service *corev1.Service) { service.Spec.PublishNotReadyAddresses = true }
	ready, not := corev1.ConditionTrue, corev1.ConditionFalse
	with := func(name, nodeName string, status corev1.ConditionStatus) *corev1.Pod {
		pod := pod(name, nodeName, hostPort(80))
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodInitialized, Status: ready}, {Type: corev1.PodReady, Status: status}}
		return pod
	}
	leaving := with("a", "one", ready)
	leaving.DeletionTimestamp = &metav1.Time{}
	for name, test := range map[string]struct {
		service *corev1.Service
		a       *corev1.Pod
		expected
	}{
		"both Pods are ready":       {service("ClusterIP", publishesAll), with("a", "one", ready), expected{"Resolved", "10.0.0.1 10.0.0.2", "http/TCP:80", "="}},
		"one Pod is not ready":      {service("ClusterIP", publishesAll), with("a", "one", not), expected{"Resolved", "10.0.0.2", "http/TCP:80", "="}},
		"one Pod has no conditions": {service("ClusterIP", publishesAll), pod("a", "one", hostPort(80)), expected{"Resolved", "10.0.0.2", "http/TCP:80", "="}},
		"one is being deleted":      {service("ClusterIP", publishesAll), leaving, expected{"Resolved", "10.0.0.2", "http/TCP:80", "="}},
		"without publishNotReadyAddresses, the endpoint's readiness": {service("ClusterIP"), with("a", "one", not), expected{"Resolved", "10.0.0.1 10.0.0.2", "http/TCP:80", "="}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := resolve.Objects{
				Service: test.service, Nodes: nodes, Slices: []*discoveryv1.EndpointSlice{slice("a@one b@two")},
				Pods: []*corev1.Pod{test.a, with("b", "two", ready)},
			}
			check(t, resolve.Gateway(target("hostPort"), objects, network), test.expected)
		})
	}
	alone := resolve.Objects{
		Service: service("ClusterIP", publishesAll), Nodes: nodes, Slices: []*discoveryv1.EndpointSlice{slice("a@one")}, Pods: []*corev1.Pod{with("a", "one", not)},
	}
	check(t, resolve.Gateway(target("hostPort"), alone, network), expected{"NoReadyEndpoint", "", "", "1 not ready, which spec.publishNotReadyAddresses hides"})
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	gateway := resolve.Target{Gateway: true, Namespace: "a", Name: "b"}
	for name, test := range map[string]struct {
		target  resolve.Target
		service *corev1.Service
		need    resolve.Need
	}{
		"a load balancer":                 {target("loadBalancer"), service("LoadBalancer"), resolve.Need{}},
		"no external IPs":                 {target("externalIPs"), service("ClusterIP"), resolve.Need{}},
		"external IPs":                    {target("externalIPs"), &corev1.Service{Spec: corev1.ServiceSpec{ExternalIPs: []string{"192.0.2.1"}}}, resolve.Need{Version: true}},
		"a Gateway":                       {gateway, nil, resolve.Need{}},
		"node ports":                      {target("nodePort"), service("NodePort"), resolve.Need{Nodes: true}},
		"node ports, local":               {target("nodePort"), service("NodePort", local), resolve.Need{Nodes: true, Slices: true}},
		"node ports without a Service":    {target("nodePort"), nil, resolve.Need{}},
		"host ports":                      {target("hostPort"), service("ClusterIP"), resolve.Need{Nodes: true, Slices: true, Pods: true}},
		"host ports of type ExternalName": {target("hostPort"), service("ExternalName"), resolve.Need{}},
		"host ports without a Service":    {target("hostPort"), nil, resolve.Need{}},
		"a Service without node ports":    {target("nodePort"), &corev1.Service{}, resolve.Need{}},
	} {
		NewWithT(t).Expect(resolve.Needs(test.target, test.service)).To(Equal(test.need), name)
	}
}
