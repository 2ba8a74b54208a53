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

// Package probe asks cluster DNS, as any Pod does, for names that only the add-on's DNS server has, and tells who wonders
// whether that works: a success renews a Lease, so that silence is no success, and a failure is a sentence for people.
//
// It asks the nameservers of its own resolv.conf, which with dnsPolicy ClusterFirst are those of other Pods, so that NodeLocal
// DNSCache and whatever else is in between are met. Each time the name is another one, so that no cache has the answer.
// The DNS server answers every name below dnsname.ProbeLabel.
//
// It never looks at how CoreDNS is configured, and the result changes nothing but the Lease, the report and the metrics.
package probe
