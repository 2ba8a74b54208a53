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

package dnsname

const (
	// ProbeLabel is the DNS label of a name below each zone that is reserved for probes. Every name
	// below it, such as 8f3a._probe.xcc.test, has one A record with ProbeAddress. The underscore
	// sets it apart from host names.
	ProbeLabel = "_probe"

	// ProbeAddress is the answer to a probe: a documentation address (RFC 5737), which leads
	// nowhere.
	ProbeAddress = "192.0.2.53"
)
