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

package reach

import (
	"net/netip"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// Target is an address of a gateway, with its health check. It is comparable.
type Target struct {
	// Namespace is the namespace of the GatewayDNS on the management cluster. Namespaces share the
	// probes per second evenly, and each has a storm rule of its own.
	Namespace string
	// Cluster is the workload cluster of the gateway. The storm rule counts clusters, so all
	// gateways of a cluster must have the same value.
	Cluster string
	// Gateway identifies the gateway. Its value does not matter here.
	Gateway string
	Address netip.Addr
	Check   failover.HealthCheck
}

// Status is the state of a target, as measured by this process.
type Status int8

// The states of a target.
const (
	// Unknown is the status before the first result of a probe, and of targets that are not probed.
	Unknown Status = iota
	Up
	Down
)

// String returns the status in lower case, for labels of metrics.
func (s Status) String() string {
	switch s {
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return "unknown"
}

// Verdict is the status of a target, and its reason.
type Verdict struct {
	Target Target
	Status Status
	// Since is the time of the last change of Status, or the time at which the target was added.
	Since time.Time
	// Reason is the reason of the last failed probe, or "". It is one line of at most maxReason
	// bytes.
	Reason string
	// IsProbed is false for an address that must not be dialled, and for one of a family that the
	// pod does not have.
	IsProbed bool
}

// Outcome is the result of a probe, for metrics.
type Outcome struct {
	Target Target
	// Result is Success or the cause of a failure.
	Result Result
	// Took is the duration of the probe. Late is the time between its due time and its start: it is
	// long if there are more targets than the limit of probes per second allows.
	Took, Late time.Duration
}
