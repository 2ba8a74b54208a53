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
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SharedName is a name that leads to the gateway of one of several clusters.
type SharedName struct {
	// name is the DNS label that distinguishes the shared names of a namespace: *.<name>.<namespace>.gateways.<zone>.
	// If two GatewayDNS ask for one name, the first one owns it. See the condition SharedNamePublished.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="spec.shared.name must be one DNS label: at most 63 lower-case letters, digits and hyphens, with no hyphen at either end"
	Name string `json:"name,omitempty"`

	// members set the priority and the weight of clusters. The first member whose selector matches a cluster counts. A selected cluster without a member has no part in the name.
	// If there are no members, every selected cluster has priority 0 and weight 1.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Members []SharedMember `json:"members,omitempty"`

	// locality prefers near clusters among those of one priority.
	// +optional
	Locality *SharedLocality `json:"locality,omitempty"`
}

// SharedMember sets the priority and the weight of clusters in a shared name.
type SharedMember struct {
	// clusterSelector selects Clusters by their labels, among those that spec.clusterSelector selects. An empty selector selects all of them.
	// Invalid selectors cause the reason SharedMembersInvalid of the condition SharedNamePublished.
	// +required
	ClusterSelector metav1.LabelSelector `json:"clusterSelector"`

	// priority orders the clusters: a cluster is answered only if no cluster with a lower number works (RFC 2782). In each consuming cluster, its own gateway precedes others of the same priority.
	// It defaults to 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Priority *int32 `json:"priority,omitempty"`

	// weight is the share of answers among clusters of the same priority and locality (RFC 2782). A cluster of weight 0 is answered only if the others have weight 0, too.
	// It defaults to 1.
	// +optional
	// +default=1
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Weight *int32 `json:"weight,omitempty"`
}

// SharedLocality prefers near clusters among those of one priority.
type SharedLocality struct {
	// labels are the keys of labels of Clusters, the broadest area first, for example topology.kubernetes.io/region and then topology.kubernetes.io/zone.
	// The cluster with the most leading labels in common with the consuming cluster is the nearest.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=317
	Labels []string `json:"labels,omitempty"`
}

// HealthCheckProtocol is the protocol of a probe.
// +kubebuilder:validation:Enum=TCP;HTTP;HTTPS
type HealthCheckProtocol string

// The protocols of a probe.
const (
	HealthCheckTCP   HealthCheckProtocol = "TCP"
	HealthCheckHTTP  HealthCheckProtocol = "HTTP"
	HealthCheckHTTPS HealthCheckProtocol = "HTTPS"
)

// HealthCheckMode says whether failed gateways are left out of answers.
// +kubebuilder:validation:Enum=Enforce;Report
type HealthCheckMode string

const (
	// HealthCheckEnforce leaves failed gateways out of answers.
	HealthCheckEnforce HealthCheckMode = "Enforce"
	// HealthCheckReport probes, and shows the results only in metrics.
	HealthCheckReport HealthCheckMode = "Report"
)

