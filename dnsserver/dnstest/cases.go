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
)

// Case is a question and the required answer. Records are in presentation format, in any order.
type Case struct {
	// About describes the case.
	About string
	// Query is the name with a final dot, in the spelling of the query.
	Query string
	Type  uint16

	Rcode      int
	Answer     []string
	Authority  []string
	Additional []string
}

// gateway returns the name of an application behind the gateway of a cluster.
func gateway(application, cluster string) string {
	return application + ".gateway." + cluster + ".dev-team.clusters.xcc.test."
}

// longName returns a name of 255 octets on the wire, the longest that RFC 1035, section 2.3.4
// allows.
func longName() string {
	label := strings.Repeat("l", 63) + "."
	name := gateway("", "cluster-a")[1:]
	name = label + label + label + name
	return strings.Repeat("x", 253-len(name)) + "." + name
}

// Cases returns the required answers of Snapshot.
func Cases() []Case {
	var all []Case
	for _, cases := range [][]Case{
		apexCases(), dataCases(), wildcardCases(), aliasCases(), foreignAliasCases(), serviceCases(), wildcardServiceCases(), sharedCases(), probeCases(),
		denialCases(), spellingCases(), zoneCases(),
	} {
		all = append(all, cases...)
	}
	return all
}

func apexCases() []Case {
	nameServer := []string{"ns.xcc.test. 30 IN A 10.96.0.53", "ns.xcc.test. 30 IN AAAA fd00::53"}
	return []Case{
		{About: "the apex has an SOA", Query: "xcc.test.", Type: dns.TypeSOA, Answer: []string{soa}},
		{
			About: "the apex has an NS, with glue", Query: "xcc.test.", Type: dns.TypeNS,
			Answer: []string{"xcc.test. 5 IN NS ns.xcc.test."}, Additional: nameServer,
		},
		{About: "the apex may have addresses", Query: "xcc.test.", Type: dns.TypeA, Answer: []string{"xcc.test. 30 IN A 192.0.2.53"}},
		{About: "the apex exists for other types", Query: "xcc.test.", Type: dns.TypeMX, Authority: []string{soa}},
		{About: "any type at the apex is one record", Query: "xcc.test.", Type: dns.TypeANY, Answer: []string{`xcc.test. 30 IN HINFO "RFC8482" ""`}},
		{About: "the name server has an IPv4 address", Query: "ns.xcc.test.", Type: dns.TypeA, Answer: nameServer[:1]},
		{About: "the name server has an IPv6 address", Query: "ns.xcc.test.", Type: dns.TypeAAAA, Answer: nameServer[1:]},
		{About: "SOA below the apex is denied", Query: "plain.xcc.test.", Type: dns.TypeSOA, Authority: []string{soa}},
		{About: "NS below the apex is denied", Query: "plain.xcc.test.", Type: dns.TypeNS, Authority: []string{soa}},
	}
}

func dataCases() []Case {
	return []Case{
		{About: "an address", Query: "plain.xcc.test.", Type: dns.TypeA, Answer: []string{"plain.xcc.test. 30 IN A 192.0.2.1"}},
		{About: "AAAA on a name with A only is NODATA", Query: "plain.xcc.test.", Type: dns.TypeAAAA, Authority: []string{soa}},
		{About: "another type is NODATA", Query: "plain.xcc.test.", Type: dns.TypeTXT, Authority: []string{soa}},
		{About: "an unassigned type is NODATA", Query: "plain.xcc.test.", Type: 4711, Authority: []string{soa}},
		{About: "any type is one record", Query: "plain.xcc.test.", Type: dns.TypeANY, Answer: []string{`plain.xcc.test. 30 IN HINFO "RFC8482" ""`}},
		{About: "an alias for CNAME", Query: "alias.xcc.test.", Type: dns.TypeCNAME, Answer: []string{"alias.xcc.test. 30 IN CNAME plain.xcc.test."}},
		{About: "an alias for any type", Query: "alias.xcc.test.", Type: dns.TypeANY, Answer: []string{"alias.xcc.test. 30 IN CNAME plain.xcc.test."}},
		{About: "CNAME on a name with addresses is NODATA", Query: "plain.xcc.test.", Type: dns.TypeCNAME, Authority: []string{soa}},
	}
}

