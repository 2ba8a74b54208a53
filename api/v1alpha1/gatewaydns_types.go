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
	"cmp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ResolutionType is the way in which the addresses of a gateway are found.
// +kubebuilder:validation:Enum=loadBalancer;nodePort;hostPort;externalIPs
type ResolutionType string

const (
	// ResolutionTypeLoadBalancer takes the addresses that a Service of type LoadBalancer has in its status.loadBalancer.ingress.
	ResolutionTypeLoadBalancer ResolutionType = "loadBalancer"
	// ResolutionTypeNodePort takes the addresses of the ready, schedulable nodes of a cluster whose Service has node ports, and those
	// of unschedulable ones if there are no others.
	ResolutionTypeNodePort ResolutionType = "nodePort"
	// ResolutionTypeHostPort takes the addresses of the nodes on which a ready pod of the Service has host ports.
	ResolutionTypeHostPort ResolutionType = "hostPort"
	// ResolutionTypeExternalIPs takes the addresses in the Service's spec.externalIPs.
	ResolutionTypeExternalIPs ResolutionType = "externalIPs"
)

// DefaultSubdomain is the first DNS label of gateways' names unless spec.subdomain says otherwise.
const DefaultSubdomain = "gateway"

// GatewayDNSSpec says which gateway is given a name, and in which clusters it stands.
// +kubebuilder:validation:XValidation:rule="has(self.service) != has(self.gateway)",message="spec must have exactly one of service, for a Service, and gateway, for a Gateway of the Gateway API"
// +kubebuilder:validation:XValidation:rule="!has(self.gateway) || !has(self.resolutionType) || self.resolutionType == 'loadBalancer'",message="spec.resolutionType must be left out with spec.gateway: the addresses of a Gateway are those in its status"
type GatewayDNSSpec struct {
	// clusterSelector selects, by their labels, the Clusters of this namespace whose gateway is given a name.
	// It is an ordinary label selector: matchLabels and matchExpressions are ANDed, the operators are In, NotIn, Exists and DoesNotExist, and an empty selector selects every Cluster of the namespace.
	// Characters that no label may have are refused in the keys of matchLabels; elsewhere the condition ClustersSelected says InvalidSelector.
	// +required
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, e.operator in ['In', 'NotIn', 'Exists', 'DoesNotExist'])",message="spec.clusterSelector.matchExpressions: operator must be In, NotIn, Exists or DoesNotExist"
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, (e.operator in ['In', 'NotIn']) == (has(e.values) && size(e.values) > 0))",message="spec.clusterSelector.matchExpressions: values must be given with the operators In and NotIn, and with no other"
	// +kubebuilder:validation:XValidation:rule="!has(self.matchLabels) || self.matchLabels.all(k, size(k) <= 317 && k.matches('^([-.a-z0-9]+/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$'))",message="spec.clusterSelector.matchLabels: each key must be the key of a label, for example team or example.com/team"
	// +kubebuilder:validation:XValidation:rule="!has(self.matchLabels) || self.matchLabels.all(k, size(self.matchLabels[k]) <= 63)",message="spec.clusterSelector.matchLabels: a value has at most 63 characters, as that of a label has"
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, size(e.key) > 0 && size(e.key) <= 317)",message="spec.clusterSelector.matchExpressions: key must be the key of a label, with 1 to 317 characters"
	ClusterSelector metav1.LabelSelector `json:"clusterSelector"`

	// service is the gateway's Service in each selected cluster, as "namespace/name", for example "projectcontour/envoy".
	// Exactly one of service and gateway must be given.
	// +optional
	// +kubebuilder:validation:MaxLength=127
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="spec.service must be the namespace and the name of a Service as namespace/name, for example projectcontour/envoy"
	Service string `json:"service,omitempty"`

	// gateway is a Gateway of the Gateway API (gateway.networking.k8s.io) in each selected cluster, as "namespace/name", for example "infra/public".
	// Its addresses are those in its status.addresses.
	// Exactly one of service and gateway must be given.
	// +optional
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="spec.gateway must be the namespace and the name of a Gateway as namespace/name, for example infra/public"
	Gateway string `json:"gateway,omitempty"`

	// resolutionType is the way in which the addresses of the Service are found.
	// "loadBalancer", the default: the Service is of type LoadBalancer, and its addresses are those in its status.
	// "nodePort": the addresses of the ready, schedulable nodes, or of unschedulable ones if there are no others (of each IP family of the Service ExternalIP, else InternalIP), only those with a ready endpoint if the Service has externalTrafficPolicy Local; the port to dial is the node port, which SRV records tell.
	// "hostPort": the addresses of the nodes on which a ready pod of the Service runs; the port to dial is the pod's host port, which SRV records tell.
	// "externalIPs": the addresses in the Service's spec.externalIPs.
	// With spec.gateway it is left out.
	// +optional
	// +default="loadBalancer"
	// +kubebuilder:default=loadBalancer
	ResolutionType ResolutionType `json:"resolutionType,omitempty"`

	// subdomain is the first DNS label of the gateways' names: *.<subdomain>.<cluster>.<namespace>.clusters.<zone>.
	// It defaults to "gateway".
	// Two gateways of one cluster need two of them: of two GatewayDNS that ask for one name, the one that asked first has it.
	// When it is changed, the gateways get their new names and lose the old ones.
	// +optional
	// +default="gateway"
	// +kubebuilder:default=gateway
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="spec.subdomain must be one DNS label: at most 63 lower-case letters, digits and hyphens, with no hyphen at either end"
	Subdomain string `json:"subdomain,omitempty"`
}

