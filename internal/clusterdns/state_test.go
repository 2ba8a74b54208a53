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

package clusterdns_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/clusterdns"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

// file returns the File of a valid Ref.
func file(ref string) corefile.File {
	parsed, ok := corefile.ParseFile(ref)
	if !ok {
		panic(ref)
	}
	return parsed
}

func pin(ref string) *corefile.File {
	pinned := file(ref)
	return &pinned
}

// server returns a found server.
func server(ref string, cache bool) corefile.Server {
	return corefile.Server{Corefile: file(ref), Path: "/etc/coredns/Corefile", Complete: true, Cache: cache, Words: "ConfigMap of " + ref}
}

const (
	coreDNSRef = "kube-system/coredns/Corefile"
	mineRef    = "dns/mine/Corefile"
	cacheRef   = "kube-system/nodelocaldns/Corefile"
	customRef  = "kube-system/coredns-custom/xcc.server"
)

func TestChoice(t *testing.T) {
	t.Parallel()
	mine, cache := server(mineRef, false), server(cacheRef, true)
	for name, test := range map[string]struct {
		state  clusterdns.State
		pinned string
		// servers is empty if the known servers are expected.
		servers, former []string
	}{
		"an empty state":                           {},
		"a known server has a block":               {state: clusterdns.State{Touched: []string{coreDNSRef, customRef}}},
		"an unknown server was found":              {state: clusterdns.State{Found: []corefile.Server{mine}}, servers: []string{mineRef}},
		"a found and a known server with a block":  {state: clusterdns.State{Found: []corefile.Server{mine}, Touched: []string{coreDNSRef, mineRef}}, servers: []string{mineRef, coreDNSRef}},
		"a cache comes last":                       {state: clusterdns.State{Found: []corefile.Server{cache}, Touched: []string{coreDNSRef}}, servers: []string{coreDNSRef, "cache " + cacheRef}},
		"the annotation names an unknown Corefile": {pinned: cacheRef, servers: []string{cacheRef}},
		"the annotation names a known Corefile":    {pinned: coreDNSRef, servers: []string{coreDNSRef}},
		"the annotation replaces a known server":   {state: clusterdns.State{Touched: []string{coreDNSRef}}, pinned: mineRef, servers: []string{mineRef}, former: []string{coreDNSRef}},
		"the annotation replaces a known server with an imported block": {
			state: clusterdns.State{Touched: []string{customRef}}, pinned: mineRef, servers: []string{mineRef}, former: []string{coreDNSRef},
		},
		"a found server and a known one with an imported block": {
			state: clusterdns.State{Found: []corefile.Server{mine}, Touched: []string{customRef}}, servers: []string{mineRef, coreDNSRef},
		},
		"the annotation names another key of a ConfigMap": {
			state: clusterdns.State{Touched: []string{"dns/mine/former"}}, pinned: mineRef, servers: []string{mineRef},
		},
		"the annotation replaces a found server": {
			state:  clusterdns.State{Found: []corefile.Server{mine, cache}, Touched: []string{mineRef, "dns/other/key"}},
			pinned: cacheRef, servers: []string{cacheRef}, former: []string{mineRef, "dns/other/key"},
		},
		"the annotation was removed": {state: clusterdns.State{Touched: []string{mineRef}}, former: []string{mineRef}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			var pinned *corefile.File
			if test.pinned != "" {
				pinned = pin(test.pinned)
			}
			choice := test.state.Choice(pinned)
			g.Expect(locations(choice.Servers)).To(Equal(append([]string{}, test.servers...)))
			g.Expect(locations(choice.Former)).To(Equal(append([]string{}, test.former...)))
			g.Expect(clusterdns.ParseState(test.state.String())).To(Equal(test.state))
			for _, ref := range test.state.Touched {
				g.Expect(corefile.ConfigMapsOf(test.state.All(pinned))).To(ContainElement(file(ref).ConfigMap), "a removal looks there")
			}
			if name == "the annotation names another key of a ConfigMap" {
				g.Expect(locations(test.state.All(pinned))).To(ContainElements("dns/mine/former", mineRef))
			}
			if test.pinned == coreDNSRef {
				g.Expect(choice.Servers[0].Mounts).To(ContainElement(HaveField("ConfigMap", corefile.Custom())), "it has the known mounts")
			}
		})
	}
}

