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

// ResolutionType selects how a Service is resolved to addresses.
// +kubebuilder:validation:Enum=loadBalancer;nodePort;hostPort;externalIPs
type ResolutionType string

const (
	// ResolutionTypeLoadBalancer uses the addresses in status.loadBalancer.ingress of a Service of type LoadBalancer.
	ResolutionTypeLoadBalancer ResolutionType = "loadBalancer"
	// ResolutionTypeNodePort uses the addresses of the ready, schedulable nodes if the Service has node ports. If all ready nodes
	// are unschedulable, it uses these.
	ResolutionTypeNodePort ResolutionType = "nodePort"
	// ResolutionTypeHostPort uses the addresses of the nodes on which a ready Pod of the Service has host ports.
	ResolutionTypeHostPort ResolutionType = "hostPort"
	// ResolutionTypeExternalIPs uses the addresses in the Service's spec.externalIPs.
	ResolutionTypeExternalIPs ResolutionType = "externalIPs"
)

// DefaultSubdomain is the default of spec.subdomain.
const DefaultSubdomain = "gateway"

// GatewayDNSSpec defines the gateway to publish and the clusters that have it.
// +kubebuilder:validation:XValidation:rule="has(self.service) != has(self.gateway)",message="spec must have exactly one of service, for a Service, and gateway, for a Gateway of the Gateway API"
// +kubebuilder:validation:XValidation:rule="!has(self.gateway) || !has(self.resolutionType) || self.resolutionType == 'loadBalancer'",message="spec.resolutionType must be left out with spec.gateway: the addresses of a Gateway are those in its status"
type GatewayDNSSpec struct {
	// clusterSelector selects the Clusters of this namespace whose gateway is published, by their labels.
	// It is an ordinary label selector: matchLabels and matchExpressions are ANDed, and an empty selector selects every Cluster of the namespace.
	// The operators are In, NotIn, Exists and DoesNotExist.
	// Keys of matchLabels are validated on admission. Other invalid characters cause the reason InvalidSelector of the condition ClustersSelected.
	// +required
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, e.operator in ['In', 'NotIn', 'Exists', 'DoesNotExist'])",message="spec.clusterSelector.matchExpressions: operator must be In, NotIn, Exists or DoesNotExist"
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, (e.operator in ['In', 'NotIn']) == (has(e.values) && size(e.values) > 0))",message="spec.clusterSelector.matchExpressions: values must be given with the operators In and NotIn, and with no other"
	// +kubebuilder:validation:XValidation:rule="!has(self.matchLabels) || self.matchLabels.all(k, size(k) <= 317 && k.matches('^([-.a-z0-9]+/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$'))",message="spec.clusterSelector.matchLabels: each key must be the key of a label, for example team or example.com/team"
	// +kubebuilder:validation:XValidation:rule="!has(self.matchLabels) || self.matchLabels.all(k, size(self.matchLabels[k]) <= 63)",message="spec.clusterSelector.matchLabels: a value has at most 63 characters"
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, size(e.key) > 0 && size(e.key) <= 317)",message="spec.clusterSelector.matchExpressions: key must be the key of a label, with 1 to 317 characters"
	ClusterSelector metav1.LabelSelector `json:"clusterSelector"`

	// service is the gateway's Service in each selected cluster, as "namespace/name", for example "projectcontour/envoy".
	// Exactly one of service and gateway must be set.
	// +optional
	// +kubebuilder:validation:MaxLength=127
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="spec.service must be the namespace and the name of a Service as namespace/name, for example projectcontour/envoy"
	Service string `json:"service,omitempty"`

	// gateway is a Gateway of the Gateway API (gateway.networking.k8s.io) in each selected cluster, as "namespace/name", for example "infra/public".
	// It is published with the addresses in its status.addresses.
	// Exactly one of service and gateway must be set.
	// +optional
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="spec.gateway must be the namespace and the name of a Gateway as namespace/name, for example infra/public"
	Gateway string `json:"gateway,omitempty"`

	// resolutionType selects how the Service is resolved to addresses. It must be unset if spec.gateway is set.
	// "loadBalancer": the addresses in status.loadBalancer.ingress of a Service of type LoadBalancer.
	// "nodePort": the addresses of the ready, schedulable nodes, or of unschedulable nodes if there are no others. Each node has its ExternalIP, or else its InternalIP, of each IP family of the Service. With externalTrafficPolicy Local, only nodes with a ready endpoint count. Clients dial the node port; SRV records contain it.
	// "hostPort": the addresses of the nodes on which a ready Pod of the Service runs. Clients dial the Pod's host port; SRV records contain it.
	// "externalIPs": the addresses in the Service's spec.externalIPs.
	// It defaults to "loadBalancer".
	// +optional
	// +default="loadBalancer"
	// +kubebuilder:default=loadBalancer
	ResolutionType ResolutionType `json:"resolutionType,omitempty"`

	// subdomain is the first DNS label of the gateways' names: *.<subdomain>.<cluster>.<namespace>.clusters.<zone>.
	// Two gateways of one cluster need different subdomains: if two GatewayDNS ask for one name, the first one owns it.
	// A change of the subdomain replaces the gateways' names.
	// It defaults to "gateway".
	// +optional
	// +default="gateway"
	// +kubebuilder:default=gateway
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="spec.subdomain must be one DNS label: at most 63 lower-case letters, digits and hyphens, with no hyphen at either end"
	Subdomain string `json:"subdomain,omitempty"`

	// shared publishes one more name, which leads to the gateway of one of several clusters: *.<name>.<namespace>.gateways.<zone>, and the name without "*.".
	// Each answer has the addresses of one cluster. If spec.healthCheck is set, it is a cluster whose gateway works.
	// +optional
	Shared *SharedName `json:"shared,omitempty"`

	// healthCheck lets the DNS server of each consuming cluster probe the gateways, and leave those out of its answers that fail.
	// If all gateways of a name fail, all are answered.
	// If it is unset, nothing is probed.
	// +optional
	HealthCheck *HealthCheck `json:"healthCheck,omitempty"`
}

