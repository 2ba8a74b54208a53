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

package fit_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// input has the objects of a hostile workload cluster, decoded from JSON.
type input struct {
	Service  *corev1.Service
	Slices   []*discoveryv1.EndpointSlice
	Pods     []*corev1.Pod
	Nodes    []*corev1.Node
	Versions []string
	Gateway  map[string]any
	Sets     []map[string]any
	Version  string
	Override string
	Ranges   string
}

// hostile returns seeds: objects that API servers have returned or could return.
func hostile() []string {
	long := strings.Repeat("x", 2000)
	return []string{
		`{}`,
		`{"service":{"spec":{"type":"LoadBalancer","ports":[{"name":"` + long + `","port":70000},{"protocol":"QUIC","port":-1},{"port":80}]},
			"status":{"loadBalancer":{"ingress":[{"ip":"fe80::1%eth0"},{"ip":"192.0.2.1"},{"hostname":"` + long + `"},{"hostname":"\u0000"}]}}}}`,
		`{"service":{"spec":{"type":"` + long + `"}}}`,
		`{"service":{"spec":{"type":"NodePort","externalTrafficPolicy":"Local","ports":[{"nodePort":-5}]}},
			"slices":[{"addressType":"IPv4","endpoints":[{"nodeName":"` + long + `"}]}],"nodes":[{"metadata":{"name":"a"}}]}`,
		`{"service":{"spec":{"ports":[{"port":1}]}},"slices":[{"addressType":"IPv4","metadata":{"namespace":"a"},"ports":[{"port":70000},{"port":-1,"name":"x"},{}],
			"endpoints":[{"targetRef":{"kind":"Pod","name":"p"}},{"targetRef":{"kind":"Pod","name":"p"}}]}],
			"pods":[{"metadata":{"namespace":"a","name":"p"},"spec":{"nodeName":"n","hostNetwork":true}}],
			"nodes":[{"metadata":{"name":"n"},"status":{"addresses":[{"type":"InternalIP","address":"10.0.0.1"}],"conditions":[{"type":"Ready","status":"True"}]}}]}`,
		`{"service":{},"slices":[{"addressType":"IPv6","endpoints":[{"targetRef":{"kind":"Pod","name":"` + long + `"}}]}]}`,
		`{"gateway":{"spec":{"listeners":[{"name":"` + long + `","port":70000},{"name":7,"port":"80"},{"port":80.5},{"port":1e300},null,[],"x",{"port":80,"protocol":{}}]},
			"status":{"addresses":[{"type":"IPAddress","value":"192.0.2.1"},{"type":{},"value":[]},null,7]}}}`,
		`{"gateway":{"spec":[],"status":"x"}}`,
		`{"gateway":{"status":{"conditions":[{"type":"Accepted","status":"False","message":"` + long + `\u001b[2J"}]}}}`,
		`{"versions":["` + long + `","v1alpha2"],"override":"` + long + `,,192.0.2.1"}`,
		`{"override":"192.0.2.1,lb.example.com"}`,
		`{"service":{"spec":{"type":"LoadBalancer","ipFamilies":["` + long + `"],"ports":[{"port":80}]},"status":{"loadBalancer":{"ingress":[
			{"ip":"192.0.2.1","ports":[{"port":80,"protocol":"TCP","error":"` + long + `"},{"port":-1,"error":""}]}]}}},"ranges":"` + long + `"}`,
		`{"service":{"spec":{"externalIPs":["192.0.2.1","2001:db8::1"],"ipFamilies":["IPv6"]}},"version":"` + long + `","ranges":"!192.0.2.0/24,::/0","override":"ipv6=found"}`,
		`{"service":{"spec":{"type":"NodePort","externalTrafficPolicy":"Local","ports":[{"nodePort":1}]}},
			"slices":[{"addressType":"IPv4","endpoints":[{"nodeName":"n","conditions":{"ready":false,"serving":true,"terminating":true}}]}],"ranges":"10.0.0.0/8",
			"nodes":[{"metadata":{"name":"n"},"status":{"addresses":[{"type":"InternalIP","address":"10.0.0.1"},{"type":"ExternalIP","address":"` + long + `"}],"conditions":[{"type":"Ready","status":"True"}]}}]}`,
		`{"gateway":{"spec":{"allowedListeners":{"namespaces":{"from":"All"}}},"status":{"addresses":[{"value":"192.0.2.1"}],"listeners":[7,{"name":{}}]}},"sets":[
			{"metadata":{"namespace":"` + long + `","name":"s","creationTimestamp":"x"},"spec":{"parentRef":{"namespace":"a","name":"b"},"listeners":[{"name":"` + long + `","port":70000},
			{"name":"x","port":80,"protocol":[]}]},"status":{"conditions":[{"type":"Accepted","status":"True"},5],"listeners":[{"name":"x","conditions":[{"type":"Conflicted","status":"True","reason":"` + long + `"}]}]}},
			{"spec":{"parentRef":[]},"status":7},{"metadata":{"deletionTimestamp":5}}]}`,
		`{"gateway":` + strings.Repeat(`{"spec":`, 500) + `{}` + strings.Repeat(`}`, 500) + `}`,
	}
}