// GatewayState is what is known of one cluster's gateway.
type GatewayState string

const (
	// GatewayResolved: the gateway's addresses are known and published.
	GatewayResolved GatewayState = "Resolved"
	// GatewayOverridden: the addresses that are published are those of the Cluster's annotation gateway-addresses.
	GatewayOverridden GatewayState = "Overridden"
	// GatewayInvalidOverride: the Cluster's annotation gateway-addresses holds what is no address, or gateway-address-ranges what is no range.
	// Whatever was published before stays.
	GatewayInvalidOverride GatewayState = "InvalidOverride"
	// GatewayServiceNotFound: the cluster has no such Service, or the Service is being deleted; nothing is published.
	GatewayServiceNotFound GatewayState = "ServiceNotFound"
	// GatewayWrongServiceType: the Service is not of the type that spec.resolutionType needs; nothing is published.
	GatewayWrongServiceType GatewayState = "WrongServiceType"
	// GatewayGatewayNotFound: the cluster has no such Gateway, or the Gateway is being deleted; nothing is published.
	GatewayGatewayNotFound GatewayState = "GatewayNotFound"
	// GatewayGatewayAPINotInstalled: the cluster does not serve v1 of the Gateway API; nothing is published.
	GatewayGatewayAPINotInstalled GatewayState = "GatewayAPINotInstalled"
	// GatewayNoAddress: the Service or the Gateway has no usable address yet; nothing is published.
	GatewayNoAddress GatewayState = "NoAddress"
	// GatewayNoReadyEndpoint: no node that could be dialled is ready and has a ready endpoint of the Service; nothing is published.
	GatewayNoReadyEndpoint GatewayState = "NoReadyEndpoint"
	// GatewayInvalidName: the gateway's name is longer than DNS allows; nothing is published.
	GatewayInvalidName GatewayState = "InvalidName"
	// GatewayConflicted: another GatewayDNS asked for the name first; nothing is published for this one.
	GatewayConflicted GatewayState = "Conflicted"
	// GatewayUnreachable: the cluster answered before and does not answer now.
	// Whatever was published before stays.
	GatewayUnreachable GatewayState = "Unreachable"
	// GatewayUnknown: the cluster has not answered yet, is paused or belongs to another instance of the manager.
	// Whatever was published before stays.
	GatewayUnknown GatewayState = "Unknown"
)

// KnownEmpty returns whether the state says for certain that nothing is to be published for the gateway.
func (s GatewayState) KnownEmpty() bool {
	switch s {
	case GatewayServiceNotFound, GatewayWrongServiceType, GatewayGatewayNotFound, GatewayGatewayAPINotInstalled, GatewayNoAddress,
		GatewayNoReadyEndpoint, GatewayInvalidName, GatewayConflicted:
		return true
	case GatewayResolved, GatewayOverridden, GatewayInvalidOverride, GatewayUnreachable, GatewayUnknown:
	}
	return false
}

// Known returns whether the state is one of this version's.
func (s GatewayState) Known() bool {
	return s.KnownEmpty() || s.Current() || s == GatewayInvalidOverride || s == GatewayUnreachable || s == GatewayUnknown
}

