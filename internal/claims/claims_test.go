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

package claims_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/claims"
)

func at(second int64) time.Time { return time.Unix(second, 0).UTC() }

// gatewayDNS selects the Clusters that are labelled with its name. Claims are pairs of a name and a second.
func gatewayDNS(name string, claimed claims.Claims, changes ...func(*xccv1.GatewayDNS)) xccv1.GatewayDNS {
	g := xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: name, CreationTimestamp: metav1.NewTime(at(1))}}
	g.Spec.ClusterSelector.MatchLabels = map[string]string{name: ""}
	g.Annotations = map[string]string{xccv1.ClaimsAnnotation: claimed.String()}
	for _, change := range changes {
		change(&g)
	}
	return g
}

func cluster(name string, selectedBy ...string) clusterv1.Cluster {
	c := clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: name, Labels: map[string]string{}}}
	for _, gatewayDNS := range selectedBy {
		c.Labels[gatewayDNS] = ""
	}
	return c
}

func deleting(c clusterv1.Cluster) clusterv1.Cluster {
	c.DeletionTimestamp = &metav1.Time{Time: at(5)}
	return c
}

func paused(g *xccv1.GatewayDNS) { g.Annotations[clusterv1.PausedAnnotation] = "" }

func subdomain(name string) func(*xccv1.GatewayDNS) {
	return func(g *xccv1.GatewayDNS) { g.Spec.Subdomain = name }
}

func published(hostname string, state xccv1.GatewayState) func(*xccv1.GatewayDNS) {
	return func(g *xccv1.GatewayDNS) {
		g.Status.Gateways = []xccv1.GatewayStatus{{Cluster: "a", Hostname: hostname, State: state}}
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	now := at(100)
	claimed := claims.Claims{"gateway.a": at(10)}
	for name, test := range map[string]struct {
		gatewayDNS xccv1.GatewayDNS
		clusters   []clusterv1.Cluster
		claims     claims.Claims
	}{
		"nothing is selected":                         {gatewayDNS("gw", nil), []clusterv1.Cluster{cluster("a")}, claims.Claims{}},
		"a selected Cluster is claimed from now on":   {gatewayDNS("gw", nil), []clusterv1.Cluster{cluster("a", "gw")}, claims.Claims{"gateway.a": now}},
		"a claim is kept as it is":                    {gatewayDNS("gw", claimed), []clusterv1.Cluster{cluster("a", "gw")}, claimed},
		"a Cluster that does not exist ends no claim": {gatewayDNS("gw", claimed), nil, claimed},
		"a Cluster that is not selected does":         {gatewayDNS("gw", claimed), []clusterv1.Cluster{cluster("a")}, claims.Claims{}},
		"a Cluster that is being deleted does":        {gatewayDNS("gw", claimed), []clusterv1.Cluster{deleting(cluster("a", "gw"))}, claims.Claims{}},
		"another subdomain ends the claim and begins one": {
			gatewayDNS("gw", claimed, subdomain("internal")), []clusterv1.Cluster{cluster("a", "gw")}, claims.Claims{"internal.a": now},
		},
		"a subdomain that begins like the other": {
			gatewayDNS("gw", claims.Claims{"gateway-a.b": at(10)}), []clusterv1.Cluster{cluster("b", "gw")}, claims.Claims{"gateway.b": now},
		},
		"a selector that cannot be evaluated ends no claim": {
			gatewayDNS("gw", claimed, func(g *xccv1.GatewayDNS) { g.Spec.ClusterSelector.MatchLabels = map[string]string{"a": "not a value"} }),
			[]clusterv1.Cluster{cluster("a")}, claimed,
		},
		"what was published before there were claims counts since it was created": {
			gatewayDNS("gw", nil, published("*.gateway.a.dev.clusters.xcc.test", xccv1.GatewayResolved)), []clusterv1.Cluster{cluster("a", "gw")},
			claims.Claims{"gateway.a": at(1)},
		},
		"what was published under another name does not": {
			gatewayDNS("gw", nil, published("*.internal.a.dev.clusters.xcc.test", xccv1.GatewayResolved)), []clusterv1.Cluster{cluster("a", "gw")},
			claims.Claims{"gateway.a": now},
		},
		"what was another's does not": {
			gatewayDNS("gw", nil, published("*.gateway.a.dev.clusters.xcc.test", xccv1.GatewayConflicted)), []clusterv1.Cluster{cluster("a", "gw")},
			claims.Claims{"gateway.a": now},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			NewWithT(t).Expect(claims.Renew(&test.gatewayDNS, test.clusters, now)).To(Equal(test.claims))
		})
	}
}

