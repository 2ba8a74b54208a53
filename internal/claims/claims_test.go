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
	"cmp"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/claims"
)

// parse returns the claims in the annotation of a GatewayDNS.
func parse(gatewayDNS *xccv1.GatewayDNS) (parsed claims.Claims, malformed bool) {
	return claims.Parse(gatewayDNS.Annotations[xccv1.ClaimsAnnotation])
}

func claimsOf(gatewayDNS *xccv1.GatewayDNS) claims.Claims {
	parsed, _ := parse(gatewayDNS)
	return parsed
}

func renew(gatewayDNS *xccv1.GatewayDNS, all []xccv1.GatewayDNS, clusters []clusterv1.Cluster, now time.Time) claims.Claims {
	return claims.NewNamespace(all, clusters, parse).Renew(gatewayDNS, now).Claims
}

// holders returns the holders of the Clusters' names, and of the name of the Cluster a even if it
// does not exist.
func holders(subdomain string, all []xccv1.GatewayDNS, clusters []clusterv1.Cluster) map[string]claims.Holder {
	namespace, found := claims.NewNamespace(all, clusters, parse), map[string]claims.Holder{}
	for _, cluster := range append([]clusterv1.Cluster{cluster("a")}, clusters...) {
		if holder, ok := namespace.Holder(claims.Name(subdomain, cluster.Name)); ok {
			found[claims.Name(subdomain, cluster.Name)] = holder
		}
	}
	return found
}

func at(second int64) time.Time { return time.Unix(second, 0).UTC() }

// never is for a GatewayDNS that has never claimed a name. none is for one whose claims have all
// ended.
var (
	never claims.Claims
	none  = claims.Claims{}
)

// gatewayDNS returns a GatewayDNS that selects the Clusters with its name as a label. Its creation
// time is at(1).
func gatewayDNS(name string, claimed claims.Claims, changes ...func(*xccv1.GatewayDNS)) xccv1.GatewayDNS {
	g := xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: name, CreationTimestamp: metav1.NewTime(at(1))}}
	g.Spec.ClusterSelector.MatchLabels = map[string]string{name: ""}
	g.Annotations = map[string]string{}
	if claimed != nil {
		g.Annotations[xccv1.ClaimsAnnotation] = cmp.Or(claimed.String(), "{}")
	}
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
		"nothing is selected":                             {gatewayDNS("gw", never), []clusterv1.Cluster{cluster("a")}, none},
		"a claim of a selected Cluster starts now":        {gatewayDNS("gw", none), []clusterv1.Cluster{cluster("a", "gw")}, claims.Claims{"gateway.a": now}},
		"the first claim starts at the creation time":     {gatewayDNS("gw", never), []clusterv1.Cluster{cluster("a", "gw")}, claims.Claims{"gateway.a": at(1)}},
		"an existing claim is kept":                       {gatewayDNS("gw", claimed), []clusterv1.Cluster{cluster("a", "gw")}, claimed},
		"a claim of a missing Cluster is kept":            {gatewayDNS("gw", claimed), nil, claimed},
		"a claim of an unselected Cluster ends":           {gatewayDNS("gw", claimed), []clusterv1.Cluster{cluster("a")}, claims.Claims{}},
		"a claim of a Cluster that is being deleted ends": {gatewayDNS("gw", claimed), []clusterv1.Cluster{deleting(cluster("a", "gw"))}, claims.Claims{}},
		"a new subdomain ends the claim and starts one": {
			gatewayDNS("gw", claimed, subdomain("internal")), []clusterv1.Cluster{cluster("a", "gw")}, claims.Claims{"internal.a": now},
		},
		"the claimed subdomain has the new one as a prefix": {
			gatewayDNS("gw", claims.Claims{"gateway-a.b": at(10)}), []clusterv1.Cluster{cluster("b", "gw")}, claims.Claims{"gateway.b": now},
		},
		"a claim is kept if the selector is invalid": {
			gatewayDNS("gw", claimed, func(g *xccv1.GatewayDNS) { g.Spec.ClusterSelector.MatchLabels = map[string]string{"a": "not a value"} }),
			[]clusterv1.Cluster{cluster("a")}, claimed,
		},
		"a name published by a release without claims is claimed with the creation time": {
			gatewayDNS("gw", never, published("*.gateway.a.dev.clusters.xcc.test", xccv1.GatewayResolved)), []clusterv1.Cluster{cluster("a", "gw")},
			claims.Claims{"gateway.a": at(1)},
		},
		"a published name whose claim has ended is claimed from now on": {
			gatewayDNS("gw", none, published("*.gateway.a.dev.clusters.xcc.test", xccv1.GatewayResolved)), []clusterv1.Cluster{cluster("a", "gw")},
			claims.Claims{"gateway.a": now},
		},
		"a name with another published subdomain is claimed from now on": {
			gatewayDNS("gw", none, published("*.internal.a.dev.clusters.xcc.test", xccv1.GatewayResolved)), []clusterv1.Cluster{cluster("a", "gw")},
			claims.Claims{"gateway.a": now},
		},
		"a name that another GatewayDNS held is claimed from now on": {
			gatewayDNS("gw", none, published("*.gateway.a.dev.clusters.xcc.test", xccv1.GatewayConflicted)), []clusterv1.Cluster{cluster("a", "gw")},
			claims.Claims{"gateway.a": now},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			NewWithT(t).Expect(renew(&test.gatewayDNS, []xccv1.GatewayDNS{test.gatewayDNS}, test.clusters, now)).To(Equal(test.claims))
		})
	}
}