// GatewayState is the state of one cluster's gateway.
type GatewayState string

const (
	// GatewayResolved: the gateway's addresses are known and published.
	GatewayResolved GatewayState = "Resolved"
	// GatewayOverridden: the addresses in the Cluster's annotation gateway-addresses are published.
	GatewayOverridden GatewayState = "Overridden"
	// GatewayInvalidOverride: the Cluster's annotation gateway-addresses has an invalid address, or gateway-address-ranges an
	// invalid range. Published records stay.
	GatewayInvalidOverride GatewayState = "InvalidOverride"
	// GatewayServiceNotFound: the Service does not exist in the cluster, or is being deleted; nothing is published.
	GatewayServiceNotFound GatewayState = "ServiceNotFound"
	// GatewayWrongServiceType: the type of the Service does not match spec.resolutionType; nothing is published.
	GatewayWrongServiceType GatewayState = "WrongServiceType"
	// GatewayGatewayNotFound: the Gateway does not exist in the cluster, or is being deleted; nothing is published.
	GatewayGatewayNotFound GatewayState = "GatewayNotFound"
	// GatewayGatewayAPINotInstalled: the cluster does not serve v1 of the Gateway API; nothing is published.
	GatewayGatewayAPINotInstalled GatewayState = "GatewayAPINotInstalled"
	// GatewayNoAddress: the Service or the Gateway has no usable address yet; nothing is published.
	GatewayNoAddress GatewayState = "NoAddress"
	// GatewayNoReadyEndpoint: no eligible node is ready and has a ready endpoint of the Service; nothing is published.
	GatewayNoReadyEndpoint GatewayState = "NoReadyEndpoint"
	// GatewayInvalidName: the gateway's name is longer than DNS allows; nothing is published.
	GatewayInvalidName GatewayState = "InvalidName"
	// GatewayConflicted: another GatewayDNS claimed the name first; nothing is published for this one.
	GatewayConflicted GatewayState = "Conflicted"
	// GatewayUnreachable: the cluster answered before but does not answer now. Published records stay.
	GatewayUnreachable GatewayState = "Unreachable"
	// GatewayUnknown: the cluster has not answered yet, is paused or belongs to another instance of the manager. Published
	// records stay.
	GatewayUnknown GatewayState = "Unknown"
)

