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
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/claims"
)

// shop returns a GatewayDNS that asks for the shared name "shop". Its annotation has the claims, unless they are never.
func shop(name string, claimed claims.Claims, changes ...func(*xccv1.GatewayDNS)) xccv1.GatewayDNS {
	g := gatewayDNS(name, none, asksFor("shop"))
	if claimed != nil {
		g.Annotations[xccv1.SharedClaimAnnotation] = cmp.Or(claimed.String(), "{}")
	}
	for _, change := range changes {
		change(&g)
	}
	return g
}

func asksFor(name string) func(*xccv1.GatewayDNS) {
	return func(g *xccv1.GatewayDNS) { g.Spec.Shared = &xccv1.SharedName{Name: name} }
}

func sharedClaim(text string) func(*xccv1.GatewayDNS) {
	return func(g *xccv1.GatewayDNS) { g.Annotations[xccv1.SharedClaimAnnotation] = text }
}

func created(second int64) func(*xccv1.GatewayDNS) {
	return func(g *xccv1.GatewayDNS) { g.CreationTimestamp = metav1.NewTime(at(second)) }
}

func deleted(g *xccv1.GatewayDNS) { g.DeletionTimestamp = &metav1.Time{Time: at(5)} }

func notShared(g *xccv1.GatewayDNS) { g.Spec.Shared = nil }

func shows(hostname string) func(*xccv1.GatewayDNS) {
	return func(g *xccv1.GatewayDNS) { g.Status.SharedHostname = hostname }
}

func since(second int64) claims.Claims { return claims.Claims{"shop": at(second)} }

func TestRenewOfASharedName(t *testing.T) {
	t.Parallel()
	const hostname = "*.shop.dev.gateways.xcc.test"
	justAfter := claims.Claims{"shop": at(900).Add(1)}
	for name, test := range map[string]struct {
		gatewayDNS xccv1.GatewayDNS
		rivals     []xccv1.GatewayDNS
		claims     claims.Claims
		malformed  bool
	}{
		"a GatewayDNS without a shared name":           {gatewayDNS: shop("gw", never, notShared)},
		"the claim ends if spec.shared is unset":       {gatewayDNS: shop("gw", since(10), notShared)},
		"the claim ends if the name is changed":        {gatewayDNS: shop("gw", since(10), asksFor("store")), claims: claims.Claims{"store": at(100)}},
		"the first claim starts at the creation time":  {gatewayDNS: shop("gw", never), claims: since(1)},
		"another claim starts now":                     {gatewayDNS: shop("gw", none), claims: since(100)},
		"an existing claim is kept":                    {gatewayDNS: shop("gw", since(10)), claims: since(10)},
		"other entries are dropped":                    {gatewayDNS: shop("gw", claims.Claims{"shop": at(10), "gateway.a": at(10)}), claims: since(10)},
		"a published name that lost its annotation":    {gatewayDNS: shop("gw", never, created(3), shows(hostname)), claims: since(3)},
		"a malformed annotation":                       {gatewayDNS: shop("gw", none, sharedClaim("{")), claims: since(100), malformed: true},
		"an invalid time":                              {gatewayDNS: shop("gw", none, sharedClaim(`{"shop":"early"}`)), claims: since(100), malformed: true},
		"an annotation that is too long":               {gatewayDNS: shop("gw", none, sharedClaim(since(10).String()+strings.Repeat(" ", 256))), claims: since(100), malformed: true},
		"the rival has claimed it":                     {gatewayDNS: shop("gw", none), rivals: []xccv1.GatewayDNS{shop("rival", since(90))}, claims: since(100)},
		"the rival's clock is ahead of ours":           {gatewayDNS: shop("gw", none), rivals: []xccv1.GatewayDNS{shop("rival", since(900))}, claims: justAfter},
		"the rival with a clock that is ahead renamed": {gatewayDNS: shop("gw", none), rivals: []xccv1.GatewayDNS{shop("rival", since(900), asksFor("store"))}, claims: since(100)},
		"the rival is paused and renamed":              {gatewayDNS: shop("gw", none), rivals: []xccv1.GatewayDNS{shop("rival", since(900), asksFor("store"), paused)}, claims: justAfter},
		"the rival has another name":                   {gatewayDNS: shop("gw", never), rivals: []xccv1.GatewayDNS{shop("rival", never, created(0), asksFor("store"))}, claims: since(1)},
		"an older rival claims it first":               {gatewayDNS: shop("gw", never), rivals: []xccv1.GatewayDNS{shop("rival", never, created(0))}},
		"the name breaks a tie of two first claims":    {gatewayDNS: shop("gw", never), rivals: []xccv1.GatewayDNS{shop("a", never)}},
		"an older rival that has claimed nothing yet, if ours is not the first claim": {
			gatewayDNS: shop("gw", none), rivals: []xccv1.GatewayDNS{shop("rival", never)},
		},
		"a rival that lost its annotation": {
			gatewayDNS: shop("gw", never, created(0)), rivals: []xccv1.GatewayDNS{shop("rival", never, shows(hostname))}, claims: since(100),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			all := append([]xccv1.GatewayDNS{test.gatewayDNS}, test.rivals...)
			renewal := claims.NewNamespace(all, nil, parse).Renew(&test.gatewayDNS, at(100))
			if len(test.claims) == 0 {
				g.Expect(renewal.Shared).To(BeEmpty())
			} else {
				g.Expect(renewal.Shared).To(Equal(test.claims))
			}
			g.Expect(renewal.Malformed).To(HaveLen(map[bool]int{true: 1}[test.malformed]))
			g.Expect(renewal.Claims).To(BeEmpty(), "the other annotation has no shared names")
		})
	}
}

