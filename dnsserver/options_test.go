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

package dnsserver

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/spf13/pflag"
)

func parse(t *testing.T, args ...string) Options {
	t.Helper()
	options := NewOptions()
	flags := pflag.NewFlagSet("dns-server", pflag.ContinueOnError)
	options.AddFlags(flags)
	NewWithT(t).Expect(flags.Parse(args)).To(Succeed())
	return options
}

func TestDefaults(t *testing.T) {
	g := NewWithT(t)
	t.Setenv(serviceHostVariable, "")
	options := parse(t)
	g.Expect(options.Validate()).To(Succeed())
	g.Expect(options).To(Equal(Options{
		Zones: []string{"xcc.test"}, Namespace: "xcc-dns", DNSAddress: ":1053", HealthAddress: ":8080", MetricsAddress: ":9153", ReportAddress: ":8081",
		TTL: 5, Lameduck: 5 * time.Second, ResolvConf: "/etc/resolv.conf", AliasMaxStale: 24 * time.Hour,
	}))
}

func TestEveryFlag(t *testing.T) {
	g := NewWithT(t)
	t.Setenv(serviceHostVariable, "10.96.0.53")
	options := parse(t, "--zone=B.test.", "--zone=a.test", "--zone=b.test", "--namespace=ns", "--kubeconfig=/file", "--dns-bind-address=127.0.0.1:53",
		"--health-bind-address=[::1]:1", "--metrics-bind-address=:2", "--report-bind-address=:3", "--ttl=0", "--lameduck=1m",
		"--resolv-conf=/resolv", "--alias-max-stale=1h", "--query-log-every=100", "--debug-records",
		"--deny-addresses=10.0.0.0/8,::ffff:192.0.2.0/120", "--deny-addresses=fd00::/8")
	g.Expect(options.Validate()).To(Succeed())
	g.Expect(options).To(Equal(Options{
		Zones: []string{"a.test", "b.test"}, Namespace: "ns", Kubeconfig: "/file", DNSAddress: "127.0.0.1:53", HealthAddress: "[::1]:1",
		MetricsAddress: ":2", ReportAddress: ":3", TTL: 0, Lameduck: time.Minute, ResolvConf: "/resolv", AliasMaxStale: time.Hour, QueryLogEvery: 100, DebugRecords: true,
		NameServer:    []netip.Addr{netip.MustParseAddr("10.96.0.53")},
		DenyAddresses: []string{"10.0.0.0/8", "::ffff:192.0.2.0/120", "fd00::/8"},
		denied:        []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("fd00::/8")},
	}))
}

func TestAHeadlessServiceIsNoNameServer(t *testing.T) {
	t.Setenv(serviceHostVariable, "None")
	NewWithT(t).Expect(NewOptions().NameServer).To(BeEmpty())
}

func TestWrongOptionsNameTheFlag(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(o *Options)
		err    string
	}{
		"no zone":                     {func(o *Options) { o.Zones = nil }, "--zone is missing"},
		"a zone that is no name":      {func(o *Options) { o.Zones = []string{"a b"} }, "--zone: name"},
		"the root":                    {func(o *Options) { o.Zones = []string{"."} }, "--zone: name is empty"},
		"a wildcard":                  {func(o *Options) { o.Zones = []string{"*.xcc.test"} }, "--zone: a zone cannot be a wildcard"},
		"a zone at a name server":     {func(o *Options) { o.Zones = []string{"xcc.test", "a.ns.xcc.test"} }, "zone xcc.test needs for itself"},
		"a zone among the probes":     {func(o *Options) { o.Zones = []string{"_probe.xcc.test", "xcc.test"} }, "zone xcc.test needs for itself"},
		"a zone without room":         {func(o *Options) { o.Zones = []string{strings.Repeat("abcdefghi.", 25)} }, "--zone: name"},
		"no namespace":                {func(o *Options) { o.Namespace = "" }, "--namespace"},
		"a namespace that is none":    {func(o *Options) { o.Namespace = "A/b" }, `--namespace "A/b"`},
		"a DNS address without port":  {func(o *Options) { o.DNSAddress = "127.0.0.1" }, "--dns-bind-address"},
		"a health address that is no": {func(o *Options) { o.HealthAddress = "" }, "--health-bind-address"},
		"a metrics address likewise":  {func(o *Options) { o.MetricsAddress = "::1" }, "--metrics-bind-address"},
		"a report address likewise":   {func(o *Options) { o.ReportAddress = "::1" }, "--report-bind-address"},
		"a TTL of a week":             {func(o *Options) { o.TTL = 604800 }, "--ttl 604800 is more than 86400 seconds"},
		"a negative age of addresses": {func(o *Options) { o.AliasMaxStale = -1 }, "--alias-max-stale"},
		"an address for a range":      {func(o *Options) { o.DenyAddresses = []string{"10.0.0.0/8", "10.0.0.1"} }, `--deny-addresses: "10.0.0.1" is not a CIDR`},
		"a negative lameduck":         {func(o *Options) { o.Lameduck = -1 }, "--lameduck"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := NewOptions()
			test.change(&options)
			NewWithT(t).Expect(options.Validate()).To(MatchError(ContainSubstring(test.err)))
		})
	}
}
