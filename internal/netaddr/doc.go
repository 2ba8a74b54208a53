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
// A Judge refuses addresses that a pod must not be made to dial: loopback, link-local, unspecified,
// multicast and reserved addresses, and the clouds' metadata services, which hand out credentials.
// It also checks an IPv4 address that is embedded in an IPv6 address. An administrator can deny
// further ranges.
//
// The rules do not depend on the source of an address: a Service's status, an EndpointSlice, or a
// resolver's answer for the host name of a load balancer. Private (RFC 1918, RFC 4193), shared (RFC
// 6598), benchmarking (RFC 2544) and documentation addresses (RFC 5737, RFC 3849) are allowed,
// because gateways and test networks use them.
//
// The Pod and Service ranges of a cluster differ between clusters. Package resolve checks them.
package netaddr