// A compromised patcher must not gain rights by its report.
func TestAReportAddsNoOtherConfigMap(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	state := clusterdns.State{Found: []corefile.Server{server(mineRef, false)}}
	reported := map[string]string{"writtenTo": strings.Join([]string{
		"kube-system/aws-auth/mapUsers", "kube-system/coredns/Corefile", "x", "dns/mine/Corefile", "dns/pinned/Corefile", "../../x", "kube-system/coredns/../x",
	}, ",")}
	noted := state.AddReported(reported, pin("dns/pinned/Corefile"))
	g.Expect(noted.Touched).To(Equal([]string{"kube-system/coredns/Corefile", "dns/mine/Corefile", "dns/pinned/Corefile"}))
	g.Expect(state.AddReported(reported, nil).Touched).NotTo(ContainElement("dns/pinned/Corefile"))
	g.Expect(state.Touched).To(BeEmpty(), "the receiver is not changed")
	g.Expect(state.AddAllReported(reported).Touched).To(ContainElement("kube-system/aws-auth/mapUsers"), "a removal considers all reported keys")
	g.Expect(locations(state.AddAllReported(reported).All(pin("dns/pinned/Corefile")))).To(ContainElements(
		coreDNSRef, mineRef, "kube-system/aws-auth/mapUsers", "dns/pinned/Corefile", "cache kube-system/node-local-dns/Corefile"))

	many := clusterdns.State{}
	for i := range 1000 {
		many = many.AddTouched(file(fmt.Sprintf("kube-system/coredns/key-%d", i)))
	}
	g.Expect(many.Touched).To(HaveLen(16))
	g.Expect(many.Touched).To(ContainElement("kube-system/coredns/key-999"))
}

func TestAddFoundKeepsPreviousServers(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	forwarding := map[string]string{"state": "Forwarding", "probe": "NXDOMAIN"}
	known, mine, cache := server(coreDNSRef, false), server(mineRef, false), server(cacheRef, true)
	g.Expect(clusterdns.State{}.AddFound([]corefile.Server{known}, forwarding)).To(BeZero(), "the known server is configured anyway")
	g.Expect(clusterdns.State{}.AddFound(nil, forwarding)).To(BeZero())
	unsupported := clusterdns.State{}.AddFound([]corefile.Server{known}, map[string]string{"state": "UnsupportedCorefile"})
	g.Expect(locations(unsupported.Found)).To(Equal([]string{coreDNSRef}), "its mounts are needed for the imports")

	state := clusterdns.State{}.AddFound([]corefile.Server{known, cache}, forwarding)
	g.Expect(locations(state.Found)).To(Equal([]string{coreDNSRef, "cache " + cacheRef}))
	g.Expect(state.AddFound([]corefile.Server{known, cache}, forwarding)).To(Equal(state))
	state = state.AddFound([]corefile.Server{mine}, forwarding)
	g.Expect(locations(state.Found)).To(Equal([]string{mineRef, coreDNSRef, "cache " + cacheRef}), "Pods of other nodes may ask the others")

	for i := range 20 {
		state = state.AddFound([]corefile.Server{server(fmt.Sprintf("dns/coredns-%d/Corefile", i), false)}, forwarding)
	}
	g.Expect(state.Found).To(HaveLen(clusterdns.MaxServers))
	g.Expect(state.Found[0].Corefile.ConfigMap.Name).To(Equal("coredns-19"))
	huge := server("dns/huge/Corefile", false)
	huge.Words = strings.Repeat("x", 20<<10)
	g.Expect(state.AddFound([]corefile.Server{huge}, forwarding)).To(Equal(state), "a server that exceeds the limit is not added")
}

