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

const (
	// GatewaysReachableCondition is True if every reporting cluster reaches all gateways that it probes. It is Unknown if no cluster
	// reports, and absent without spec.healthCheck. It is no part of Ready: each dns-server decides by itself where it sends clients.
	GatewaysReachableCondition = "GatewaysReachable"
	// GatewaysReachableReason: every reporting cluster reaches all gateways.
	GatewaysReachableReason = "GatewaysReachable"
	// GatewaysPartlyUnreachableReason: some of the reporting clusters cannot reach a gateway.
	GatewaysPartlyUnreachableReason = "GatewaysPartlyUnreachable"
	// GatewaysUnreachableReason: there is a gateway that no reporting cluster reaches.
	GatewaysUnreachableReason = "GatewaysUnreachable"
	// NoReachabilityReportReason: no cluster reports on a gateway.
	NoReachabilityReportReason = "NoReachabilityReport"

	// MaxUnreachableClusters bounds the clusters that status.reachability names.
	MaxUnreachableClusters = 20
)

// ReachabilityStatus counts the clusters that cannot reach a gateway, as their dns-servers measure it.
type ReachabilityStatus struct {
	// consumers is the number of clusters that report: the highest number of reports on one gateway.
	// +required
	// +kubebuilder:validation:Minimum=0
	Consumers *int32 `json:"consumers,omitempty"`

	// unreachable is the number of gateways that at least one cluster cannot reach.
	// +required
	// +kubebuilder:validation:Minimum=0
	Unreachable *int32 `json:"unreachable,omitempty"`

	// clusters are the clusters of these gateways. Those with the most failing reports come first, and at most 20 are named.
	// +optional
	// +listType=map
	// +listMapKey=cluster
	// +kubebuilder:validation:MaxItems=20
	Clusters []ClusterReachability `json:"clusters,omitempty"`
}

// ClusterReachability is the cluster of a gateway that at least one cluster cannot reach.
type ClusterReachability struct {
	// cluster is the name of the gateway's Cluster, in the namespace of the GatewayDNS.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Cluster string `json:"cluster,omitempty"`

	// unreachableFrom is the number of clusters that cannot reach the gateway.
	// +required
	// +kubebuilder:validation:Minimum=1
	UnreachableFrom *int32 `json:"unreachableFrom,omitempty"`

	// reportedBy is the number of clusters that report on the gateway.
	// +required
	// +kubebuilder:validation:Minimum=1
	ReportedBy *int32 `json:"reportedBy,omitempty"`
}