// Current returns whether the addresses of the gateway are known as they are now, so that exactly these are published.
// A state that is neither Current nor KnownEmpty keeps what is published.
func (s GatewayState) Current() bool {
	return s == GatewayResolved || s == GatewayOverridden
}

// GatewayPort is a port that a client of the gateway dials.
type GatewayPort struct {
	// name is the port's name, as in the Service or the listener, from which SRV records are called.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// protocol is TCP, UDP or SCTP.
	// +required
	// +kubebuilder:validation:Enum=TCP;UDP;SCTP
	Protocol string `json:"protocol,omitempty"`

	// port is the number to dial: of the load balancer, the node or the host.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
}

// GatewayStatus is the gateway of one selected cluster as it is published to the others.
type GatewayStatus struct {
	// cluster is the name of the Cluster, in the namespace of the GatewayDNS.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Cluster string `json:"cluster"`

	// hostname is the DNS name under which the gateway is published: a wildcard, so that every name below it leads to the gateway, which tells its applications apart by name.
	// The name without "*." leads there too.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Hostname string `json:"hostname,omitempty"`

	// addresses are the gateway's IPv4 and IPv6 addresses and host names, sorted; the first 100 of them are published.
	// In the states Unknown, Unreachable and InvalidOverride they are the last ones known.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=253
	Addresses []string `json:"addresses,omitempty"`

	// ports are the ports that clients dial, each of which that has a name is an SRV record: _<name>._<protocol>.<hostname>.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Ports []GatewayPort `json:"ports,omitempty"`

	// source is how the addresses were found, for example "Service projectcontour/envoy: status.loadBalancer".
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Source string `json:"source,omitempty"`

	// state says whether the gateway is published, and why not:
	// Resolved and Overridden: the addresses are known and published.
	// ServiceNotFound, WrongServiceType, GatewayNotFound, GatewayAPINotInstalled, NoAddress, NoReadyEndpoint, InvalidName and Conflicted: there is nothing to publish, so that the name does not exist for this GatewayDNS.
	// Unknown, Unreachable and InvalidOverride: it is not known what to publish, so that whatever was published stays.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	State GatewayState `json:"state"`

	// message says why the gateway is in its state and what to do about it.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// unreachableSince is since when the cluster has not answered; only in the state Unreachable.
	// +optional
	UnreachableSince *metav1.Time `json:"unreachableSince,omitempty"`

	// lastTransitionTime is when hostname, state, addresses or ports changed last.
	// +required
	LastTransitionTime metav1.Time `json:"lastTransitionTime"`
}

// ConsumersStatus says in how many of the clusters that consume them the records of a GatewayDNS are current.
type ConsumersStatus struct {
	// total is how many clusters of this namespace consume records: those that have, or are to have, the DNS server.
	// +required
	// +kubebuilder:validation:Minimum=0
	Total *int32 `json:"total,omitempty"`

	// current is how many of them hold the records as status.gateways has them.
	// +required
	// +kubebuilder:validation:Minimum=0
	Current *int32 `json:"current,omitempty"`

	// lagging are the others, sorted by name, the first 100 of them.
	// +optional
	// +listType=map
	// +listMapKey=cluster
	// +kubebuilder:validation:MaxItems=100
	Lagging []LaggingConsumer `json:"lagging,omitempty"`

	// changeTime is the newest lastTransitionTime in status.gateways that these numbers speak of.
	// +optional
	ChangeTime *metav1.Time `json:"changeTime,omitempty"`
}