// TestANewClaimIsLaterThanExistingOnes has two clocks: that of the manager that wrote the rival's
// claim, and ours.
func TestANewClaimIsLaterThanExistingOnes(t *testing.T) {
	t.Parallel()
	clusters := []clusterv1.Cluster{cluster("a", "new", "rival", "third")}
	created := func(second int64) func(*xccv1.GatewayDNS) {
		return func(g *xccv1.GatewayDNS) { g.CreationTimestamp = metav1.NewTime(at(second)) }
	}
	shows := published("*.gateway.a.dev.clusters.xcc.test", xccv1.GatewayResolved)
	since := func(second int64) claims.Claims { return claims.Claims{"gateway.a": at(second)} }
	justAfter := func(second int64) claims.Claims { return claims.Claims{"gateway.a": at(second).Add(1)} }
	for name, test := range map[string]struct {
		gatewayDNS xccv1.GatewayDNS
		rivals     []xccv1.GatewayDNS
		claims     claims.Claims
	}{
		"the rival's clock agrees":                        {gatewayDNS("new", none), []xccv1.GatewayDNS{gatewayDNS("rival", since(90))}, since(100)},
		"the rival's clock is ahead of ours":              {gatewayDNS("new", none), []xccv1.GatewayDNS{gatewayDNS("rival", since(900))}, justAfter(900)},
		"the clock of one of two rivals is ahead of ours": {gatewayDNS("new", none), []xccv1.GatewayDNS{gatewayDNS("rival", since(900)), gatewayDNS("third", since(90))}, justAfter(900)},
		"the rival's claim starts now":                    {gatewayDNS("new", none), []xccv1.GatewayDNS{gatewayDNS("rival", since(100))}, justAfter(100)},
		"the rival's claim has ended":                     {gatewayDNS("new", none), []xccv1.GatewayDNS{gatewayDNS("rival", since(900), subdomain("internal"))}, since(100)},
		"an existing claim is not changed":                {gatewayDNS("new", since(50)), []xccv1.GatewayDNS{gatewayDNS("rival", since(900))}, since(50)},
		"a move reset the rival's creation time":          {gatewayDNS("new", never, created(1)), []xccv1.GatewayDNS{gatewayDNS("rival", since(90), created(95))}, since(100)},
		"neither has claims, and this one is older":       {gatewayDNS("new", never, created(2)), []xccv1.GatewayDNS{gatewayDNS("rival", never, created(3))}, since(2)},
		"neither has claims, and the rival is older":      {gatewayDNS("new", never, created(3)), []xccv1.GatewayDNS{gatewayDNS("rival", never, created(2))}, none},
		"neither has claims, and the ages are equal":      {gatewayDNS("rival", never), []xccv1.GatewayDNS{gatewayDNS("new", never)}, none},
		"only the rival has no claims, and it is older":   {gatewayDNS("new", none), []xccv1.GatewayDNS{gatewayDNS("rival", never)}, none},
		"the older rival has claimed the name":            {gatewayDNS("new", never, created(3)), []xccv1.GatewayDNS{gatewayDNS("rival", since(2))}, since(100)},
		"the older rival is paused":                       {gatewayDNS("new", never, created(3)), []xccv1.GatewayDNS{gatewayDNS("rival", never, paused)}, since(3)},
		"the rival lost its annotation":                   {gatewayDNS("new", none), []xccv1.GatewayDNS{gatewayDNS("rival", never, shows)}, since(100)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			all := append([]xccv1.GatewayDNS{test.gatewayDNS}, test.rivals...)
			g.Expect(renew(&test.gatewayDNS, all, clusters, at(100))).To(Equal(test.claims))
		})
	}
}

func TestAnUnclaimedNameIsHeldWithoutAnAnnotation(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	clusters := []clusterv1.Cluster{cluster("a", "one", "two", "old"), cluster("b", "two")}
	one, two := gatewayDNS("one", never), gatewayDNS("two", never)
	two.CreationTimestamp = metav1.NewTime(at(0))
	holder := func(all ...xccv1.GatewayDNS) string {
		return holders("gateway", all, clusters)["gateway.a"].GatewayDNS
	}
	g.Expect(holder(one, two)).To(Equal("two"), "created first")
	g.Expect(holder(one, two, gatewayDNS("old", claims.Claims{"gateway.a": at(900)}))).To(Equal("old"), "claimed")
	shows := gatewayDNS("old", never, published("*.gateway.a.dev.clusters.xcc.test", xccv1.GatewayResolved))
	g.Expect(holder(one, two, shows)).To(Equal("old"), "lost its annotation")
	g.Expect(holders("gateway", []xccv1.GatewayDNS{one}, clusters)).NotTo(HaveKey("gateway.b"))
}

