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
	"net/netip"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
)

// Targets returns the answers of the node's resolvers for alias targets outside the zones, by "name
// type". A lookup of any other target fails.
func Targets() map[string]*alias.Answer {
	two := []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")}
	return map[string]*alias.Answer{
		"lb.example.com A":       {Addresses: two},
		"lb.example.com AAAA":    {Addresses: []netip.Addr{netip.MustParseAddr("2001:db8::1")}},
		"chain.example.com A":    {Chain: []string{"a.example.net.", "b.example.org."}, Addresses: two},
		"chain.example.com AAAA": {Chain: []string{"a.example.net."}},
		"many.example.com A":     {Chain: []string{"a.example.net."}, Addresses: manyAddresses()},
		"gone.example.com A":     {Rcode: dns.RcodeNameError},
		"gone.example.com AAAA":  {Rcode: dns.RcodeNameError},
	}
}

// aliasCases are about aliases within the zones.
func aliasCases() []Case {
	alias := "alias.xcc.test. 30 IN CNAME plain.xcc.test."
	plain := "plain.xcc.test. 30 IN A 192.0.2.1"
	toAlias := "alias-to-alias.xcc.test. 30 IN CNAME " + gateway("kuard", "cluster-c")
	toWildcard := "alias-to-wildcard.xcc.test. 30 IN CNAME www.sub.xcc.test."
	return []Case{
		{About: "an alias brings the target's address", Query: "alias.xcc.test.", Type: dns.TypeA, Answer: []string{alias, plain}},
		{About: "an alias of a name without the type is NODATA", Query: "alias.xcc.test.", Type: dns.TypeAAAA, Answer: []string{alias}, Authority: []string{soa}},
		{About: "an alias for TXT", Query: "alias.xcc.test.", Type: dns.TypeTXT, Answer: []string{alias}, Authority: []string{soa}},
		{
			About: "an alias for an alias", Query: "alias2.xcc.test.", Type: dns.TypeA,
			Answer: []string{"alias2.xcc.test. 30 IN CNAME alias.xcc.test.", alias, plain},
		},
		{
			About: "an alias for a name that a wildcard covers in another zone", Query: "alias-to-wildcard.xcc.test.", Type: dns.TypeA,
			Answer: []string{toWildcard, "www.sub.xcc.test. 30 IN A 192.0.2.80"},
		},
		{
			About: "the other zone denies for itself", Query: "alias-to-wildcard.xcc.test.", Type: dns.TypeAAAA,
			Answer: []string{toWildcard}, Authority: []string{subSOA},
		},
		{
			About: "an alias for an alias that leads out of the zones", Query: "alias-to-alias.xcc.test.", Type: dns.TypeAAAA,
			Answer: []string{toAlias, gateway("kuard", "cluster-c") + " 30 IN CNAME lb.example.com.", "lb.example.com. 1 IN AAAA 2001:db8::1"},
		},
		{
			About: "an alias for a name that does not exist", Query: "dangling.xcc.test.", Type: dns.TypeA, Rcode: dns.RcodeNameError,
			Answer: []string{"dangling.xcc.test. 30 IN CNAME nope.xcc.test."}, Authority: []string{soa},
		},
		{About: "a loop of aliases", Query: "loop.xcc.test.", Type: dns.TypeA, Rcode: dns.RcodeServerFailure},
		{About: "a loop of aliases can be looked at", Query: "loop.xcc.test.", Type: dns.TypeCNAME, Answer: []string{"loop.xcc.test. 30 IN CNAME pool.xcc.test."}},
	}
}

// foreignAliasCases are about aliases that lead out of the zones. Targets in tests have no TTL, so
// they are answered with 1.
func foreignAliasCases() []Case {
	kuard := gateway("kuard", "cluster-c")
	toBalancer := kuard + " 30 IN CNAME lb.example.com."
	chain := []string{"chain.xcc.test. 30 IN CNAME chain.example.com.", "chain.example.com. 1 IN CNAME a.example.net."}
	return []Case{
		{
			About: "an alias brings the addresses of a target elsewhere", Query: kuard, Type: dns.TypeA,
			Answer: []string{toBalancer, "lb.example.com. 1 IN A 198.51.100.1", "lb.example.com. 1 IN A 198.51.100.2"},
		},
		{About: "and its IPv6 addresses", Query: kuard, Type: dns.TypeAAAA, Answer: []string{toBalancer, "lb.example.com. 1 IN AAAA 2001:db8::1"}},
		{About: "other types are not chased elsewhere", Query: kuard, Type: dns.TypeTXT, Answer: []string{toBalancer}},
		{About: "a wildcard alias for CNAME", Query: kuard, Type: dns.TypeCNAME, Answer: []string{toBalancer}},
		{About: "a wildcard alias for any type", Query: kuard, Type: dns.TypeANY, Answer: []string{toBalancer}},
		{
			About: "a target that is an alias itself", Query: "chain.xcc.test.", Type: dns.TypeA,
			Answer: append(chain[:2:2], "a.example.net. 1 IN CNAME b.example.org.", "b.example.org. 1 IN A 198.51.100.1", "b.example.org. 1 IN A 198.51.100.2"),
		},
		{About: "a target without addresses of the type", Query: "chain.xcc.test.", Type: dns.TypeAAAA, Answer: chain},
		{
			About: "a target that does not exist", Query: "gone.xcc.test.", Type: dns.TypeA, Rcode: dns.RcodeNameError,
			Answer: []string{"gone.xcc.test. 30 IN CNAME gone.example.com."},
		},
		{About: "a target that cannot be found out", Query: "hangs.xcc.test.", Type: dns.TypeA, Rcode: dns.RcodeServerFailure},
		{About: "a target that cannot be found out leaves the alias itself", Query: "hangs.xcc.test.", Type: dns.TypeCNAME, Answer: []string{"hangs.xcc.test. 30 IN CNAME hangs.example.com."}},
	}
}