func TestHoldersOfASharedName(t *testing.T) {
	t.Parallel()
	sides := map[string]struct {
		changes []func(*xccv1.GatewayDNS)
		claims  bool
	}{
		"claims it":                              {claims: true},
		"claims it and is paused":                {claims: true, changes: []func(*xccv1.GatewayDNS){paused}},
		"claims it, is paused and renamed":       {claims: true, changes: []func(*xccv1.GatewayDNS){paused, asksFor("store")}},
		"claims it, is paused and unset":         {claims: true, changes: []func(*xccv1.GatewayDNS){paused, notShared}},
		"is renamed":                             {changes: []func(*xccv1.GatewayDNS){asksFor("store")}},
		"is unset":                               {changes: []func(*xccv1.GatewayDNS){notShared}},
		"has a malformed annotation":             {changes: []func(*xccv1.GatewayDNS){sharedClaim("{")}},
		"is being deleted":                       {changes: []func(*xccv1.GatewayDNS){deleted}},
		"is being deleted although it is paused": {changes: []func(*xccv1.GatewayDNS){paused, deleted}},
	}
	for earlyName, early := range sides {
		for lateName, late := range sides {
			t.Run(fmt.Sprintf("early %s, late %s", earlyName, lateName), func(t *testing.T) {
				t.Parallel()
				g := NewWithT(t)
				all := []xccv1.GatewayDNS{shop("late", since(20), late.changes...), shop("x-early", since(10), early.changes...)}
				holder, held := claims.NewNamespace(all, nil, parse).Holder("shop")
				switch {
				case early.claims:
					g.Expect(holder).To(Equal(claims.Holder{GatewayDNS: "x-early", Since: at(10)}))
				case late.claims:
					g.Expect(holder).To(Equal(claims.Holder{GatewayDNS: "late", Since: at(20)}))
				default:
					g.Expect(held).To(BeFalse())
				}
			})
		}
	}
}

func TestOneAnnotationClaimsNoNameOfTheOther(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	one := shop("one", claims.Claims{"gateway.a": at(10)})
	one.Annotations[xccv1.ClaimsAnnotation] = since(10).String()
	namespace := claims.NewNamespace([]xccv1.GatewayDNS{one}, nil, parse)
	_, held := namespace.Holder("shop")
	g.Expect(held).To(BeFalse())
	_, held = namespace.Holder("gateway.a")
	g.Expect(held).To(BeFalse())
	renewal := namespace.Renew(&one, at(100))
	g.Expect(renewal.Claims).To(BeEmpty())
	g.Expect(renewal.IsWritten).To(BeFalse())
}