// KnownEmpty returns whether the gateway is known to have nothing to publish, so that its records are deleted.
func (s GatewayState) KnownEmpty() bool {
	switch s {
	case GatewayServiceNotFound, GatewayWrongServiceType, GatewayGatewayNotFound, GatewayGatewayAPINotInstalled, GatewayNoAddress,
		GatewayNoReadyEndpoint, GatewayInvalidName, GatewayConflicted:
		return true
	case GatewayResolved, GatewayOverridden, GatewayInvalidOverride, GatewayUnreachable, GatewayUnknown:
	}
	return false
}

// Known returns whether this version defines the state.
func (s GatewayState) Known() bool {
	return s.KnownEmpty() || s.Current() || s == GatewayInvalidOverride || s == GatewayUnreachable || s == GatewayUnknown
}

// Current returns whether the gateway's present addresses are known, so that exactly these are published.
// A state that is neither Current nor KnownEmpty keeps the published records.
func (s GatewayState) Current() bool {
	return s == GatewayResolved || s == GatewayOverridden
}

// GatewayPort is a port that a client of the gateway dials.
type GatewayPort struct {
	// name is the port's name in the Service or the listener. A named port is published as an SRV record.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// protocol is TCP, UDP or SCTP.
	// +required
	// +kubebuilder:validation:Enum=TCP;UDP;SCTP
	Protocol string `json:"protocol,omitempty"`

	// port is the port number to dial on the load balancer, the node or the host.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
}

// GatewayStatus is the published state of one selected cluster's gateway.
type GatewayStatus struct {
	// cluster is the name of the Cluster, in the namespace of the GatewayDNS.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Cluster string `json:"cluster"`

	// hostname is the gateway's DNS name. It is a wildcard: every name below it leads to the gateway, which routes to its applications by name.
	// The name without "*." leads there too.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Hostname string `json:"hostname,omitempty"`

	// addresses are the gateway's IPv4 and IPv6 addresses and host names, sorted. At most 100 are published.
	// In the states Unknown, Unreachable and InvalidOverride they are the last known addresses.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=253
	Addresses []string `json:"addresses,omitempty"`

	// ports are the ports that clients dial.
	// Each named port is published as an SRV record: _<name>._<protocol>.<hostname>.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Ports []GatewayPort `json:"ports,omitempty"`

	// source is the origin of the addresses, for example "Service projectcontour/envoy: status.loadBalancer".
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Source string `json:"source,omitempty"`

	// state says whether the gateway is published, and why not:
	// Resolved and Overridden: the addresses are known and published.
	// ServiceNotFound, WrongServiceType, GatewayNotFound, GatewayAPINotInstalled, NoAddress, NoReadyEndpoint, InvalidName and Conflicted: there is nothing to publish, and the name does not exist for this GatewayDNS.
	// Unknown, Unreachable and InvalidOverride: the addresses are not known, and published records stay.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	State GatewayState `json:"state"`

	// message explains the state and how to fix it.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// unreachableSince is the time since which the cluster has not answered. It is set only in the state Unreachable.
	// +optional
	UnreachableSince *metav1.Time `json:"unreachableSince,omitempty"`

	// shared is the gateway's part in status.sharedHostname. It is unset if the gateway has none.
	// +optional
	Shared *GatewayShare `json:"shared,omitempty"`

	// lastTransitionTime is the time of the last change of hostname, state, addresses, ports or shared.
	// +required
	LastTransitionTime metav1.Time `json:"lastTransitionTime"`
}

// ConsumersStatus counts the consuming clusters that have the current records of a GatewayDNS.
type ConsumersStatus struct {
	// total is the number of clusters of this namespace that consume records: clusters that have the DNS server, or are about to.
	// +required
	// +kubebuilder:validation:Minimum=0
	Total *int32 `json:"total,omitempty"`

	// current is the number of these clusters whose records match status.gateways.
	// +required
	// +kubebuilder:validation:Minimum=0
	Current *int32 `json:"current,omitempty"`

	// lagging are the other clusters, sorted by name; at most 100.
	// +optional
	// +listType=map
	// +listMapKey=cluster
	// +kubebuilder:validation:MaxItems=100
	Lagging []LaggingConsumer `json:"lagging,omitempty"`

	// changeTime is the newest lastTransitionTime in status.gateways that these numbers include.
	// +optional
	ChangeTime *metav1.Time `json:"changeTime,omitempty"`
}

