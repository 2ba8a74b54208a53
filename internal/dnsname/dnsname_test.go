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

package dnsname_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

func TestGatewayHostnameIsReversible(t *testing.T) {
	t.Parallel()
	for name, gateway := range map[string]dnsname.Gateway{
		"a plain Cluster":                      {Subdomain: "gateway", Cluster: "cluster-a", Namespace: "dev-team"},
		"a Cluster with dots":                  {Subdomain: "gateway", Cluster: "a.b.c", Namespace: "dev-team"},
		"a namespace named like a fixed label": {Subdomain: "gateway", Cluster: "gateway", Namespace: "clusters"},
		"a subdomain named like a fixed label": {Subdomain: "clusters", Cluster: "a", Namespace: "dev"},
		"another subdomain":                    {Subdomain: "internal", Cluster: "cluster-a", Namespace: "dev-team"},
		"a Cluster that mimics another owner":  {Subdomain: "gateway", Cluster: "victim.other", Namespace: "dev-team"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			hostname, err := gateway.Hostname("xcc.test")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(hostname).To(Equal("*." + gateway.Subdomain + "." + gateway.Cluster + "." + gateway.Namespace + ".clusters.xcc.test"))
			parsed, ok := dnsname.ParseGateway(hostname, "xcc.test")
			g.Expect(ok).To(BeTrue())
			g.Expect(parsed).To(Equal(gateway))
		})
	}
}

func TestGatewayHostnameRefusesNamesThatAreTooLong(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	_, err := dnsname.Gateway{Subdomain: "gateway", Cluster: strings.Repeat("a", 64), Namespace: "dev"}.Hostname("xcc.test")
	g.Expect(err).To(MatchError(ContainSubstring("has 64 characters, DNS allows 63")))
	_, err = dnsname.Gateway{Subdomain: "gateway", Cluster: strings.Repeat("abcdefghi.", 25), Namespace: "dev"}.Hostname("xcc.test")
	g.Expect(err).To(MatchError(ContainSubstring("DNS allows 253")))
}

func TestParseGatewayRefusesOtherNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "xcc.test", "*.gateway.cluster-a.dev-team.clusters.other.test", "gateway.cluster-a.dev-team.clusters.xcc.test",
		"*.gateway.dev-team.clusters.xcc.test", "*.gateway..dev-team.clusters.xcc.test", "foo.xcc.test",
	} {
		g := NewWithT(t)
		_, ok := dnsname.ParseGateway(name, "xcc.test")
		g.Expect(ok).To(BeFalse(), name)
	}
}

func TestSharedHostnameIsReversible(t *testing.T) {
	t.Parallel()
	for name, shared := range map[string]dnsname.Shared{
		"a plain name":                         {Name: "shop", Namespace: "dev-team"},
		"a namespace named like a fixed label": {Name: "shop", Namespace: "gateways"},
		"a name named like a fixed label":      {Name: "gateways", Namespace: "clusters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			hostname, err := shared.Hostname("xcc.test")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(hostname).To(Equal("*." + shared.Name + "." + shared.Namespace + ".gateways.xcc.test"))
			parsed, ok := dnsname.ParseShared(hostname, "xcc.test")
			g.Expect(ok).To(BeTrue())
			g.Expect(parsed).To(Equal(shared))
			_, ok = dnsname.ParseGateway(hostname, "xcc.test")
			g.Expect(ok).To(BeFalse())
		})
	}
}

func TestSharedHostnameRefusesNamesThatAreTooLong(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	zone := strings.Repeat("abcdefghi.", 18) + "test"
	_, err := dnsname.Shared{Name: "shop", Namespace: "dev"}.Hostname(zone)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = dnsname.Shared{Name: strings.Repeat("a", 63), Namespace: "dev"}.Hostname(zone)
	g.Expect(err).To(MatchError(ContainSubstring("DNS allows 253")))
}

func TestParseSharedRefusesOtherNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "xcc.test", "*.gateways.xcc.test", "*.shop.dev-team.gateways.other.test", "shop.dev-team.gateways.xcc.test",
		"a.shop.dev-team.gateways.xcc.test", "*.shop.gateways.xcc.test", "*..dev-team.gateways.xcc.test",
		"*.a.shop.dev-team.gateways.xcc.test", "*.gateway.cluster-a.dev-team.clusters.xcc.test",
	} {
		g := NewWithT(t)
		_, ok := dnsname.ParseShared(name, "xcc.test")
		g.Expect(ok).To(BeFalse(), name)
	}
}

func TestBareIsTheNameWithoutTheWildcard(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(dnsname.Bare("*.gateway.a.dev.clusters.xcc.test")).To(Equal("gateway.a.dev.clusters.xcc.test"))
	g.Expect(dnsname.Bare("a.xcc.test")).To(BeEmpty())
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ in, out, err string }{
		"the result is in lower case and has no final dot": {in: "*.Gateway.XCC.test.", out: "*.gateway.xcc.test"},
		"underscores are allowed":                          {in: "_http._tcp.xcc.test", out: "_http._tcp.xcc.test"},
		"the empty name is refused":                        {in: "", err: "name is empty"},
		"the root is refused":                              {in: ".", err: "name is empty"},
		"an empty DNS label is refused":                    {in: "a..xcc.test", err: "a DNS label is empty"},
		"an asterisk is refused after the first DNS label": {in: "a.*.xcc.test", err: `has the character '*'`},
		"an asterisk as a part of a DNS label is refused":  {in: "a*.xcc.test", err: `has the character '*'`},
		"a space is refused":                               {in: "a b.xcc.test", err: `has the character ' '`},
		"a backslash is refused":                           {in: `a\.b.xcc.test`, err: `has the character`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			out, err := dnsname.Canonical(test.in)
			if test.err != "" {
				g.Expect(err).To(MatchError(ContainSubstring(test.err)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(out).To(Equal(test.out))
		})
	}
}

func TestInZone(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(dnsname.InZone("xcc.test", "xcc.test")).To(BeTrue())
	g.Expect(dnsname.InZone("a.xcc.test", "xcc.test")).To(BeTrue())
	g.Expect(dnsname.InZone("axcc.test", "xcc.test")).To(BeFalse())
}