// HealthCheck describes how the gateways are probed.
// +kubebuilder:validation:XValidation:rule="!has(self.path) || self.protocol != 'TCP'",message="spec.healthCheck.path must be left out with protocol TCP"
// +kubebuilder:validation:XValidation:rule="!has(self.host) || self.protocol != 'TCP'",message="spec.healthCheck.host must be left out with protocol TCP"
// +kubebuilder:validation:XValidation:rule="!has(self.timeout) || !has(self.interval) || duration(self.timeout) <= duration(self.interval)",message="spec.healthCheck.timeout must be at most spec.healthCheck.interval"
type HealthCheck struct {
	// protocol is TCP, HTTP or HTTPS.
	// TCP: a gateway works if it accepts the connection.
	// HTTP and HTTPS: it works if it answers GET with a status below 500. Redirects are not followed. The certificate is not checked.
	// It defaults to TCP.
	// +optional
	// +default="TCP"
	// +kubebuilder:default=TCP
	Protocol HealthCheckProtocol `json:"protocol,omitempty"`

	// port is the port to probe. If it is unset, it is the first TCP port in status.gateways. A gateway without one is not probed.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// path is the path of an HTTP or HTTPS probe.
	// It defaults to "/".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^/[!-~]*$')",message="spec.healthCheck.path must begin with / and have no spaces"
	Path string `json:"path,omitempty"`

	// host is the Host header of an HTTP or HTTPS probe, and the server name in TLS.
	// It defaults to the gateway's name without "*.".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="spec.healthCheck.host must be a DNS name in lower case, for example shop.example.com"
	Host string `json:"host,omitempty"`

	// interval is the time between two probes of an address: 1s to 5m. Names without a query for five minutes are probed at a sixth of the rate.
	// It defaults to 10s.
	// +optional
	// +default="10s"
	// +kubebuilder:default="10s"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('5m')",message="spec.healthCheck.interval must be 1s to 5m"
	Interval *metav1.Duration `json:"interval,omitempty"` //nolint:kubeapilinter // As in the Gateway API, users write the unit.

	// timeout is how long a probe waits for its result: 100ms to 30s, and at most the interval.
	// It defaults to 2s, or the interval if that is shorter.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('100ms') && duration(self) <= duration('30s')",message="spec.healthCheck.timeout must be 100ms to 30s"
	Timeout *metav1.Duration `json:"timeout,omitempty"` //nolint:kubeapilinter // As in the Gateway API, users write the unit.

	// failureThreshold is the number of consecutive failed probes after which an address is down.
	// It defaults to 3.
	// +optional
	// +default=3
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	FailureThreshold int32 `json:"failureThreshold,omitempty"`

	// successThreshold is the number of consecutive successful probes after which an address is up again.
	// It defaults to 2.
	// +optional
	// +default=2
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	SuccessThreshold int32 `json:"successThreshold,omitempty"`

	// mode is Enforce or Report. With Report, addresses that are down are answered all the same. Metrics of the DNS servers show the results.
	// It defaults to Enforce.
	// +optional
	// +default="Enforce"
	// +kubebuilder:default=Enforce
	Mode HealthCheckMode `json:"mode,omitempty"`
}

const (
	defaultProbeInterval    = 10 * time.Second
	defaultProbeTimeout     = 2 * time.Second
	defaultFailureThreshold = 3
	defaultSuccessThreshold = 2
)

// WithDefaults returns the check with the defaults of the schema, and with a timeout of at most the interval.
func (h HealthCheck) WithDefaults() HealthCheck {
	h.Protocol = cmp.Or(h.Protocol, HealthCheckTCP)
	h.Mode = cmp.Or(h.Mode, HealthCheckEnforce)
	h.FailureThreshold = cmp.Or(h.FailureThreshold, defaultFailureThreshold)
	h.SuccessThreshold = cmp.Or(h.SuccessThreshold, defaultSuccessThreshold)
	interval, timeout := defaultProbeInterval, defaultProbeTimeout
	if h.Interval != nil {
		interval = h.Interval.Duration
	}
	if h.Timeout != nil {
		timeout = h.Timeout.Duration
	}
	h.Interval, h.Timeout = &metav1.Duration{Duration: interval}, &metav1.Duration{Duration: min(timeout, interval)}
	if h.Protocol != HealthCheckTCP {
		h.Path = cmp.Or(h.Path, "/")
	}
	return h
}

// GatewayShare is the part of a cluster's gateway in the shared name. Each consuming cluster ranks the gateways by priority,
// its own gateway first, and then by the leading labels of locality that they have in common.
// +structType=atomic
type GatewayShare struct {
	// priority is that of the member.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Priority *int32 `json:"priority,omitempty"`

	// weight is that of the member.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	Weight *int32 `json:"weight,omitempty"`

	// locality are the Cluster's values of the labels in spec.shared.locality, up to the first label that the Cluster does not have.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:MaxLength=63
	Locality []string `json:"locality,omitempty"`
}
