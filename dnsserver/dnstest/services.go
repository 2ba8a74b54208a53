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
	"github.com/miekg/dns"
)

// serviceCases are about SRV records of names.
func serviceCases() []Case {
	https := "_https._tcp.svc.xcc.test. 30 IN SRV 0 0 443 svc.xcc.test."
	known := []string{"svc.xcc.test. 30 IN A 192.0.2.7", "svc.xcc.test. 30 IN AAAA fd00::7"}
	balancer := []string{"lb.example.com. 1 IN A 198.51.100.1", "lb.example.com. 1 IN A 198.51.100.2", "lb.example.com. 1 IN AAAA 2001:db8::1"}
	return []Case{
		{About: "a service leads to its name", Query: "_https._tcp.svc.xcc.test.", Type: dns.TypeSRV, Answer: []string{https}, Additional: known},
		{
			About: "a service at two ports", Query: "_http._tcp.svc.xcc.test.", Type: dns.TypeSRV,
			Answer:     []string{"_http._tcp.svc.xcc.test. 30 IN SRV 0 0 80 svc.xcc.test.", "_http._tcp.svc.xcc.test. 30 IN SRV 0 0 8080 svc.xcc.test."},
			Additional: known,
		},
		{
			About: "a service keeps the case", Query: "_HTTPS._tcp.SVC.xcc.test.", Type: dns.TypeSRV,
			Answer:     []string{"_HTTPS._tcp.SVC.xcc.test. 30 IN SRV 0 0 443 SVC.xcc.test."},
			Additional: []string{"SVC.xcc.test. 30 IN A 192.0.2.7", "SVC.xcc.test. 30 IN AAAA fd00::7"},
		},
		{About: "a service has no address", Query: "_https._tcp.svc.xcc.test.", Type: dns.TypeA, Authority: []string{soa}},
		{About: "any type of a service is one record", Query: "_https._tcp.svc.xcc.test.", Type: dns.TypeANY, Answer: []string{`_https._tcp.svc.xcc.test. 30 IN HINFO "RFC8482" ""`}},
		{About: "a protocol that has a service exists", Query: "_tcp.svc.xcc.test.", Type: dns.TypeSRV, Authority: []string{soa}},
		{About: "a service that is not there", Query: "_ftp._tcp.svc.xcc.test.", Type: dns.TypeSRV, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "a service of another protocol", Query: "_https._udp.svc.xcc.test.", Type: dns.TypeSRV, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "a name is not its service", Query: "svc.xcc.test.", Type: dns.TypeSRV, Authority: []string{soa}},
		{About: "a service of an alias leads to the target", Query: "_https._tcp.alias-svc.xcc.test.", Type: dns.TypeSRV, Answer: []string{"_https._tcp.alias-svc.xcc.test. 30 IN SRV 0 0 443 lb.example.com."}, Additional: balancer},
		{
			About: "an alias for a service", Query: "alias-to-svc.xcc.test.", Type: dns.TypeSRV,
			Answer: []string{"alias-to-svc.xcc.test. 30 IN CNAME _https._tcp.svc.xcc.test.", https}, Additional: known,
		},
	}
}