// FuzzResolvedGatewaysFitTheSchema checks that no objects of a workload cluster make package
// resolve panic, or return an entry that the schema refuses.
func FuzzResolvedGatewaysFitTheSchema(f *testing.F) {
	schema := readCRD(f)
	for _, text := range hostile() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var in input
		if json.Unmarshal([]byte(text), &in) != nil {
			return
		}
		objects := resolve.Objects{
			Service: in.Service, Slices: without(in.Slices), Pods: without(in.Pods), Nodes: without(in.Nodes),
			GatewayVersions: in.Versions, GatewayAPI: len(in.Versions) == 0, Version: in.Version,
		}
		for _, set := range in.Sets {
			if set != nil {
				objects.ListenerSets = append(objects.ListenerSets, trimmed(t, asDecoded(set).(map[string]any)))
			}
		}
		if in.Gateway != nil {
			objects.Gateway = &unstructured.Unstructured{Object: in.Gateway}
			objects.Gateway.Object = asDecoded(in.Gateway).(map[string]any)
		}
		specs := []xccv1.GatewayDNSSpec{{Gateway: "a/b"}}
		for _, resolution := range []xccv1.ResolutionType{
			xccv1.ResolutionTypeLoadBalancer, xccv1.ResolutionTypeNodePort, xccv1.ResolutionTypeHostPort, xccv1.ResolutionTypeExternalIPs, "other",
		} {
			specs = append(specs, xccv1.GatewayDNSSpec{Service: "a/b", ResolutionType: resolution})
		}
		network := resolve.NetworkOf("xcc.test", clusterv1.ClusterNetwork{})
		if in.Ranges != "" {
			network = network.WithRanges(in.Ranges)
		}
		for i := range specs {
			target := resolve.TargetOf(&specs[i])
			resolve.Needs(target, in.Service)
			found := resolve.Gateway(target, objects, network)
			for _, result := range []resolve.Result{found, resolve.Override(in.Override, network, found)} {
				check(t, schema, xccv1.GatewayStatus{
					Cluster: "a", State: result.State, Message: result.Message, Source: result.Source, Addresses: result.Addresses, Ports: result.Ports,
					LastTransitionTime: sample().LastTransitionTime,
				})
				NewWithT(t).Expect(len(result.Message)).To(BeNumerically("<=", fit.MaxMessage))
				NewWithT(t).Expect(result.Ports).To(HaveLen(len(fit.Gateway(xccv1.GatewayStatus{Ports: result.Ports}).Ports)), "the ports fit already")
			}
		}
	})
}

// trimmed returns a ListenerSet as the cache stores it.
func trimmed(t *testing.T, object map[string]any) *unstructured.Unstructured {
	t.Helper()
	object["apiVersion"], object["kind"] = "gateway.networking.k8s.io/v1", "ListenerSet"
	cached, err := workload.Trim(&unstructured.Unstructured{Object: object})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return cached.(*unstructured.Unstructured)
}

// without drops null items. No client returns them.
func without[T any](items []*T) []*T {
	var rest []*T
	for _, item := range items {
		if item != nil {
			rest = append(rest, item)
		}
	}
	return rest
}

// asDecoded converts numbers to integers like Kubernetes' decoder.
func asDecoded(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = asDecoded(value[key])
		}
	case []any:
		for i := range value {
			value[i] = asDecoded(value[i])
		}
	case float64:
		if number := int64(value); float64(number) == value {
			return number
		}
	}
	return value
}

func TestHostPortsOfThousandsOfEndpointsOfOnePodStayBounded(t *testing.T) {
	g := NewWithT(t)
	pod := &corev1.Pod{Spec: corev1.PodSpec{NodeName: "n", HostNetwork: true}}
	pod.Namespace, pod.Name = "a", "p"
	node := &corev1.Node{Status: corev1.NodeStatus{
		Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}},
		Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
	}}
	node.Name = "n"
	slice := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4}
	slice.Namespace = "a"
	for i := range 20000 {
		slice.Ports = append(slice.Ports, discoveryv1.EndpointPort{Name: new(fmt.Sprintf("p%d", i)), Port: new(int32(i + 1))})
	}
	for range 1000 {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: "p"}})
	}
	target := resolve.TargetOf(&xccv1.GatewayDNSSpec{Service: "a/b", ResolutionType: xccv1.ResolutionTypeHostPort})
	objects := resolve.Objects{
		Service: &corev1.Service{}, Slices: []*discoveryv1.EndpointSlice{slice}, Pods: []*corev1.Pod{pod}, Nodes: []*corev1.Node{node},
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result := resolve.Gateway(target, objects, resolve.NetworkOf("xcc.test", clusterv1.ClusterNetwork{}))
	runtime.ReadMemStats(&after)
	g.Expect(result.Addresses).To(ConsistOf("10.0.0.1"))
	g.Expect(result.Ports).To(HaveLen(100))
	g.Expect(after.TotalAlloc-before.TotalAlloc).To(BeNumerically("<", 64<<20), "20 million ports are not copied")
}
