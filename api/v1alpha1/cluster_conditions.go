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

// DNSReadyCondition is the condition on a labelled Cluster that says whether pods of that workload cluster resolve the zone.
// It is True only if the DNS server is available as the payload Secret has it, the Corefile forwards the zone, and a lookup
// through the cluster's own DNS succeeded within the last three intervals of the probe. A Cluster can have it in
// spec.availabilityGates.
const DNSReadyCondition = "connectivity.tanzu.vmware.com/DNSReady"

// Reasons of DNSReadyCondition. Besides these, each state of the Corefile other than Forwarding is one, with status False.
const (
	// DNSReadyReason: all is well. Status True.
	DNSReadyReason = "Ready"

	// UpdateWaitingReason: all is well, and another payload waits for its turn. Status True.
	UpdateWaitingReason = "UpdateWaiting"

	// NotInstalledReason: the cluster does not have the add-on yet, or somebody deleted it there. Status False.
	NotInstalledReason = "NotInstalled"

	// UpdatingReason: what runs in the cluster is not what the payload Secret has. Status False.
	UpdatingReason = "Updating"

	// DNSServerUnavailableReason: too few DNS servers are available. Status False.
	DNSServerUnavailableReason = "DNSServerUnavailable"

	// ProbeFailedReason: lookups through the cluster's own DNS fail. Status False.
	ProbeFailedReason = "ProbeFailed"

	// ClusterDNSUnconfiguredReason: lookups fail, because Pods ask a DNS server that cannot be configured. The message says which one, and
	// what to do. Status False.
	ClusterDNSUnconfiguredReason = "ClusterDNSUnconfigured"

	// InvalidOptionsReason: an annotation on the Cluster cannot be obeyed; what was installed before works. Status False.
	InvalidOptionsReason = "InvalidOptions"

	// ObjectConflictReason: an object of the management cluster has the name of one of the add-on's, and is not the add-on's.
	// Status False.
	ObjectConflictReason = "ObjectConflict"

	// RemovingReason: the add-on is being removed. Status False.
	RemovingReason = "Removing"

	// WaitingForControlPlaneReason: the cluster has no control plane yet. Status Unknown.
	WaitingForControlPlaneReason = "WaitingForControlPlane"

	// KubeconfigRefusedReason: the cluster's kubeconfig Secret is not used, because it names a file, a program or a plugin, or cannot
	// be parsed. The message says what to change. Status Unknown.
	KubeconfigRefusedReason = "KubeconfigRefused"

	// ClusterUnreachableReason: the cluster cannot be asked, or is left alone because it is beyond its budget. Status Unknown.
	ClusterUnreachableReason = "ClusterUnreachable"

	// PatcherUnavailableReason: dns-config-patcher, which looks after the Corefile and asks the probe, says nothing. Status
	// Unknown.
	PatcherUnavailableReason = "PatcherUnavailable"

	// WaitingForProbeReason: no lookup through the cluster's own DNS has succeeded yet, and CoreDNS may not have reloaded its
	// Corefile yet. Status Unknown.
	WaitingForProbeReason = "WaitingForProbe"

	// ProbeStaleReason: dns-config-patcher runs, and has said neither that lookups succeed nor that they fail for three
	// intervals. Status Unknown.
	ProbeStaleReason = "ProbeStale"
)
