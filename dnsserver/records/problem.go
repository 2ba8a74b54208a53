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

package records

// Reason says why a part of a slice is not served. The set is closed, because it labels a metric.
type Reason string

const (
	// InvalidHostname means that the annotation is not a DNS name.
	InvalidHostname Reason = "invalid_hostname"
	// OutsideZones means that the name is in none of the served zones.
	OutsideZones Reason = "outside_zones"
	// ReservedName means that the name is the name server's, or that an alias would stand at the
	// apex of a zone.
	ReservedName Reason = "reserved_name"
	// ProbeName means that the name is reserved for probes.
	ProbeName Reason = "probe_name"
	// UnknownAddressType means that the slice's address type is not IPv4, IPv6 or FQDN.
	UnknownAddressType Reason = "unknown_address_type"
	// InvalidAddress means that an address is not of the slice's type. The slice's other addresses
	// are served.
	InvalidAddress Reason = "invalid_address"
	// RefusedAddress means that an address must not be published, or is in a denied range. The
	// slice's other addresses are served.
	RefusedAddress Reason = "refused_address"
	// InvalidPort means that a port's name, protocol or number cannot be part of an SRV record. The
	// slice's other ports are served.
	InvalidPort Reason = "invalid_port"
	// NoAddress means that the slice has no usable address. By itself it does not make its name
	// exist.
	NoAddress Reason = "no_address"
	// AliasShadowed means that another slice has addresses for the name, which win over an alias.
	AliasShadowed Reason = "alias_shadowed"
	// SeveralAliases means that another slice has an alias for the name that comes first by name.
	SeveralAliases Reason = "several_aliases"
	// InvalidFailover means that the annotation for failover cannot be read, or that its name cannot
	// be served. The slice's other names are served.
	InvalidFailover Reason = "invalid_failover"
	// SharedNameShadowed means that a slice written by hand has the shared name.
	SharedNameShadowed Reason = "shared_name_shadowed"
	// TooMany means that an annotation has too many entries. The first ones are served.
	TooMany Reason = "too_many"
)

// Reasons are all reasons.
var Reasons = [...]Reason{
	InvalidHostname, OutsideZones, ReservedName, ProbeName, UnknownAddressType, InvalidAddress, RefusedAddress, InvalidPort, NoAddress,
	AliasShadowed, SeveralAliases, InvalidFailover, SharedNameShadowed, TooMany,
}

// Problem describes a part of a slice that is not served.
type Problem struct {
	// Slice is the EndpointSlice's name.
	Slice string
	// Reason says why.
	Reason Reason
	// Detail describes the fault in a few words for the log.
	Detail string
}
