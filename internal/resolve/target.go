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

package resolve

import (
	"cmp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Target is what a GatewayDNS asks of each of its clusters. It is comparable: GatewayDNS that ask for the same have equal
// targets.
type Target struct {
	// Gateway is true for a Gateway of the Gateway API, false for a Service.
	Gateway bool
	// Namespace and Name are those of the Gateway or the Service.
	Namespace, Name string
	// Type is the way in which the addresses of a Service are found; empty for a Gateway.
	Type xccv1.ResolutionType
}

// TargetOf returns what a GatewayDNS asks for. The schema has seen to the form of its spec.
func TargetOf(spec *xccv1.GatewayDNSSpec) Target {
	if spec.Gateway != "" {
		namespace, name, _ := strings.Cut(spec.Gateway, "/")
		return Target{Gateway: true, Namespace: namespace, Name: name}
	}
	namespace, name, _ := strings.Cut(spec.Service, "/")
	return Target{Namespace: namespace, Name: name, Type: cmp.Or(spec.ResolutionType, xccv1.ResolutionTypeLoadBalancer)}
}

// String is how messages call the target, for example "Service projectcontour/envoy".
func (t Target) String() string {
	kind := "Service"
	if t.Gateway {
		kind = "Gateway"
	}
	return kind + " " + t.Namespace + "/" + t.Name
}

// Objects are what was seen of a target in its cluster. Only what Needs asks for has to be there.
type Objects struct {
	// Service is the Service, nil when the cluster has none of that name.
	Service *corev1.Service
	// Slices are the EndpointSlices of the Service, and Pods at least those that the slices refer to.
	Slices []*discoveryv1.EndpointSlice
	Pods   []*corev1.Pod
	// Nodes are all nodes of the cluster.
	Nodes []*corev1.Node
	// Version is that of the cluster's API server, such as v1.37.2, and empty if that is not known.
	Version string
	// GatewayAPI says whether the cluster serves the version of the Gateway API that is asked for, GatewayVersions which others
	// it serves if not; Gateway is the Gateway, nil when the cluster has
	// none of that name.
	// ListenerSets are at least the ListenerSets that add listeners to the Gateway.
	// GatewayServices are the Services that lead to the Gateway, as far as they are known: their ClusterIPs are no addresses.
	GatewayAPI      bool
	GatewayVersions []string
	Gateway         *unstructured.Unstructured
	ListenerSets    []*unstructured.Unstructured
	GatewayServices []*corev1.Service
}

// Need says which objects besides the Service or the Gateway itself a target needs.
type Need struct {
	Nodes, Slices, Pods bool
	// Version is the version of the API server.
	Version bool
}

// Needs returns what a target needs besides its Service, which is nil when the cluster has none of that name.
func Needs(target Target, service *corev1.Service) Need {
	switch {
	case target.Gateway || service == nil:
	case target.Type == xccv1.ResolutionTypeNodePort && hasNodePorts(service):
		return Need{Nodes: true, Slices: service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal}
	case target.Type == xccv1.ResolutionTypeHostPort && service.Spec.Type != corev1.ServiceTypeExternalName:
		return Need{Nodes: true, Slices: true, Pods: true}
	case target.Type == xccv1.ResolutionTypeExternalIPs && len(service.Spec.ExternalIPs) > 0:
		return Need{Version: true}
	}
	return Need{}
}