// TestHolders combines the states of two GatewayDNS that claim one name. x-early has the earlier
// claim.
func TestHolders(t *testing.T) {
	t.Parallel()
	type side struct {
		claims  bool
		changes []func(*xccv1.GatewayDNS)
		clear   bool // The GatewayDNS does not select the Cluster.
		never   bool // The GatewayDNS has never claimed a name.
	}
	deleted := func(g *xccv1.GatewayDNS) { g.DeletionTimestamp = &metav1.Time{Time: at(5)} }
	sides := map[string]side{
		"claims it":                              {claims: true},
		"claims it and is paused":                {claims: true, changes: []func(*xccv1.GatewayDNS){paused}},
		"claims it, is paused and deselects":     {claims: true, changes: []func(*xccv1.GatewayDNS){paused}, clear: true},
		"claims it, is paused and renamed":       {claims: true, changes: []func(*xccv1.GatewayDNS){paused, subdomain("internal")}},
		"has not written a claim yet":            {never: true, changes: []func(*xccv1.GatewayDNS){func(g *xccv1.GatewayDNS) { g.Annotations = nil }}},
		"has a malformed annotation":             {changes: []func(*xccv1.GatewayDNS){func(g *xccv1.GatewayDNS) { g.Annotations[xccv1.ClaimsAnnotation] = "{" }}},
		"has an invalid time":                    {changes: []func(*xccv1.GatewayDNS){func(g *xccv1.GatewayDNS) { g.Annotations[xccv1.ClaimsAnnotation] = `{"gateway.a":"early"}` }}},
		"no longer selects the Cluster":          {clear: true},
		"has a new subdomain":                    {changes: []func(*xccv1.GatewayDNS){subdomain("internal")}},
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
					holder, held := holders("gateway", all, clusters)["gateway.a"]
					// If the Cluster does not exist, the selector ends no claim.
					claimsIt := func(s side) bool { return s.claims || s.clear && !exists && len(s.changes) == 0 }
					switch {
					case claimsIt(early):
						g.Expect(holder).To(Equal(claims.Holder{GatewayDNS: "x-early", Since: at(10)}))
					case claimsIt(late):
						g.Expect(holder).To(Equal(claims.Holder{GatewayDNS: "late", Since: at(20)}))
					case exists && (early.never || late.never):
						// Their creation times are equal.
						g.Expect(holder.GatewayDNS).To(Equal(map[bool]string{true: "late", false: "x-early"}[late.never]))
						g.Expect(holder.Since).To(BeTemporally("==", at(1)))
					default:
						g.Expect(held).To(BeFalse())
					}
				})
			}
		}
	}
}

func TestTheNameBreaksATieOfTwoClaims(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	claimed := claims.Claims{"gateway.a": at(10)}
	one, two := gatewayDNS("one", claimed), gatewayDNS("two", claimed)
	for _, all := range [][]xccv1.GatewayDNS{{one, two}, {two, one}} {
		g.Expect(holders("gateway", all, nil)).To(Equal(map[string]claims.Holder{"gateway.a": {GatewayDNS: "one", Since: at(10)}}))
	}
}

func TestTheAnnotationKeepsFractionsOfASecond(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	claimed := claims.Claims{"gateway.a": time.Unix(10, 123456789).UTC(), "internal.b.c": at(10)}
	one := gatewayDNS("one", claimed)
	g.Expect(claimsOf(&one)).To(Equal(claimed))
	g.Expect(one.Annotations[xccv1.ClaimsAnnotation]).To(Equal(
		`{"gateway.a":"1970-01-01T00:00:10.123456789Z","internal.b.c":"1970-01-01T00:00:10Z"}`,
	))
	g.Expect(claims.Claims{}.String()).To(BeEmpty())
}

func TestInvalidEntriesOfAnAnnotationAreSkipped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	one := gatewayDNS("one", nil)
	one.Annotations[xccv1.ClaimsAnnotation] = `{"gateway.a":"1970-01-01T00:00:10Z","gateway.b":"yesterday","gateway.c":1}`
	g.Expect(claimsOf(&one)).To(Equal(claims.Claims{"gateway.a": at(10)}))
	for _, garbage := range []string{"", "[]", `{"a":1}`, "null"} {
		one.Annotations[xccv1.ClaimsAnnotation] = garbage
		g.Expect(claimsOf(&one)).To(BeEmpty())
	}
}