// LaggingConsumer is a cluster without the current records.
type LaggingConsumer struct {
	// cluster is the name of the Cluster, in the namespace of the GatewayDNS.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Cluster string `json:"cluster,omitempty"`

	// reason is Pending, Unreachable, Paused, NotInstalled, WriteFailed, NameTaken or Outdated.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Reason LagReason `json:"reason,omitempty"`

	// message explains the reason and how to fix it.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// LagReason is the reason why a consuming cluster does not have the current records.
type LagReason string

const (
	// LagPending: the records are about to be written.
	LagPending LagReason = "Pending"
	// LagUnreachable: the cluster does not answer; its records are updated once it does.
	LagUnreachable LagReason = "Unreachable"
	// LagPaused: the Cluster is paused; its records are updated once it is unpaused.
	LagPaused LagReason = "Paused"
	// LagNotInstalled: the Cluster is labelled, but the namespace xcc-dns does not exist yet.
	LagNotInstalled LagReason = "NotInstalled"
	// LagWriteFailed: the cluster refused a record.
	LagWriteFailed LagReason = "WriteFailed"
	// LagNameTaken: a foreign EndpointSlice has the name of a record.
	LagNameTaken LagReason = "NameTaken"
	// LagOutdated: the cluster has its records, but a dns-server of an older release ignores spec.shared and spec.healthCheck.
	LagOutdated LagReason = "Outdated"
)

// Condition types and reasons of a GatewayDNS.
const (
	// ReadyCondition summarises the others: it is True if every selected cluster's gateway is resolved.
	ReadyCondition = "Ready"
	// ReadyReason, NotReadyReason and ReadyUnknownReason are the reasons of ReadyCondition.
	ReadyReason        = "Ready"
	NotReadyReason     = "NotReady"
	ReadyUnknownReason = "ReadyUnknown"

	// ClustersSelectedCondition is True if spec.clusterSelector selects at least one Cluster.
	ClustersSelectedCondition = "ClustersSelected"
	// ClustersSelectedReason: at least one Cluster is selected.
	ClustersSelectedReason = "ClustersSelected"
	// NoClusterSelectedReason: no Cluster of the namespace has matching labels.
	NoClusterSelectedReason = "NoClusterSelected"
	// InvalidSelectorReason: the selector cannot be evaluated.
	InvalidSelectorReason = "InvalidSelector"

	// NamesClaimedCondition is True if the names of the gateways are claimed in ClaimsAnnotation.
	NamesClaimedCondition = "NamesClaimed"
	// NamesClaimedReason: the claims are written.
	NamesClaimedReason = "NamesClaimed"
	// ClaimsNotWrittenReason: the API server refuses the annotation.
	// The names are still published, unless another GatewayDNS claims them.
	ClaimsNotWrittenReason = "ClaimsNotWritten"
	// TooManyClaimsReason: the annotation has no room for the claims of some names.
	// The names are still published, unless another GatewayDNS claims them.
	TooManyClaimsReason = "TooManyClaims"

	// GatewaysResolvedCondition is True if the gateways of all selected clusters are Resolved or Overridden.
	// It is Unknown if all other gateways are Unknown or Unreachable, and False otherwise.
	GatewaysResolvedCondition = "GatewaysResolved"
	// GatewaysResolvedReason: all gateways are resolved.
	GatewaysResolvedReason = "GatewaysResolved"
	// GatewaysNotResolvedReason: at least one gateway has nothing to publish.
	GatewaysNotResolvedReason = "GatewaysNotResolved"
	// GatewaysUnknownReason: at least one cluster cannot be asked, and no worse problem is known.
	GatewaysUnknownReason = "GatewaysUnknown"

	// SharedNamePublishedCondition is True if spec.shared is published. It is absent without spec.shared. It is no part of Ready:
	// the names of single clusters do not depend on it.
	SharedNamePublishedCondition = "SharedNamePublished"
	// SharedNamePublishedReason: the name is published for at least one cluster.
	SharedNamePublishedReason = "SharedNamePublished"
	// SharedNameConflictedReason: another GatewayDNS of the namespace claimed the name first.
	SharedNameConflictedReason = "SharedNameConflicted"
	// SharedNameInvalidReason: the name is longer than DNS allows.
	SharedNameInvalidReason = "SharedNameInvalid"
	// SharedMembersInvalidReason: a selector of spec.shared.members cannot be evaluated. The gateways keep their former parts.
	SharedMembersInvalidReason = "SharedMembersInvalid"
	// NoSharedMemberReason: no selected Cluster has a member.
	NoSharedMemberReason = "NoSharedMember"

	// ConsumersCurrentCondition is True if every consuming cluster has the current records.
	// It is not part of Ready, because one unreachable cluster would make every GatewayDNS of its namespace not ready.
	ConsumersCurrentCondition = "ConsumersCurrent"
	// ConsumersCurrentReason: all consuming clusters have the current records.
	ConsumersCurrentReason = "ConsumersCurrent"
	// ConsumersLaggingReason: at least one consuming cluster does not have the current records.
	ConsumersLaggingReason = "ConsumersLagging"
	// NoConsumerReason: no cluster of the namespace consumes records.
	NoConsumerReason = "NoConsumer"
)

// GatewayDNSStatus is the published state of a GatewayDNS.
type GatewayDNSStatus struct {
	// conditions are Ready, which summarises ClustersSelected, NamesClaimed and GatewaysResolved; SharedNamePublished; ConsumersCurrent; GatewaysReachable; and Paused.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that this status reflects.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// sharedHostname is the name that leads to the gateway of one of several clusters. It is a wildcard. The name without "*." leads there too.
	// It is unset if spec.shared is unset or another GatewayDNS owns the name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SharedHostname string `json:"sharedHostname,omitempty"`

	// gateways has an entry for each selected cluster: the gateway as published in the other clusters of this namespace.
	// +optional
	// +listType=map
	// +listMapKey=cluster
	Gateways []GatewayStatus `json:"gateways,omitempty"`

	// consumers counts the clusters whose records match gateways, and lists the others.
	// It is written after gateways, at most once per second.
	// +optional
	Consumers *ConsumersStatus `json:"consumers,omitempty"`

	// reachability counts the clusters whose dns-servers cannot reach a gateway. It is unset without spec.healthCheck.
	// It is written at most once per 10 seconds.
	// +optional
	Reachability *ReachabilityStatus `json:"reachability,omitempty"`
}

// GatewayDNS publishes a gateway of each selected workload cluster, a Service or a Gateway, under a DNS name.
// Pods in the workload clusters of this namespace resolve the name: *.<subdomain>.<cluster>.<namespace>.clusters.<zone>.
// The zone is xcc.test unless the administrator chose another.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=gatewaydns,singular=gatewaydns,scope=Namespaced,shortName=gwdns,categories=cluster-api
// +kubebuilder:storageversion
// +kubebuilder:metadata:labels={"cluster.x-k8s.io/provider=addon-xcc","cluster.x-k8s.io/v1beta2=v1alpha1","clusterctl.cluster.x-k8s.io/move="}
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether every selected gateway is resolved"
// +kubebuilder:printcolumn:name="Consumers",type=integer,JSONPath=`.status.consumers.total`,description="Number of clusters that consume the records"
// +kubebuilder:printcolumn:name="Current",type=integer,JSONPath=`.status.consumers.current`,description="Number of these clusters that have the current records"
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,description="Why the GatewayDNS is not ready"
// +kubebuilder:printcolumn:name="Service",type=string,JSONPath=`.spec.service`,description="The gateway's Service in each selected cluster",priority=1
// +kubebuilder:printcolumn:name="Gateway",type=string,JSONPath=`.spec.gateway`,description="The Gateway in each selected cluster",priority=1
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.resolutionType`,description="How the Service is resolved to addresses",priority=1
// +kubebuilder:printcolumn:name="Clusters",type=string,JSONPath=`.status.gateways[*].cluster`,description="The selected clusters",priority=1
// +kubebuilder:printcolumn:name="Shared",type=string,JSONPath=`.status.sharedHostname`,description="The name that leads to one of the clusters",priority=1
// +kubebuilder:printcolumn:name="States",type=string,JSONPath=`.status.gateways[*].state`,description="The states of their gateways",priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="Time since creation"
type GatewayDNS struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines the gateway to publish and the clusters that have it.
	// +required
	Spec GatewayDNSSpec `json:"spec"`

	// status is the published state.
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