func wildcardCases() []Case {
	kuard := gateway("kuard", "cluster-a")
	return []Case{
		{About: "a wildcard", Query: kuard, Type: dns.TypeA, Answer: []string{kuard + " 30 IN A 10.0.0.1", kuard + " 30 IN A 10.0.0.2"}},
		{About: "AAAA on a wildcard with A only is NODATA", Query: kuard, Type: dns.TypeAAAA, Authority: []string{soa}},
		{About: "A of a wildcard with both", Query: gateway("kuard", "cluster-b"), Type: dns.TypeA, Answer: []string{gateway("kuard", "cluster-b") + " 30 IN A 10.0.1.1"}},
		{About: "AAAA of a wildcard with both", Query: gateway("kuard", "cluster-b"), Type: dns.TypeAAAA, Answer: []string{gateway("kuard", "cluster-b") + " 30 IN AAAA fd00::1"}},
		{About: "A on a wildcard with AAAA only is NODATA", Query: gateway("kuard", "cluster-d"), Type: dns.TypeA, Authority: []string{soa}},
		{About: "any type on a wildcard is one record", Query: kuard, Type: dns.TypeANY, Answer: []string{kuard + ` 30 IN HINFO "RFC8482" ""`}},
		{About: "a wildcard covers several DNS labels", Query: "a.b." + kuard, Type: dns.TypeA, Answer: []string{"a.b." + kuard + " 30 IN A 10.0.0.1", "a.b." + kuard + " 30 IN A 10.0.0.2"}},
		{
			About: "the wildcard itself can be asked for", Query: gateway("*", "cluster-a"), Type: dns.TypeA,
			Answer: []string{gateway("*", "cluster-a") + " 30 IN A 10.0.0.1", gateway("*", "cluster-a") + " 30 IN A 10.0.0.2"},
		},
		{About: "nothing is below a wildcard", Query: gateway("below.*", "cluster-a"), Type: dns.TypeA, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "a name of its own wins over the wildcard", Query: gateway("special", "cluster-a"), Type: dns.TypeA, Answer: []string{gateway("special", "cluster-a") + " 30 IN A 10.0.0.9"}},
		{About: "a name of its own wins for other types too", Query: gateway("special", "cluster-a"), Type: dns.TypeAAAA, Authority: []string{soa}},
		{About: "an existing name stops the wildcard below it", Query: gateway("x.special", "cluster-a"), Type: dns.TypeA, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "an empty non-terminal stops the wildcard", Query: gateway("empty", "cluster-a"), Type: dns.TypeA, Authority: []string{soa}},
		{About: "an empty non-terminal stops the wildcard below it", Query: gateway("x.empty", "cluster-a"), Type: dns.TypeA, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "a name below an empty non-terminal", Query: gateway("deep.empty", "cluster-a"), Type: dns.TypeA, Answer: []string{gateway("deep.empty", "cluster-a") + " 30 IN A 10.0.0.8"}},
		{About: "a wildcard does not cover its own parent", Query: gateway("", "cluster-a")[1:], Type: dns.TypeA, Authority: []string{soa}},
	}
}

func denialCases() []Case {
	return []Case{
		{About: "a name that does not exist", Query: "nope.xcc.test.", Type: dns.TypeA, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "a name below one that does not exist", Query: "a.b.nope.xcc.test.", Type: dns.TypeA, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "a name below one that has addresses", Query: "x.plain.xcc.test.", Type: dns.TypeAAAA, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "a name below an alias", Query: "x.alias.xcc.test.", Type: dns.TypeA, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "any type of a name that does not exist", Query: "nope.xcc.test.", Type: dns.TypeANY, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "a cluster that does not exist", Query: gateway("kuard", "cluster-z"), Type: dns.TypeA, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "an empty non-terminal", Query: "clusters.xcc.test.", Type: dns.TypeA, Authority: []string{soa}},
		{About: "any type of an empty non-terminal", Query: "clusters.xcc.test.", Type: dns.TypeANY, Authority: []string{soa}},
		{About: "outside the zones", Query: "example.com.", Type: dns.TypeA, Rcode: dns.RcodeRefused},
		{About: "above the zones", Query: "test.", Type: dns.TypeA, Rcode: dns.RcodeRefused},
		{About: "a name that only ends like the zone", Query: "notxcc.test.", Type: dns.TypeA, Rcode: dns.RcodeRefused},
		{About: "the root, as CoreDNS asks for it to learn our health", Query: ".", Type: dns.TypeNS, Rcode: dns.RcodeRefused},
	}
}

func spellingCases() []Case {
	return []Case{
		{About: "case is kept and ignored", Query: "PlAiN.xCC.tEsT.", Type: dns.TypeA, Answer: []string{"PlAiN.xCC.tEsT. 30 IN A 192.0.2.1"}},
		{About: "case is kept at the apex", Query: "XCC.test.", Type: dns.TypeSOA, Answer: []string{strings.Replace(soa, "xcc.test.", "XCC.test.", 1)}},
		{About: "case is ignored in a denial", Query: "NOPE.XCC.TEST.", Type: dns.TypeA, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{
			About: "a dot within a DNS label is no end of it", Query: gateway(`a\.b`, "cluster-b"), Type: dns.TypeA,
			Answer: []string{gateway(`a\.b`, "cluster-b") + " 30 IN A 10.0.1.1"},
		},
		{About: "a dot within a DNS label makes no zone", Query: `x\.xcc.test.`, Type: dns.TypeA, Rcode: dns.RcodeRefused},
		{
			About: "octets of any value", Query: gateway(`\000\255\\`, "cluster-b"), Type: dns.TypeA,
			Answer: []string{gateway(`\000\255\\`, "cluster-b") + " 30 IN A 10.0.1.1"},
		},
		{About: "the longest name", Query: longName(), Type: dns.TypeAAAA, Authority: []string{soa}},
		{
			About: "the longest name, found", Query: longName(), Type: dns.TypeA,
			Answer: []string{longName() + " 30 IN A 10.0.0.1", longName() + " 30 IN A 10.0.0.2"},
		},
	}
}

func zoneCases() []Case {
	return []Case{
		{About: "a zone within a zone", Query: "www.sub.xcc.test.", Type: dns.TypeA, Answer: []string{"www.sub.xcc.test. 30 IN A 192.0.2.80"}},
		{About: "a zone within a zone has an SOA", Query: "sub.xcc.test.", Type: dns.TypeSOA, Answer: []string{subSOA}},
		{About: "a zone within a zone denies for itself", Query: "www.sub.xcc.test.", Type: dns.TypeAAAA, Authority: []string{subSOA}},
		{About: "a name between two zones exists", Query: "gap.xcc.test.", Type: dns.TypeA, Authority: []string{soa}},
		{About: "a name server stops the wildcard of its zone", Query: "x.ns.sub.xcc.test.", Type: dns.TypeA, Rcode: dns.RcodeNameError, Authority: []string{subSOA}},
	}
}
