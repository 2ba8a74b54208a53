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

package workload

import (
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Kind is a kind of objects that is watched only while something needs it.
type Kind string

const (
	// Services are Services, cut down to what decides a gateway's addresses and ports.
	Services Kind = "Service"
	// Nodes are nodes, cut down to what decides whether and at which addresses they can be dialled.
	Nodes Kind = "Node"
	// Pods are Pods, cut down to their node, the ports of their containers and whether they are ready.
	Pods Kind = "Pod"
	// DNSServers are Pods, too, cut down to what tells what the dns-server in them reads: see package capability.
	DNSServers Kind = "Pod of a dns-server"
	// EndpointSlices are EndpointSlices.
	EndpointSlices Kind = "EndpointSlice"
	// Deployments and DaemonSets are cut down to their Pod template: its labels, containers and volumes.
	Deployments Kind = "Deployment"
	DaemonSets  Kind = "DaemonSet"
	// ConfigMaps are ConfigMaps with their data.
	ConfigMaps Kind = "ConfigMap"
	// Gateways are Gateways of the Gateway API, version v1, unstructured. To ask for them where their kind is not installed is
	// of no use: ask for the CustomResourceDefinition and its ServedVersions first.
	Gateways Kind = "Gateway"
	// ListenerSets are ListenerSets of the Gateway API, version v1, unstructured, cut down to their parent, the ports of their
	// listeners and whether these are accepted. As with Gateways, their CustomResourceDefinition is to be asked for first.
	ListenerSets Kind = "ListenerSet"
	// CustomResourceDefinitions are CustomResourceDefinitions, unstructured, cut down to the versions that they serve.
	CustomResourceDefinitions Kind = "CustomResourceDefinition"

	// GatewaysVersion is the version in which Gateways and ListenerSets are asked for.
	GatewaysVersion = "v1"
	// GatewaysCustomResource is the name of the CustomResourceDefinition of Gateways.
	GatewaysCustomResource = "gateways.gateway.networking.k8s.io"
	// ListenerSetsCustomResource is the name of the CustomResourceDefinition of ListenerSets, which the Gateway API has since v1.5.
	ListenerSetsCustomResource = "listenersets.gateway.networking.k8s.io"
)

// Demand is a set of objects of one kind that is to be watched. An empty field restricts nothing.
type Demand struct {
	Kind Kind
	// Namespace and Name are those of the objects.
	Namespace, Name string
	// Labels is a label selector, as in a request.
	Labels string
	// ClusterIP is the first ClusterIP of a Service.
	ClusterIP string
}

// admits returns whether an object is demanded. The watch of a ClusterIP may hold all Services.
func (d Demand) admits(object any) bool {
	service, isService := object.(*corev1.Service)
	return d.ClusterIP == "" || isService && service.Spec.ClusterIP == d.ClusterIP
}

var (
	gatewayKind     = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: GatewaysVersion, Kind: string(Gateways)}
	listenerSetKind = gatewayKind.GroupVersion().WithKind(string(ListenerSets))
	crdKind         = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: string(CustomResourceDefinitions)}
)

// prototypes returns an empty object and an empty list of a kind.
func (k Kind) prototypes() (client.Object, client.ObjectList) {
	switch k {
	case Services:
		return &corev1.Service{}, &corev1.ServiceList{}
	case Nodes:
		return &corev1.Node{}, &corev1.NodeList{}
	case Pods, DNSServers:
		return &corev1.Pod{}, &corev1.PodList{}
	case EndpointSlices:
		return &discoveryv1.EndpointSlice{}, &discoveryv1.EndpointSliceList{}
	case Deployments:
		return &appsv1.Deployment{}, &appsv1.DeploymentList{}
	case DaemonSets:
		return &appsv1.DaemonSet{}, &appsv1.DaemonSetList{}
	case ConfigMaps:
		return &corev1.ConfigMap{}, &corev1.ConfigMapList{}
	case Gateways:
		return unstructuredOf(gatewayKind)
	case ListenerSets:
		return unstructuredOf(listenerSetKind)
	case CustomResourceDefinitions:
		return unstructuredOf(crdKind)
	}
	panic("no such kind: " + string(k)) // Kinds are constants.
}

func unstructuredOf(kind schema.GroupVersionKind) (client.Object, client.ObjectList) {
	object, list := &unstructured.Unstructured{}, &unstructured.UnstructuredList{}
	object.SetGroupVersionKind(kind)
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	return object, list
}

// mapper knows the resources of the kinds. API servers are not asked for them, because they may take as long as they like.
var mapper = sync.OnceValue(newMapper)

func newMapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	for kind, resource := range map[schema.GroupVersionKind]struct {
		plural string
		scope  meta.RESTScope
	}{
		corev1.SchemeGroupVersion.WithKind(string(Nodes)):               {"nodes", meta.RESTScopeRoot},
		corev1.SchemeGroupVersion.WithKind(string(Pods)):                {"pods", meta.RESTScopeNamespace},
		corev1.SchemeGroupVersion.WithKind(string(Services)):            {"services", meta.RESTScopeNamespace},
		corev1.SchemeGroupVersion.WithKind("Namespace"):                 {"namespaces", meta.RESTScopeRoot},
		corev1.SchemeGroupVersion.WithKind(string(ConfigMaps)):          {"configmaps", meta.RESTScopeNamespace},
		corev1.SchemeGroupVersion.WithKind("ServiceAccount"):            {"serviceaccounts", meta.RESTScopeNamespace},
		corev1.SchemeGroupVersion.WithKind("ResourceQuota"):             {"resourcequotas", meta.RESTScopeNamespace},
		discoveryv1.SchemeGroupVersion.WithKind(string(EndpointSlices)): {"endpointslices", meta.RESTScopeNamespace},
		appsv1.SchemeGroupVersion.WithKind(string(Deployments)):         {"deployments", meta.RESTScopeNamespace},
		appsv1.SchemeGroupVersion.WithKind(string(DaemonSets)):          {"daemonsets", meta.RESTScopeNamespace},
		appsv1.SchemeGroupVersion.WithKind("ReplicaSet"):                {"replicasets", meta.RESTScopeNamespace},
		coordinationv1.SchemeGroupVersion.WithKind("Lease"):             {"leases", meta.RESTScopeNamespace},
		networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"):       {"networkpolicies", meta.RESTScopeNamespace},
		policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"):     {"poddisruptionbudgets", meta.RESTScopeNamespace},
		rbacv1.SchemeGroupVersion.WithKind("Role"):                      {"roles", meta.RESTScopeNamespace},
		rbacv1.SchemeGroupVersion.WithKind("RoleBinding"):               {"rolebindings", meta.RESTScopeNamespace},
		gatewayKind:     {"gateways", meta.RESTScopeNamespace},
		listenerSetKind: {"listenersets", meta.RESTScopeNamespace},
		crdKind:         {"customresourcedefinitions", meta.RESTScopeRoot},
	} {
		version := kind.GroupVersion()
		// Caches ask for the scope of lists, too.
		mapper.Add(version.WithKind(kind.Kind+"List"), resource.scope)
		mapper.AddSpecific(kind, version.WithResource(resource.plural), version.WithResource(resource.plural), resource.scope)
	}
	return mapper
}

var demandScheme = clientgoscheme.Scheme
