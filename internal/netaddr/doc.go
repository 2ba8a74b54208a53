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

// Package netaddr decides which IP addresses may be published under a DNS name.
//
// A Judge refuses the addresses that mean something else, or something harmful, to the pod that dials them: loopback,
// link-local, unspecified, multicast and reserved addresses, and those of the clouds' metadata services, which give
// away credentials. It looks into the forms of IPv6 that carry an IPv4 address, too. An administrator may deny
// further ranges.
//
// The rules are the same wherever an address comes from: a Service's status, an EndpointSlice, or the answer of a
// resolver about the host name of a load balancer. Private (RFC 1918, RFC 4193), shared (RFC 6598), benchmarking (RFC
// 2544) and documentation addresses (RFC 5737, RFC 3849) are allowed: gateways of clusters have the former, and
// laboratories the latter.
//
// The package has no knowledge of a cluster's own ranges, which differ from cluster to cluster. See package resolve.
package netaddr
