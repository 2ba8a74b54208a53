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

package records_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// targeting adds host names to a slice.
func targeting(slice *discoveryv1.EndpointSlice, targets string) *discoveryv1.EndpointSlice {
	slice.Annotations[xccv1.TargetsAnnotation] = targets
	return slice
}

func TestTargets(t *testing.T) {
	t.Parallel()
	https := zone.Service{Prefix: "_https._tcp", Port: 443}
	without := targeting(v4("a", ""), "lb.example.com")
	delete(without.Annotations, xccv1.DNSHostnameAnnotation)
	for name, test := range map[string]test{
		"a slice without endpoints is an alias": {
			slices:  []*discoveryv1.EndpointSlice{targeting(v4("a", "x.xcc.test"), "LB.example.com.")},
			records: []zone.Record{alias("x.xcc.test", "lb.example.com")},
		},
		"an IPv6 slice is one, too": {
			slices:  []*discoveryv1.EndpointSlice{targeting(v6("a", "x.xcc.test"), "lb.example.com")},
			records: []zone.Record{alias("x.xcc.test", "lb.example.com")},
		},
		"every name of the slice is, with its ports": {
			slices:  []*discoveryv1.EndpointSlice{targeting(also(at(v4("a", "*.x.xcc.test"), "https", "TCP", 443), "x.xcc.test"), "lb.example.com")},
			records: []zone.Record{serving(alias("x.xcc.test", "lb.example.com"), https), serving(alias("*.x.xcc.test", "lb.example.com"), https)},
		},
		"the slice of type FQDN that it replaces says the same": {
			slices: []*discoveryv1.EndpointSlice{
				at(fqdn("a", "x.xcc.test", "lb.example.com"), "https", "TCP", 443),
				at(targeting(v4("b", "x.xcc.test"), "lb.example.com"), "https", "TCP", 443),
			},
			records: []zone.Record{serving(alias("x.xcc.test", "lb.example.com"), https)},
		},
		"the first by name wins": {
			slices:   []*discoveryv1.EndpointSlice{targeting(v4("a", "x.xcc.test"), " b.example.com ,, a.example.com,a.example.com")},
			records:  []zone.Record{alias("x.xcc.test", "a.example.com")},
			problems: []string{"a several_aliases"},
		},
		"addresses win over an alias": {
			slices:   []*discoveryv1.EndpointSlice{targeting(v4("a", "x.xcc.test", "10.0.0.1"), "lb.example.com")},
			records:  []zone.Record{addresses("x.xcc.test", "10.0.0.1")},
			problems: []string{"a alias_shadowed"},
		},
		"an alias is ready, addresses may not be": {
			slices:  []*discoveryv1.EndpointSlice{targeting(v4("a", "x.xcc.test", "!10.0.0.1"), "lb.example.com")},
			records: []zone.Record{alias("x.xcc.test", "lb.example.com")},
		},
		"a slice of type FQDN has both": {
			slices:   []*discoveryv1.EndpointSlice{targeting(fqdn("a", "x.xcc.test", "b.example.com"), "a.example.com")},
			records:  []zone.Record{alias("x.xcc.test", "a.example.com")},
			problems: []string{"a several_aliases"},
		},
		"a bad target costs itself only": {
			slices:   []*discoveryv1.EndpointSlice{targeting(v4("a", "x.xcc.test"), "*.example.com,a b,x.xcc.test,lb.example.com,10.0.0.1.2..")},
			records:  []zone.Record{alias("x.xcc.test", "lb.example.com")},
			problems: []string{"a invalid_address", "a invalid_address", "a invalid_address", "a invalid_address"},
		},
		"only bad targets make no name": {
			slices:   []*discoveryv1.EndpointSlice{targeting(v4("a", "x.xcc.test"), "*.example.com")},
			problems: []string{"a invalid_address", "a no_address"},
		},
		"an address is no host name": {
			slices:   []*discoveryv1.EndpointSlice{targeting(v4("a", "x.xcc.test", "10.0.0.1"), "192.0.2.1")},
			records:  []zone.Record{addresses("x.xcc.test", "10.0.0.1")},
			problems: []string{"a invalid_address"},
		},
		"nothing between commas is no target": {
			slices:   []*discoveryv1.EndpointSlice{targeting(v4("a", "x.xcc.test"), ", ,")},
			problems: []string{"a no_address"},
		},
		"at the apex addresses are served and an alias is not": {
			slices:   []*discoveryv1.EndpointSlice{targeting(also(v4("a", "xcc.test", "!10.0.0.1"), "x.xcc.test"), "lb.example.com")},
			records:  []zone.Record{addresses("xcc.test", "10.0.0.1"), alias("x.xcc.test", "lb.example.com")},
			problems: []string{"a reserved_name"},
		},
		"a slice without a name has no targets": {slices: []*discoveryv1.EndpointSlice{without}},
	} {
		t.Run(name, test.check)
	}
}

// An annotation holds up to 256 kB. The limits bound its cost for the DNS server.
func TestEndlessAnnotationsAreReadInPart(t *testing.T) {
	t.Parallel()
	many := func(format string) string {
		var texts []string
		for i := range 20_000 {
			texts = append(texts, fmt.Sprintf(format, i))
		}
		return strings.Join(texts, ",")
	}
	for name, test := range map[string]struct {
		slice *discoveryv1.EndpointSlice
		names int
		// tooMany means that the slice has a problem for having too many entries.
		tooMany bool
	}{
		"targets":         {targeting(v4("a", "x.xcc.test"), many("t%d.test")), 1, true},
		"bad targets":     {targeting(v4("a", "x.xcc.test"), many("%d b")), 1, true},
		"names":           {also(v4("a", "x.xcc.test", "10.0.0.1"), many("n%d.xcc.test")), 1 + xccv1.MaxHostnames, true},
		"bad names":       {also(v4("a", "x.xcc.test", "10.0.0.1"), many("%d b")), 1 + xccv1.MaxHostnames, true},
		"a long target":   {targeting(v4("a", "x.xcc.test"), strings.Repeat("a", 250_000)), 1, false},
		"a long name":     {also(v4("a", "x.xcc.test", "10.0.0.1"), strings.Repeat("a", 250_000)), 2, false},
		"only commas":     {targeting(v4("a", "x.xcc.test"), strings.Repeat(",", 250_000)), 1, true},
		"long whitespace": {targeting(v4("a", "x.xcc.test", "10.0.0.1"), strings.Repeat(" ", 250_000)), 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			parsed := records.Parse(test.slice, zones, netaddr.Judge{})
			g.Expect(parsed).To(HaveLen(test.names))
			_, problems := merge(parsed)
			g.Expect(len(problems)).To(BeNumerically("<=", 2*xccv1.MaxTargets+2))
			var reasons []records.Reason
			for _, problem := range problems {
				g.Expect(len(problem.Detail)).To(BeNumerically("<=", 300))
				reasons = append(reasons, problem.Reason)
			}
			g.Expect(reasons).To(Satisfy(func(found []records.Reason) bool {
				count := 0
				for _, reason := range found {
					if reason == records.TooMany {
						count++
					}
				}
				return count == map[bool]int{true: 1}[test.tooMany]
			}), "%v", reasons)
		})
	}
}
