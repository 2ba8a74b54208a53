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

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ResolutionType is the way in which the addresses of a gateway are found.
// +kubebuilder:validation:Enum=loadBalancer
type ResolutionType string

// ResolutionTypeLoadBalancer takes the addresses that a Service of type LoadBalancer has in its status.loadBalancer.ingress.
const ResolutionTypeLoadBalancer ResolutionType = "loadBalancer"

// GatewayDNSSpec says which gateway is given a name, and in which clusters it stands.
type GatewayDNSSpec struct {
	// clusterSelector selects, by their labels, the Clusters of this namespace whose gateway is given a name.
	// It is an ordinary label selector: matchLabels and matchExpressions are ANDed, the operators are In, NotIn, Exists and DoesNotExist, and an empty selector selects every Cluster of the namespace.
	// +required
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, e.operator in ['In', 'NotIn', 'Exists', 'DoesNotExist'])",message="spec.clusterSelector.matchExpressions: operator must be In, NotIn, Exists or DoesNotExist"
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, (e.operator in ['In', 'NotIn']) == (has(e.values) && size(e.values) > 0))",message="spec.clusterSelector.matchExpressions: values must be given with the operators In and NotIn, and with no other"
	ClusterSelector metav1.LabelSelector `json:"clusterSelector"`

	// service is the gateway's Service in each selected cluster, as "namespace/name", for example "projectcontour/envoy".
	// +required
	// +kubebuilder:validation:MaxLength=127
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="spec.service must be the namespace and the name of a Service as namespace/name, for example projectcontour/envoy"
	Service string `json:"service"`

	// resolutionType is the way in which the addresses of the Service are found.
	// The only one is "loadBalancer", the default: the Service is of type LoadBalancer, and its addresses are those in its status.
	// +optional
	// +default="loadBalancer"
	// +kubebuilder:default=loadBalancer
	ResolutionType ResolutionType `json:"resolutionType,omitempty"`
}

// GatewayState is what is known of one cluster's gateway.
type GatewayState string

const (
	// GatewayResolved: the gateway's addresses are known and published.
	GatewayResolved GatewayState = "Resolved"
	// GatewayServiceNotFound: the cluster has no such Service; nothing is published.
	GatewayServiceNotFound GatewayState = "ServiceNotFound"
	// GatewayWrongServiceType: the Service is not of the type that spec.resolutionType needs; nothing is published.
	GatewayWrongServiceType GatewayState = "WrongServiceType"
	// GatewayNoAddress: the Service has no usable address yet; nothing is published.
	GatewayNoAddress GatewayState = "NoAddress"
	// GatewayInvalidName: the gateway's name is longer than DNS allows; nothing is published.
	GatewayInvalidName GatewayState = "InvalidName"
	// GatewayUnknown: the cluster cannot be asked at the moment, because it is not connected, has not answered yet or is paused.
	// Whatever was published before stays.
	GatewayUnknown GatewayState = "Unknown"
)

// KnownEmpty returns whether the state says for certain that the gateway has no address.
func (s GatewayState) KnownEmpty() bool {
	switch s {
	case GatewayServiceNotFound, GatewayWrongServiceType, GatewayNoAddress, GatewayInvalidName:
		return true
	case GatewayResolved, GatewayUnknown:
	}
	return false
}

// GatewayStatus is the gateway of one selected cluster as it is published to the others.
type GatewayStatus struct {
	// cluster is the name of the Cluster, in the namespace of the GatewayDNS.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Cluster string `json:"cluster"`

	// hostname is the DNS name under which the gateway is published: a wildcard, so that every name below it leads to the gateway, which tells its applications apart by name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Hostname string `json:"hostname,omitempty"`

	// addresses are the gateway's IPv4 and IPv6 addresses and host names, sorted; the first 100 of them are published.
	// In the state Unknown they are the last ones known.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=253
	Addresses []string `json:"addresses,omitempty"`

	// state is Resolved when the addresses are known and published; ServiceNotFound, WrongServiceType, NoAddress or InvalidName when there is nothing to publish, so that no name exists; Unknown when the cluster cannot be asked, so that whatever was published stays.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	State GatewayState `json:"state"`

	// message says why the gateway is in its state and what to do about it.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// lastTransitionTime is when state or addresses changed last.
	// +required
	LastTransitionTime metav1.Time `json:"lastTransitionTime"`
}