// LaggingConsumer is a cluster that does not hold the current records.
type LaggingConsumer struct {
	// cluster is the name of the Cluster, in the namespace of the GatewayDNS.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Cluster string `json:"cluster,omitempty"`

	// reason is Pending, Unreachable, Paused, NotInstalled, WriteFailed or NameTaken.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Reason LagReason `json:"reason,omitempty"`

	// message says why, and what to do about it.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// LagReason is why a consuming cluster does not hold the current records.
type LagReason string

const (
	// LagPending: the records are about to be written.
	LagPending LagReason = "Pending"
	// LagUnreachable: the cluster does not answer; it is brought up to date when it does.
	LagUnreachable LagReason = "Unreachable"
	// LagPaused: the Cluster is paused; it is brought up to date when it is unpaused.
	LagPaused LagReason = "Paused"
	// LagNotInstalled: the Cluster is labelled, and the namespace xcc-dns is not there yet.
	LagNotInstalled LagReason = "NotInstalled"
	// LagWriteFailed: the cluster refused a record.
	LagWriteFailed LagReason = "WriteFailed"
	// LagNameTaken: somebody else's EndpointSlice has the name of a record.
	LagNameTaken LagReason = "NameTaken"
)

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

	// NamesClaimedCondition is True when the names of the gateways are claimed in the annotation for that.
	NamesClaimedCondition = "NamesClaimed"
	// NamesClaimedReason: the claims are written.
	NamesClaimedReason = "NamesClaimed"
	// ClaimsNotWrittenReason: the API server refuses the annotation.
	// The names are published nevertheless, unless another GatewayDNS claims them.
	ClaimsNotWrittenReason = "ClaimsNotWritten"
	// TooManyClaimsReason: the annotation has no room for the claims of some names.
	// The names are published nevertheless, unless another GatewayDNS claims them.
	TooManyClaimsReason = "TooManyClaims"

	// GatewaysResolvedCondition is True when the gateways of all selected clusters are Resolved or Overridden, Unknown when the only ones that are not are Unknown or Unreachable, and False otherwise.
	GatewaysResolvedCondition = "GatewaysResolved"
	// GatewaysResolvedReason: all gateways are resolved.
	GatewaysResolvedReason = "GatewaysResolved"
	// GatewaysNotResolvedReason: at least one gateway has nothing that could be published.
	GatewaysNotResolvedReason = "GatewaysNotResolved"
	// GatewaysUnknownReason: at least one cluster cannot be asked, and nothing worse is known.
	GatewaysUnknownReason = "GatewaysUnknown"

	// ConsumersCurrentCondition is True when every consuming cluster holds the current records.
	// It is no part of Ready, which is about the gateways: a cluster that cannot be reached would make every GatewayDNS of its namespace not ready.
	ConsumersCurrentCondition = "ConsumersCurrent"
	// ConsumersCurrentReason: all consuming clusters hold the current records.
	ConsumersCurrentReason = "ConsumersCurrent"
	// ConsumersLaggingReason: at least one consuming cluster does not hold the current records.
	ConsumersLaggingReason = "ConsumersLagging"
	// NoConsumerReason: no cluster of the namespace consumes records.
	NoConsumerReason = "NoConsumer"
)

// GatewayDNSStatus is what is published for a GatewayDNS.
type GatewayDNSStatus struct {
	// conditions are Ready and what it sums up, ClustersSelected, NamesClaimed and GatewaysResolved; ConsumersCurrent; and Paused.
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

	// consumers says how many clusters hold the records that gateways stands for, and which do not.
	// It is written at most once per second, after gateways.
	// +optional
	Consumers *ConsumersStatus `json:"consumers,omitempty"`
}

// GatewayDNS gives a gateway, which is one Service or Gateway of each selected workload cluster, a DNS name in the pods of the other workload clusters of this namespace: *.gateway.<cluster>.<namespace>.clusters.<zone>, where the zone is xcc.test unless the administrator chose another.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=gatewaydns,singular=gatewaydns,scope=Namespaced,shortName=gwdns,categories=cluster-api
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels={"cluster.x-k8s.io/provider=addon-xcc","cluster.x-k8s.io/v1beta2=v1alpha1","clusterctl.cluster.x-k8s.io/move="}
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether every selected gateway is resolved"
// +kubebuilder:printcolumn:name="Consumers",type=integer,JSONPath=`.status.consumers.total`,description="The clusters that consume the records"
// +kubebuilder:printcolumn:name="Current",type=integer,JSONPath=`.status.consumers.current`,description="Those of them that hold the current records"
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="What is missing"
// +kubebuilder:printcolumn:name="Service",type=string,JSONPath=`.spec.service`,description="The gateway's Service in each selected cluster",priority=1
// +kubebuilder:printcolumn:name="Gateway",type=string,JSONPath=`.spec.gateway`,description="The Gateway in each selected cluster",priority=1
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.resolutionType`,description="How the addresses are found",priority=1
// +kubebuilder:printcolumn:name="Clusters",type=string,JSONPath=`.status.gateways[*].cluster`,description="The selected clusters",priority=1
// +kubebuilder:printcolumn:name="States",type=string,JSONPath=`.status.gateways[*].state`,description="The states of their gateways",priority=1
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

// Subdomain returns spec.subdomain, or its default in an object that no API server has seen yet.
func (g *GatewayDNS) Subdomain() string {
	return cmp.Or(g.Spec.Subdomain, DefaultSubdomain)
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