// wildcardServiceCases are about SRV records of names that a wildcard covers.
func wildcardServiceCases() []Case {
	kuard, exact := gateway("kuard", "cluster-e"), gateway("", "cluster-e")[1:]
	balancer := []string{"lb.example.com. 1 IN A 198.51.100.1", "lb.example.com. 1 IN A 198.51.100.2", "lb.example.com. 1 IN AAAA 2001:db8::1"}
	aliased := gateway("kuard", "cluster-f")
	return []Case{
		{
			About: "a service of a wildcard", Query: "_https._tcp." + kuard, Type: dns.TypeSRV,
			Answer: []string{"_https._tcp." + kuard + " 30 IN SRV 0 0 30443 " + kuard}, Additional: []string{kuard + " 30 IN A 10.0.4.1"},
		},
		{
			About: "a service several DNS labels below a wildcard", Query: "_https._tcp.a.b." + kuard, Type: dns.TypeSRV,
			Answer: []string{"_https._tcp.a.b." + kuard + " 30 IN SRV 0 0 30443 a.b." + kuard}, Additional: []string{"a.b." + kuard + " 30 IN A 10.0.4.1"},
		},
		{About: "a wildcard covers the names of its services, too", Query: "_https._tcp." + kuard, Type: dns.TypeA, Answer: []string{"_https._tcp." + kuard + " 30 IN A 10.0.4.1"}},
		{About: "a service that a wildcard does not have", Query: "_ftp._tcp." + kuard, Type: dns.TypeSRV, Authority: []string{soa}},
		{About: "a service of a wildcard needs a protocol", Query: "_https." + kuard, Type: dns.TypeSRV, Authority: []string{soa}},
		{About: "any type of a wildcard's service is one record", Query: "_https._tcp." + kuard, Type: dns.TypeANY, Answer: []string{"_https._tcp." + kuard + ` 30 IN HINFO "RFC8482" ""`}},
		{
			About: "the name without the wildcard has the service, too", Query: "_https._tcp." + exact, Type: dns.TypeSRV,
			Answer: []string{"_https._tcp." + exact + " 30 IN SRV 0 0 30443 " + exact}, Additional: []string{exact + " 30 IN A 10.0.4.1"},
		},
		{About: "and its services stop the wildcard", Query: "_ftp._tcp." + exact, Type: dns.TypeA, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "a name that a wildcard does not cover has none of its services", Query: "_https._tcp." + gateway("", "cluster-g")[1:], Type: dns.TypeSRV, Authority: []string{soa}},
		{
			About: "the second service of a wildcard", Query: "_quic._udp." + gateway("kuard", "cluster-g"), Type: dns.TypeSRV,
			Answer:     []string{"_quic._udp." + gateway("kuard", "cluster-g") + " 30 IN SRV 0 0 30443 " + gateway("kuard", "cluster-g")},
			Additional: []string{gateway("kuard", "cluster-g") + " 30 IN A 10.0.6.1"},
		},
		{About: "no service is below a wildcard", Query: "_https._tcp." + gateway("*", "cluster-e"), Type: dns.TypeSRV, Rcode: dns.RcodeNameError, Authority: []string{soa}},
		{About: "a service of a wildcard alias leads to the target", Query: "_https._tcp." + aliased, Type: dns.TypeSRV, Answer: []string{"_https._tcp." + aliased + " 30 IN SRV 0 0 443 lb.example.com."}, Additional: balancer},
		{About: "and is no alias itself", Query: "_https._tcp." + aliased, Type: dns.TypeCNAME, Authority: []string{soa}},
		{About: "nor has it addresses", Query: "_https._tcp." + aliased, Type: dns.TypeA, Authority: []string{soa}},
		{About: "what is no service of a wildcard alias is an alias", Query: "_ftp._tcp." + aliased, Type: dns.TypeCNAME, Answer: []string{"_ftp._tcp." + aliased + " 30 IN CNAME lb.example.com."}},
	}
}

// probeCases are about probe names, which show that a query has reached this server.
func probeCases() []Case {
	return []Case{
		{About: "a probe", Query: "8f3a._probe.xcc.test.", Type: dns.TypeA, Answer: []string{"8f3a._probe.xcc.test. 30 IN A 192.0.2.53"}},
		{About: "a probe of another zone", Query: "8f3a._probe.sub.xcc.test.", Type: dns.TypeA, Answer: []string{"8f3a._probe.sub.xcc.test. 30 IN A 192.0.2.53"}},
		{About: "a probe of several DNS labels", Query: "8f.3a._PROBE.xcc.test.", Type: dns.TypeA, Answer: []string{"8f.3a._PROBE.xcc.test. 30 IN A 192.0.2.53"}},
		{About: "a probe has no IPv6 address", Query: "8f3a._probe.xcc.test.", Type: dns.TypeAAAA, Authority: []string{soa}},
		{About: "a probe has no text", Query: "8f3a._probe.xcc.test.", Type: dns.TypeTXT, Authority: []string{soa}},
		{About: "what probes are below exists", Query: "_probe.xcc.test.", Type: dns.TypeA, Authority: []string{soa}},
	}
}