// Condition types and reasons of a GatewayDNS.
const (
	// ReadyCondition sums up the others: it is True when every selected cluster's gateway is resolved.
	ReadyCondition = "Ready"
	// ReadyReason, NotReadyReason and ReadyUnknownReason are the reasons of ReadyCondition.
	ReadyReason        = "Ready"
	NotReadyReason     = "NotReady"
	ReadyUnknownReason = "ReadyUnknown"

	// ClustersSelectedCondition is True when spec.clusterSelector selects at least one Cluster.
	ClustersSelectedCondition = "ClustersSelected"
	// ClustersSelectedReason: at least one Cluster is selected.
	ClustersSelectedReason = "ClustersSelected"
	// NoClusterSelectedReason: no Cluster of the namespace has labels that match.
	NoClusterSelectedReason = "NoClusterSelected"
	// InvalidSelectorReason: the selector cannot be evaluated.
	InvalidSelectorReason = "InvalidSelector"

	// GatewaysResolvedCondition is True when the gateways of all selected clusters are resolved, Unknown when the only ones that are not are Unknown themselves, and False otherwise.
	GatewaysResolvedCondition = "GatewaysResolved"
	// GatewaysResolvedReason: all gateways are resolved.
	GatewaysResolvedReason = "GatewaysResolved"
	// GatewaysNotResolvedReason: at least one gateway has nothing that could be published.
	GatewaysNotResolvedReason = "GatewaysNotResolved"
	// GatewaysUnknownReason: at least one cluster cannot be asked, and nothing worse is known.
	GatewaysUnknownReason = "GatewaysUnknown"
)

// GatewayDNSStatus is what is published for a GatewayDNS.
type GatewayDNSStatus struct {
	// conditions are Ready and what it sums up: ClustersSelected and GatewaysResolved; and Paused.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that this status was made from.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// gateways is, for each selected cluster, what is published in the other clusters of this namespace.
	// +optional
	// +listType=map
	// +listMapKey=cluster
	Gateways []GatewayStatus `json:"gateways,omitempty"`
}

// GatewayDNS gives a gateway, which is one Service of each selected workload cluster, a DNS name in the pods of the other workload clusters of this namespace: *.gateway.<cluster>.<namespace>.clusters.<zone>, where the zone is xcc.test unless the administrator chose another.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=gatewaydns,singular=gatewaydns,scope=Namespaced,shortName=gwdns,categories=cluster-api
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels={"cluster.x-k8s.io/provider=addon-xcc","cluster.x-k8s.io/v1beta2=v1alpha1","clusterctl.cluster.x-k8s.io/move="}
// +kubebuilder:printcolumn:name="Service",type=string,JSONPath=`.spec.service`,description="The gateway's Service in each selected cluster"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether every selected gateway is resolved"
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="GatewaysResolved")].message`,description="What is missing"
// +kubebuilder:printcolumn:name="Clusters",type=string,JSONPath=`.status.gateways[*].cluster`,description="The selected clusters",priority=1
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.resolutionType`,description="How the addresses are found",priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since creation"
type GatewayDNS struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which gateway is given a name, and in which clusters it stands.
	// +required
	Spec GatewayDNSSpec `json:"spec"`

	// status is what is published.
	// +optional
	Status GatewayDNSStatus `json:"status,omitempty"`
}

// GetConditions returns the object's conditions.
func (g *GatewayDNS) GetConditions() []metav1.Condition {
	return g.Status.Conditions
}

// SetConditions sets the object's conditions.
func (g *GatewayDNS) SetConditions(conditions []metav1.Condition) {
	g.Status.Conditions = conditions
}

// GatewayDNSList is a list of GatewayDNS.
//
// +kubebuilder:object:root=true
type GatewayDNSList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []GatewayDNS `json:"items"`
}
