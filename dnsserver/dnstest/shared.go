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

package dnstest

import (
	"strings"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// sharedTTL is the limit of the TTLs of shared names in the cases, in seconds.
const sharedTTL = 5

// sharedRecords are names with choices. Each has one choice, so that the answer is the same each
// time.
func sharedRecords() []zone.Record {
	choice := func(name string, maxTTL uint32, texts ...string) zone.Record {
		chosen := addresses(name, texts...)
		return zone.Record{Name: name, Choices: &zone.Choices{MaxTTL: maxTTL, All: []zone.Choice{{Weight: 1, Addresses: chosen.Addresses}}}}
	}
	services := []zone.Service{
		{Prefix: "_https._tcp", Port: 30443, Weight: 4, Target: "gateway.cluster-e.dev-team.clusters.xcc.test"},
		{Prefix: "_https._tcp", Port: 443, Priority: 1, Weight: 1, Target: "lb.example.com"},
		{Prefix: "_https._tcp", Port: 444, Priority: 1, Weight: 1, Target: "lb.example.com"},
	}
	unresolved := zone.Record{Name: "unresolved.dev-team.gateways.xcc.test", Choices: &zone.Choices{MaxTTL: sharedTTL}}
	return []zone.Record{
		offering(choice("*.shop.dev-team.gateways.xcc.test", sharedTTL, "10.0.4.1", "fd00::4"), services...),
		offering(choice("shop.dev-team.gateways.xcc.test", sharedTTL, "10.0.4.1", "fd00::4"), services...),
		choice("*.ipv4.dev-team.gateways.xcc.test", 0, "10.0.4.1"),
		unresolved,
	}
}

// sharedCases are about shared names.
func sharedCases() []Case {
	const kuard, exact = "kuard.shop.dev-team.gateways.xcc.test.", "shop.dev-team.gateways.xcc.test."
	service := func(name string) []string {
		owner := "_https._tcp." + name + " 5 IN SRV "
		return []string{
			owner + "0 4 30443 gateway.cluster-e.dev-team.clusters.xcc.test.", owner + "1 1 443 lb.example.com.", owner + "1 1 444 lb.example.com.",
		}
	}
	targets := []string{
		"gateway.cluster-e.dev-team.clusters.xcc.test. 30 IN A 10.0.4.1",
		"lb.example.com. 1 IN A 198.51.100.1", "lb.example.com. 1 IN A 198.51.100.2", "lb.example.com. 1 IN AAAA 2001:db8::1",
	}
	return []Case{
		{About: "a shared name", Query: kuard, Type: dns.TypeA, Answer: []string{kuard + " 5 IN A 10.0.4.1"}},
		{About: "a shared name keeps the case", Query: strings.ToUpper(kuard), Type: dns.TypeAAAA, Answer: []string{strings.ToUpper(kuard) + " 5 IN AAAA fd00::4"}},
		{About: "a shared name without the wildcard", Query: exact, Type: dns.TypeA, Answer: []string{exact + " 5 IN A 10.0.4.1"}},
		{About: "a shared name has no text", Query: kuard, Type: dns.TypeTXT, Authority: []string{soa}},
		{About: "any type of a shared name is one record", Query: kuard, Type: dns.TypeANY, Answer: []string{kuard + ` 30 IN HINFO "RFC8482" ""`}},
		{About: "a choice without IPv6", Query: "a.ipv4.dev-team.gateways.xcc.test.", Type: dns.TypeAAAA, Authority: []string{soa}},
		{About: "no limit of the TTL", Query: "a.ipv4.dev-team.gateways.xcc.test.", Type: dns.TypeA, Answer: []string{"a.ipv4.dev-team.gateways.xcc.test. 30 IN A 10.0.4.1"}},
		{About: "the namespaces of shared names exist", Query: "dev-team.gateways.xcc.test.", Type: dns.TypeA, Authority: []string{soa}},
		{About: "no address is known", Query: "unresolved.dev-team.gateways.xcc.test.", Type: dns.TypeA, Rcode: dns.RcodeServerFailure},
		{About: "no address is known, but the name exists", Query: "unresolved.dev-team.gateways.xcc.test.", Type: dns.TypeTXT, Authority: []string{soa}},
		{About: "a service of a shared name leads to the clusters", Query: "_https._tcp." + kuard, Type: dns.TypeSRV, Answer: service(kuard), Additional: targets},
		{About: "a service of a shared name without the wildcard", Query: "_https._tcp." + exact, Type: dns.TypeSRV, Answer: service(exact), Additional: targets},
		{About: "a service has the addresses of the shared wildcard", Query: "_https._tcp." + kuard, Type: dns.TypeA, Answer: []string{"_https._tcp." + kuard + " 5 IN A 10.0.4.1"}},
		{About: "a shared name does not have this service", Query: "_ftp._tcp." + kuard, Type: dns.TypeSRV, Authority: []string{soa}},
	}
}
