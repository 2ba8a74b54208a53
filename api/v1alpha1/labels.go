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
	// DNSLabel on a Cluster installs the add-on in that workload cluster if its value is DNSEnabled.
	DNSLabel = "connectivity.tanzu.vmware.com/dns"

	// DNSEnabled is the value of DNSLabel that installs the add-on.
	DNSEnabled = "enabled"

	// DNSClusterLabel on a labelled Cluster is the Cluster's name, so that a ClusterResourceSet can select this Cluster alone.
	// The add-on controller sets it.
	DNSClusterLabel = "connectivity.tanzu.vmware.com/dns-cluster"

	// DNSReplicasAnnotation on a labelled Cluster is the number of dns-servers in that workload cluster, instead of the
	// manager's --dns-replicas: an integer from 1 to the manager's --max-dns-replicas.
	DNSReplicasAnnotation = "connectivity.tanzu.vmware.com/dns-replicas"

	// DNSResourcesAnnotation on a labelled Cluster sets the resources of the dns-server's container in that workload cluster,
	// instead of the manager's --dns-resources: requests and limits as JSON, each at most the manager's --max-dns-resources.
	DNSResourcesAnnotation = "connectivity.tanzu.vmware.com/dns-resources"

	// DNSPriorityClassAnnotation on a labelled Cluster is the PriorityClass of the add-on's Pods in that workload cluster, instead
	// of the manager's --dns-priority-class: the name of a class that exists there, or NoPriorityClass. The manager's
	// --allowed-dns-priority-classes must list a name that begins with "system-".
	DNSPriorityClassAnnotation = "connectivity.tanzu.vmware.com/dns-priority-class"

	// NoPriorityClass is the value of DNSPriorityClassAnnotation for Pods without a PriorityClass. No class can have this name,
	// because it is not in lower case.
	NoPriorityClass = "None"

	// DNSCorefileAnnotation on a labelled Cluster is the location of the Corefile that Pods of that workload cluster depend on, as
	// <namespace>/<configmap>/<key>, for example kube-system/nodelocaldns/Corefile. It overrides known and detected locations.
	DNSCorefileAnnotation = "connectivity.tanzu.vmware.com/dns-corefile"

	// GatewayAddressesAnnotation on a Cluster replaces the addresses found for that cluster's gateways, for example because they
	// are behind network address translation: IP addresses or host names, separated by commas. The entries ipv4=found and
	// ipv6=found stand for the addresses found in that family.
	GatewayAddressesAnnotation = "connectivity.tanzu.vmware.com/gateway-addresses"

	// GatewayAddressRangesAnnotation on a Cluster selects among the addresses found for that cluster's gateways: at most 32 ranges
	// in CIDR notation, separated by commas. A range prefixed with "!" excludes its addresses. Of the others, only the addresses in
	// the first matching range of their IP family are published. If no range matches, all addresses of the family are.
	GatewayAddressRangesAnnotation = "connectivity.tanzu.vmware.com/gateway-address-ranges"

	// ClaimsAnnotation on a GatewayDNS holds the time since which it claims each of its names: a JSON object from
	// "<subdomain>.<cluster>" to an RFC 3339 time. If two GatewayDNS ask for one name, the earliest claim owns it, also after a
	// move or a restore. The manager writes it.
	ClaimsAnnotation = "connectivity.tanzu.vmware.com/claims"
	// AbsentClaimsAnnotation on a GatewayDNS holds the time since which the Clusters of some of its claims do not exist, in the
	// format of ClaimsAnnotation. The manager writes it once claims use more than half of their room, so that claims of deleted
	// Clusters can make room for others.
	AbsentClaimsAnnotation = "connectivity.tanzu.vmware.com/absent-claims"

	// SharedClaimAnnotation on a GatewayDNS holds the time since which it claims its shared name: a JSON object from
	// spec.shared.name to an RFC 3339 time. If two GatewayDNS ask for one name, the earliest claim owns it. The manager writes it.
	SharedClaimAnnotation = "connectivity.tanzu.vmware.com/shared-claim"

	// DNSHostnameAnnotation on an EndpointSlice in the namespace WorkloadNamespace of a workload cluster is the fully qualified
	// name under which the slice's addresses are served, without a final dot, for example
	// "*.gateway.cluster-a.dev-team.clusters.xcc.test".
	DNSHostnameAnnotation = "connectivity.tanzu.vmware.com/dns-hostname"

	// AdditionalHostnamesAnnotation on an EndpointSlice holds further names of the slice, separated by commas and in the form of
	// DNSHostnameAnnotation. A dns-server reads the first MaxHostnames of them, and ignores the annotation without
	// DNSHostnameAnnotation.
	AdditionalHostnamesAnnotation = "connectivity.tanzu.vmware.com/dns-additional-hostnames"
	// MaxHostnames bounds the names in AdditionalHostnamesAnnotation. The manager writes one; an annotation can hold 256 kB, and
	// each name costs a record.
	MaxHostnames = 100

	// TargetsAnnotation on an EndpointSlice of type IPv4 or IPv6 holds host names, separated by commas, that the slice's names
	// are aliases for, for example "lb.example.com". It replaces slices of type FQDN, which Kubernetes 1.37 deprecates. The slice
	// may have no endpoints. A dns-server reads the first MaxTargets of them, and ignores the annotation without
	// DNSHostnameAnnotation.
	TargetsAnnotation = "connectivity.tanzu.vmware.com/dns-targets"
	// MaxTargets bounds the host names in TargetsAnnotation: as many as a gateway's status has addresses.
	MaxTargets = 100

	// FailoverAnnotation on an EndpointSlice holds the gateway's part in a shared name and its health check, as JSON: see package
	// internal/failover. A dns-server ignores it without DNSHostnameAnnotation.
	FailoverAnnotation = "connectivity.tanzu.vmware.com/dns-failover"

	// GatewayDNSRefAnnotation on an EndpointSlice is the slice's GatewayDNS, as "namespace/name". A slice without it was written
	// by hand: it is served and never touched.
	GatewayDNSRefAnnotation = "connectivity.tanzu.vmware.com/gateway-dns-ref"

	// ManagedBy is the value of the label endpointslice.kubernetes.io/managed-by on the manager's EndpointSlices.
	ManagedBy = "xcc.connectivity.tanzu.vmware.com"

	// WorkloadNamespace is the namespace of the add-on and its EndpointSlices in a workload cluster.
	WorkloadNamespace = "xcc-dns"

	// DNSServerName is the name of the DNS server's Deployment, Service and ServiceAccount in WorkloadNamespace.
	DNSServerName = "dns-server"

	// DNSConfigPatcherName is the name of the patcher's Deployment and ServiceAccount in WorkloadNamespace. The patcher keeps the
	// zone's server block in CoreDNS's Corefile.
	DNSConfigPatcherName = "dns-config-patcher"

	// RemoveAnnotation on the Deployment of DNSConfigPatcherName asks it to take the zone's server block out of the Corefile,
	// to report that, and to write no more until the annotation is gone. Its value is the time at which the manager asked, in
	// RFC 3339; the patcher ignores it.
	RemoveAnnotation = "connectivity.tanzu.vmware.com/remove"

	// PayloadSuffix ends the name of a Cluster's payload Secret and ClusterResourceSet, after the name of the Cluster.
	PayloadSuffix = "-xcc-dns"

	// PayloadAnnotation is on every object of the add-on in a workload cluster: the hash of the payload that the object belongs to.
	PayloadAnnotation = "connectivity.tanzu.vmware.com/payload"

	// DrainedAnnotation on the namespace WorkloadNamespace says that the add-on is being removed and that its DNS servers get no
	// more queries. No record is written to the namespace.
	DrainedAnnotation = "connectivity.tanzu.vmware.com/drained"

	// ConflictAnnotation on a Cluster names the foreign object of the management cluster that has the name of an add-on object, in
	// one sentence. Until it is gone, the add-on is not installed, updated or removed.
	ConflictAnnotation = "connectivity.tanzu.vmware.com/conflict"

	// PartOfLabel and PartOf are on every object of the add-on in a workload cluster. Objects without them are not ours.
	PartOfLabel = "app.kubernetes.io/part-of"
	PartOf      = "xcc"

	// ProbeLeaseName is the name of the Lease in WorkloadNamespace that dns-config-patcher renews after each successful lookup
	// through the cluster's own DNS.
	ProbeLeaseName = "dns-probe"

	// DNSServerReportName is the name of the headless Service in WorkloadNamespace at which each dns-server reports which gateways
	// it reaches.
	DNSServerReportName = "dns-server-report"

	// ReachabilityName is the name of the ConfigMap in WorkloadNamespace with the merged report of the dns-servers: see package
	// internal/reachability. dns-config-patcher writes it and the manager reads it.
	ReachabilityName = "dns-reachability"

	// DefaultZone is the default DNS zone.
	DefaultZone = "xcc.test"
)
