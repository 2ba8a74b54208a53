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

// Target is the object in each selected cluster that a GatewayDNS publishes. Targets are comparable
// with ==.
type Target struct {
	// Gateway is true for a Gateway of the Gateway API, false for a Service.
	Gateway bool
	// Namespace and Name are those of the Gateway or the Service.
	Namespace, Name string
	// Type is the resolution type of a Service. It is empty for a Gateway.
	Type xccv1.ResolutionType
}

// TargetOf returns the target of a GatewayDNS. The schema has validated its spec.
func TargetOf(spec *xccv1.GatewayDNSSpec) Target {
	if spec.Gateway != "" {
		namespace, name, _ := strings.Cut(spec.Gateway, "/")
		return Target{Gateway: true, Namespace: namespace, Name: name}
	}
	namespace, name, _ := strings.Cut(spec.Service, "/")
	return Target{Namespace: namespace, Name: name, Type: cmp.Or(spec.ResolutionType, xccv1.ResolutionTypeLoadBalancer)}
}

// String returns the target as it appears in messages, for example "Service projectcontour/envoy".
func (t Target) String() string {
	kind := "Service"
	if t.Gateway {
		kind = "Gateway"
	}
	return kind + " " + t.Namespace + "/" + t.Name
}

// Objects are the cached objects of a target's cluster. Only the kinds that Needs returns must be
// set.
type Objects struct {
	// Service is the target's Service, or nil if it does not exist.
	Service *corev1.Service
	// Slices are the EndpointSlices of the Service.
	Slices []*discoveryv1.EndpointSlice
	// Pods are at least the Pods that the slices refer to.
	Pods []*corev1.Pod
	// Nodes are all nodes of the cluster.
	Nodes []*corev1.Node
	// Version is the version of the cluster's API server, such as v1.37.2. It is empty if unknown.
	Version string
	// GatewayAPI is true if the cluster serves v1 of the Gateway API.
	GatewayAPI bool
	// GatewayVersions are the served versions of the Gateway API if v1 is not among them.
	GatewayVersions []string
	// Gateway is the target's Gateway, or nil if it does not exist.
	Gateway *unstructured.Unstructured
	// ListenerSets are at least the ListenerSets of the Gateway.
	ListenerSets []*unstructured.Unstructured
	// GatewayServices are the known Services of the Gateway. Their ClusterIPs are not published.
	GatewayServices []*corev1.Service
}

// Need is the set of objects that a target needs besides its Service or Gateway.
type Need struct {
	Nodes, Slices, Pods bool
	// Version is the version of the API server.
	Version bool
}

// Needs returns the objects that a target needs besides its Service. service is nil if the Service
// does not exist.
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