func TestParseStateDropsInvalidParts(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing": "", "no JSON": "{", "another type": "[]", "too long": `{"touched":["` + strings.Repeat("a", 20<<10) + `"]}`,
		"invalid names": `{"touched":["a/b","../x/y"],"found":[{},{"Corefile":{"ConfigMap":{"Namespace":"*","Name":"x"},"Key":"y"}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			g.Expect(clusterdns.ParseState(text).String()).To(BeEmpty())
			g.Expect(clusterdns.ParseState(text).Choice(nil).IsZero()).To(BeTrue())
		})
	}
}

func TestIsDue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) string { return now.Add(-d).Format(time.RFC3339) }
	for name, test := range map[string]struct {
		reported map[string]string
		state    clusterdns.State
		due      bool
		after    time.Duration
	}{
		"nothing is reported":           {},
		"lookups succeed":               {reported: map[string]string{"state": "Forwarding", "nameservers": "169.254.25.10"}},
		"no Corefile is known":          {reported: map[string]string{"state": "CorefileNotFound"}, due: true},
		"the Corefile cannot be edited": {reported: map[string]string{"state": "UnsupportedCorefile"}, due: true},
		"a foreign block":               {reported: map[string]string{"state": "ForeignBlock", "probe": "NXDOMAIN"}},
		"a removal":                     {reported: map[string]string{"state": "Removed", "probe": "NXDOMAIN"}},
		"CoreDNS has not reloaded yet":  {reported: map[string]string{"state": "Forwarding", "probe": "NXDOMAIN", "since": ago(time.Minute)}, after: 2 * time.Minute},
		"CoreDNS has reloaded":          {reported: map[string]string{"state": "Forwarding", "probe": "NXDOMAIN", "since": ago(3 * time.Minute)}, due: true},
		"a clock that is far ahead":     {reported: map[string]string{"state": "Forwarding", "probe": "NXDOMAIN", "since": ago(-time.Hour)}, due: true},
		"no time":                       {reported: map[string]string{"state": "Forwarding", "probe": "NXDOMAIN", "since": "x"}, due: true},
		"Pods ask a cache that has no block": {
			reported: map[string]string{"state": "Forwarding", "probe": "NXDOMAIN", "since": ago(0), "writtenTo": coreDNSRef, "nameservers": "169.254.25.10"}, due: true,
		},
		"Pods ask the known cache": {
			reported: map[string]string{
				"state": "Forwarding", "probe": "NXDOMAIN", "since": ago(0), "nameservers": "fe80::1 x", "writtenTo": coreDNSRef + ",kube-system/node-local-dns/Corefile",
			},
			after: 3 * time.Minute,
		},
		"Pods ask a cache that was found": {
			state:    clusterdns.State{Found: []corefile.Server{server(cacheRef, true)}},
			reported: map[string]string{"state": "Forwarding", "probe": "NXDOMAIN", "since": ago(0), "writtenTo": cacheRef, "nameservers": "169.254.25.10"}, after: 3 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			due, after := test.state.IsDue(test.reported, now)
			g.Expect(due).To(Equal(test.due))
			g.Expect(after).To(Equal(test.after))
		})
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	found := clusterdns.Found{Servers: []corefile.Server{server(mineRef, false)}}
	g.Expect(found.Explain(nil)).To(BeEmpty())
	g.Expect(found.Explain(pin(mineRef))).To(BeEmpty())
	g.Expect(found.Explain(pin(cacheRef))).To(And(ContainSubstring("names "+cacheRef), ContainSubstring("Pods ask a server that reads "+mineRef)))
	g.Expect(clusterdns.Found{Problem: "x"}.Explain(pin(cacheRef))).To(Equal("x"))
}