// TestHolders goes through every pair of what can be with two GatewayDNS, early and late, that claim one name.
func TestHolders(t *testing.T) {
	t.Parallel()
	type side struct {
		claims  bool
		changes []func(*xccv1.GatewayDNS)
		clear   bool // The Cluster is not selected by it.
	}
	deleted := func(g *xccv1.GatewayDNS) { g.DeletionTimestamp = &metav1.Time{Time: at(5)} }
	sides := map[string]side{
		"claims it":                              {claims: true},
		"claims it and is paused":                {claims: true, changes: []func(*xccv1.GatewayDNS){paused}},
		"claims it, is paused and deselects":     {claims: true, changes: []func(*xccv1.GatewayDNS){paused}, clear: true},
		"claims it, is paused and renamed":       {claims: true, changes: []func(*xccv1.GatewayDNS){paused, subdomain("internal")}},
		"has not written a claim yet":            {changes: []func(*xccv1.GatewayDNS){func(g *xccv1.GatewayDNS) { g.Annotations = nil }}},
		"has garbage in its annotation":          {changes: []func(*xccv1.GatewayDNS){func(g *xccv1.GatewayDNS) { g.Annotations[xccv1.ClaimsAnnotation] = "{" }}},
		"has a time that is none":                {changes: []func(*xccv1.GatewayDNS){func(g *xccv1.GatewayDNS) { g.Annotations[xccv1.ClaimsAnnotation] = `{"gateway.a":"early"}` }}},
		"does not select the Cluster any more":   {clear: true},
		"has another subdomain now":              {changes: []func(*xccv1.GatewayDNS){subdomain("internal")}},
		"is being deleted":                       {changes: []func(*xccv1.GatewayDNS){deleted}},
		"is being deleted although it is paused": {changes: []func(*xccv1.GatewayDNS){paused, deleted}},
	}
	for earlyName, early := range sides {
		for lateName, late := range sides {
			for _, exists := range []bool{true, false} {
				t.Run(fmt.Sprintf("early %s, late %s, Cluster exists: %t", earlyName, lateName, exists), func(t *testing.T) {
					t.Parallel()
					g := NewWithT(t)
					var clusters []clusterv1.Cluster
					if exists {
						clusters = []clusterv1.Cluster{cluster("a")}
						for name, side := range map[string]side{"x-early": early, "late": late} {
							if !side.clear {
								clusters[0].Labels[name] = ""
							}
						}
					}
					all := []xccv1.GatewayDNS{
						gatewayDNS("late", claims.Claims{"gateway.a": at(20)}, late.changes...),
						gatewayDNS("x-early", claims.Claims{"gateway.a": at(10)}, early.changes...),
					}
					holder, held := claims.Holders("gateway", all, clusters)["gateway.a"]
					// Without its Cluster, nothing says that a claim has ended because of the selector.
					claimsIt := func(s side) bool { return s.claims || s.clear && !exists && len(s.changes) == 0 }
					switch {
					case claimsIt(early):
						g.Expect(holder).To(Equal(claims.Holder{GatewayDNS: "x-early", Since: at(10)}))
					case claimsIt(late):
						g.Expect(holder).To(Equal(claims.Holder{GatewayDNS: "late", Since: at(20)}))
					default:
						g.Expect(held).To(BeFalse())
					}
				})
			}
		}
	}
}

func TestOfTwoClaimsOfOneTimeTheFirstByNameHolds(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	claimed := claims.Claims{"gateway.a": at(10)}
	one, two := gatewayDNS("one", claimed), gatewayDNS("two", claimed)
	for _, all := range [][]xccv1.GatewayDNS{{one, two}, {two, one}} {
		g.Expect(claims.Holders("gateway", all, nil)).To(Equal(map[string]claims.Holder{"gateway.a": {GatewayDNS: "one", Since: at(10)}}))
	}
}

func TestTheAnnotationKeepsFractionsOfASecond(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	claimed := claims.Claims{"gateway.a": time.Unix(10, 123456789).UTC(), "internal.b.c": at(10)}
	one := gatewayDNS("one", claimed)
	g.Expect(claims.Of(&one)).To(Equal(claimed))
	g.Expect(one.Annotations[xccv1.ClaimsAnnotation]).To(Equal(
		`{"gateway.a":"1970-01-01T00:00:10.123456789Z","internal.b.c":"1970-01-01T00:00:10Z"}`,
	))
	g.Expect(claims.Claims{}.String()).To(BeEmpty())
}

func TestWrongPartsOfAnAnnotationAreLeftOut(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	one := gatewayDNS("one", nil)
	one.Annotations[xccv1.ClaimsAnnotation] = `{"gateway.a":"1970-01-01T00:00:10Z","gateway.b":"yesterday","gateway.c":1}`
	g.Expect(claims.Of(&one)).To(Equal(claims.Claims{"gateway.a": at(10)}))
	for _, garbage := range []string{"", "[]", `{"a":1}`, "null"} {
		one.Annotations[xccv1.ClaimsAnnotation] = garbage
		g.Expect(claims.Of(&one)).To(BeEmpty())
	}
}
