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

// DNSReadyCondition on a labelled Cluster says whether Pods of that workload cluster resolve the zone. It is True if the DNS
// server is available and matches the payload Secret, the Corefile forwards the zone, and a lookup through the cluster's own
// DNS succeeded within the last three probe intervals. A Cluster can list it in spec.availabilityGates.
const DNSReadyCondition = "connectivity.tanzu.vmware.com/DNSReady"

// Reasons of DNSReadyCondition. Each state of the Corefile other than Forwarding is also a reason, with status False.
const (
	// DNSReadyReason: DNS works. Status True.
	DNSReadyReason = "Ready"

	// UpdateWaitingReason: DNS works, and a newer payload waits for a rollout slot. Status True.
	UpdateWaitingReason = "UpdateWaiting"

	// NotInstalledReason: the add-on is not installed in the cluster yet, or was deleted there. Status False.
	NotInstalledReason = "NotInstalled"

	// UpdatingReason: the running add-on does not match the payload Secret. Status False.
	UpdatingReason = "Updating"

	// DNSServerUnavailableReason: too few DNS servers are available. Status False.
	DNSServerUnavailableReason = "DNSServerUnavailable"

	// ProbeFailedReason: lookups through the cluster's own DNS fail. Status False.
	ProbeFailedReason = "ProbeFailed"

	// ClusterDNSUnconfiguredReason: lookups fail because Pods use a DNS server that cannot be configured. The message names it
	// and says how to fix the problem. Status False.
	ClusterDNSUnconfiguredReason = "ClusterDNSUnconfigured"

	// InvalidOptionsReason: an annotation on the Cluster is invalid. The installed add-on keeps working. Status False.
	InvalidOptionsReason = "InvalidOptions"

	// ObjectConflictReason: a foreign object of the management cluster has the name of an add-on object. Status False.
	ObjectConflictReason = "ObjectConflict"

	// RemovingReason: the add-on is being removed. Status False.
	RemovingReason = "Removing"

	// WaitingForControlPlaneReason: the cluster has no control plane yet. Status Unknown.
	WaitingForControlPlaneReason = "WaitingForControlPlane"

	// KubeconfigRefusedReason: the cluster's kubeconfig Secret is not used, because it names a file, a program or a plugin, or
	// cannot be parsed. The message says how to change it. Status Unknown.
	KubeconfigRefusedReason = "KubeconfigRefused"

	// ClusterUnreachableReason: the cluster is unreachable or beyond its budget. Status Unknown.
	ClusterUnreachableReason = "ClusterUnreachable"

	// PatcherUnavailableReason: dns-config-patcher, which keeps the Corefile and runs the probe, does not report. Status
	// Unknown.
	PatcherUnavailableReason = "PatcherUnavailable"

	// WaitingForProbeReason: no lookup through the cluster's own DNS has succeeded yet, and CoreDNS may not have reloaded its
	// Corefile yet. Status Unknown.
	WaitingForProbeReason = "WaitingForProbe"

	// ProbeStaleReason: dns-config-patcher runs, but has reported no lookup result for three intervals. Status Unknown.
	ProbeStaleReason = "ProbeStale"
)
