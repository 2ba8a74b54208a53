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
	// DNSLabel on a Cluster of the management cluster installs the add-on in that workload cluster when its value is
	// DNSEnabled.
	DNSLabel = "connectivity.tanzu.vmware.com/dns"

	// DNSEnabled is the value of DNSLabel that installs the add-on.
	DNSEnabled = "enabled"

	// DNSClusterLabel is set on a labelled Cluster by the add-on controller. Its value is the Cluster's name, so that a
	// ClusterResourceSet can select this Cluster alone.
	DNSClusterLabel = "connectivity.tanzu.vmware.com/dns-cluster"

	// DNSHostnameAnnotation on an EndpointSlice in the namespace WorkloadNamespace of a workload cluster is the name,
	// relative to nothing and without a final dot, under which the slice's addresses are served, for example
	// "*.gateway.cluster-a.dev-team.clusters.xcc.test".
	DNSHostnameAnnotation = "connectivity.tanzu.vmware.com/dns-hostname"

	// GatewayDNSRefAnnotation on an EndpointSlice is the GatewayDNS that the slice was published for, as
	// "namespace/name". A slice without it was written by hand: it is served and never touched.
	GatewayDNSRefAnnotation = "connectivity.tanzu.vmware.com/gateway-dns-ref"

	// ManagedBy is the value of the label endpointslice.kubernetes.io/managed-by on the EndpointSlices that the
	// manager writes.
	ManagedBy = "xcc.connectivity.tanzu.vmware.com"

	// WorkloadNamespace is the namespace of a workload cluster that holds the add-on and the EndpointSlices it serves.
	WorkloadNamespace = "xcc-dns"

	// DNSServerName is the name of the DNS server's Deployment, Service and ServiceAccount in WorkloadNamespace.
	DNSServerName = "dns-server"

	// DNSConfigPatcherName is the name of the Deployment and the ServiceAccount, in WorkloadNamespace, that keep the
	// zone's server block in CoreDNS's Corefile.
	DNSConfigPatcherName = "dns-config-patcher"

	// DefaultZone is the DNS zone that is served unless another one is configured.
	DefaultZone = "xcc.test"
)
