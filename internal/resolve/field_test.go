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
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// field is the folder of inputs from other projects' issues, and their list.
const field = "../../test/testdata/field"

// fieldCase is an input from the field.
type fieldCase struct {
	// Source is the report, as the README names it.
	Source string `json:"source"`
	// About describes the input in one sentence.
	About string `json:"about"`
	// Spec is the spec of a GatewayDNS. Only the fields of its gateway are used.
	Spec xccv1.GatewayDNSSpec `json:"spec"`
	// Cluster is the Cluster's spec.clusterNetwork.
	ClusterNetwork clusterv1.ClusterNetwork `json:"clusterNetwork"`
	// Objects are the objects of the workload cluster.
	Objects []runtime.RawExtension `json:"objects"`
	Want    struct {
		State     xccv1.GatewayState `json:"state"`
		Addresses []string           `json:"addresses"`
		// Ports have the form name/protocol:number.
		Ports []string `json:"ports"`
		// Message is a part of the message, or empty if the message must be.
		Message string `json:"message"`
	} `json:"want"`
}

// TestField resolves the inputs about gateways, nodes and the networks of Clusters.
func TestField(t *testing.T) {
	t.Parallel()
	log, err := os.ReadFile(filepath.Join(field, "README.md"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for _, family := range []string{"gateways", "nodes", "cluster-api/networks"} {
		files, err := filepath.Glob(filepath.Join(field, family, "*.yaml"))
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		NewWithT(t).Expect(files).NotTo(BeEmpty())
		for _, file := range files {
			t.Run(family+"/"+strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
				t.Parallel()
				g := NewWithT(t)
				data, err := os.ReadFile(file)
				g.Expect(err).NotTo(HaveOccurred())
				var test fieldCase
				g.Expect(yaml.UnmarshalStrict(data, &test)).To(Succeed())
				g.Expect(test.About).NotTo(BeEmpty())
				target := resolve.TargetOf(&test.Spec)
				result := resolve.Gateway(target, observe(g, target, test.Objects), resolve.NetworkOf("xcc.test", test.ClusterNetwork))
				slices.Sort(test.Want.Addresses)
				check(t, result, expected{
					state: test.Want.State, addresses: strings.Join(test.Want.Addresses, " "),
					ports: strings.Join(test.Want.Ports, " "), message: test.Want.Message,
				})
				if test.Want.Message == "" {
					g.Expect(result.Message).To(BeEmpty())
				}
				isName := func(address string) bool { return net.ParseIP(address) == nil }
				g.Expect(publishedIPs(result)).To(ConsistOf(slices.DeleteFunc(slices.Clone(result.Addresses), isName)), "exactly the resolved addresses are published")
				g.Expect(string(log)).To(ContainSubstring("| `"+test.Source+"` |"), "README.md does not list this input")
			})
		}
	}
}

// observe returns the Objects of a target in the form in which the Observer caches them.
func observe(g *WithT, target resolve.Target, manifests []runtime.RawExtension) resolve.Objects {
	objects := resolve.Objects{GatewayAPI: true}
	var services []*corev1.Service
	for _, manifest := range manifests {
		var kind metav1.TypeMeta
		g.Expect(yaml.Unmarshal(manifest.Raw, &kind)).To(Succeed())
		var into any
		switch kind.Kind {
		case "Service":
			service := &corev1.Service{}
			services, into = append(services, service), service
		case "EndpointSlice":
			slice := &discoveryv1.EndpointSlice{}
			objects.Slices, into = append(objects.Slices, slice), slice
		case "Pod":
			pod := &corev1.Pod{}
			objects.Pods, into = append(objects.Pods, pod), pod
		case "Node":
			node := &corev1.Node{}
			objects.Nodes, into = append(objects.Nodes, node), node
		case "Gateway":
			objects.Gateway = &unstructured.Unstructured{}
			g.Expect(objects.Gateway.UnmarshalJSON(manifest.Raw)).To(Succeed())
			continue
		}
		g.Expect(into).NotTo(BeNil(), "kind %q is not read", kind.Kind)
		g.Expect(yaml.UnmarshalStrict(manifest.Raw, into)).To(Succeed())
	}
	objects.Slices = slices.DeleteFunc(objects.Slices, func(slice *discoveryv1.EndpointSlice) bool {
		return slice.Namespace != target.Namespace || slice.Labels[discoveryv1.LabelServiceName] != target.Name
	})
	for i := range objects.Slices {
		objects.Slices[i] = trimmed(g, objects.Slices[i])
	}
	for i := range objects.Pods {
		objects.Pods[i] = trimmed(g, objects.Pods[i])
	}
	for i := range objects.Nodes {
		objects.Nodes[i] = trimmed(g, objects.Nodes[i])
	}
	if objects.Gateway != nil {
		objects.Gateway = trimmed(g, objects.Gateway)
		for _, selector := range resolve.GatewayServices(target, objects.Gateway) {
			for _, service := range services {
				inNamespace := selector.Namespace == "" || selector.Namespace == service.Namespace
				if inNamespace && selector.Labels.AsSelector().Matches(labels.Set(service.Labels)) {
					objects.GatewayServices = append(objects.GatewayServices, trimmed(g, service))
				}
			}
		}
		return objects
	}
	for _, service := range services {
		if service.Namespace == target.Namespace && service.Name == target.Name {
			objects.Service = trimmed(g, service)
		}
	}
	return objects
}

// trimmed returns an object in the form in which it is cached.
func trimmed[T any](g *WithT, object T) T {
	cached, err := workload.Trim(object)
	g.Expect(err).NotTo(HaveOccurred())
	return cached.(T)
}

// publishedIPs returns the IP addresses in the slices for a consuming cluster.
func publishedIPs(result resolve.Result) []string {
	const namespace, cluster = "dev", "a"
	gatewayDNS := xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "gw"}}
	gatewayDNS.Status.Gateways = []xccv1.GatewayStatus{{
		Cluster: cluster, Hostname: "*.gateway." + cluster + "." + namespace + ".clusters.xcc.test",
		State: result.State, Addresses: result.Addresses, Ports: result.Ports,
	}}
	var addresses []string
	wanted := plan.Compute("xcc.test", plan.Publish("xcc.test", &gatewayDNS, nil).Gateways(), nil, plan.Consumer{Readers: plan.ReadersFormer})
	for _, slice := range wanted.Create {
		if slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			addresses = append(addresses, endpoint.Addresses...)
		}
	}
	return addresses
}
