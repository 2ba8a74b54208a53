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
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/claims"
)

const day = 24 * time.Hour

// gone returns claims of missing Clusters, one per second.
func gone(prefix string, count int) claims.Claims {
	claimed := claims.Claims{}
	for i := range count {
		claimed[fmt.Sprintf("gateway.%s-%05d", prefix, i)] = at(int64(1000 + i))
	}
	return claimed
}

func absent(since claims.Claims) func(*xccv1.GatewayDNS) {
	return func(g *xccv1.GatewayDNS) { g.Annotations[xccv1.AbsentClaimsAnnotation] = since.String() }
}

// allSince returns the claims with one common time.
func allSince(claimed claims.Claims, since time.Time) claims.Claims {
	times := claims.Claims{}
	for name := range claimed {
		times[name] = since
	}
	return times
}

func write(g *xccv1.GatewayDNS, renewal claims.Renewal) {
	g.Annotations[xccv1.ClaimsAnnotation] = renewal.Claims.String()
	g.Annotations[xccv1.AbsentClaimsAnnotation] = renewal.Absent.String()
}

func TestAbsencesAreNotRecordedBelowHalfTheLimit(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	claimed := gone("gone", claims.MaxEntries/2-1)
	one := gatewayDNS("one", claimed)
	renewal := claims.NewNamespace([]xccv1.GatewayDNS{one}, []clusterv1.Cluster{cluster("a", "one")}, parse).Renew(&one, at(100_000))
	g.Expect(renewal.Absent).To(BeEmpty())
	g.Expect(renewal.Claims).To(HaveLen(len(claimed) + 1))
}

func TestAbsencesAreRecordedAboveHalfTheLimit(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	claimed := gone("gone", claims.MaxEntries/2+1)
	known := claims.Claims{"gateway.gone-00700": at(5), "gateway.gone-00701": at(900_000), "gateway.a": at(5), "gateway.other": at(5)}
	one := gatewayDNS("one", claimed, absent(known))
	clusters := []clusterv1.Cluster{cluster("gone-00000", "one"), cluster("a", "one")}
	renewal := claims.NewNamespace([]xccv1.GatewayDNS{one}, clusters, parse).Renew(&one, at(100_000))
	g.Expect(renewal.Absent).To(And(
		HaveKeyWithValue("gateway.gone-00700", at(5)),            // The recorded time stays.
		Not(HaveKeyWithValue("gateway.gone-00701", at(900_000))), // A time in the future is replaced.
		HaveKeyWithValue("gateway.gone-00001", at(100_000)),
		Not(HaveKey("gateway.gone-00000")), // The Cluster exists again.
		Not(HaveKey("gateway.a")),
		Not(HaveKey("gateway.other")), // There is no such claim.
	))
	g.Expect(len(renewal.Absent.String())).To(BeNumerically("<=", 16<<10), "the annotation is bounded")

	t.Log("A later renewal does not change the annotation")
	write(&one, renewal)
	again := claims.NewNamespace([]xccv1.GatewayDNS{one}, clusters, parse).Renew(&one, at(200_000))
	g.Expect(again.Absent).To(Equal(renewal.Absent))
	g.Expect(again.Claims).To(Equal(renewal.Claims))
}

func TestClaimsAreDeletedOnlyIfNewOnesNeedTheRoom(t *testing.T) {
	t.Parallel()
	now := at(1_000_000)
	full := gone("gone", claims.MaxEntries)
	long := claims.Claims{"gateway.gone-00007": now.Add(-3 * day), "gateway.gone-00003": now.Add(-2 * day), "gateway.gone-00009": now.Add(-2 * day)}
	existing := func(count int) []clusterv1.Cluster {
		var clusters []clusterv1.Cluster
		for i := range count {
			clusters = append(clusters, cluster(fmt.Sprint("new-", i), "one"))
		}
		return clusters
	}
	moving := func(clusters []clusterv1.Cluster) []clusterv1.Cluster {
		isPaused := true
		clusters[0].Spec.Paused = &isPaused
		return clusters
	}
	for name, test := range map[string]struct {
		claimed   claims.Claims
		absent    claims.Claims
		clusters  []clusterv1.Cluster
		lost      []string
		unclaimed int
	}{
		"there are no new claims":                        {claimed: full, absent: long},
		"there is room for new claims":                   {claimed: gone("gone", claims.MaxEntries-1), absent: long, clusters: existing(1)},
		"the claim with the longest absence is deleted":  {claimed: full, absent: long, clusters: existing(1), lost: []string{"gateway.gone-00007"}},
		"the name breaks a tie of equally long absences": {claimed: full, absent: long, clusters: existing(2), lost: []string{"gateway.gone-00007", "gateway.gone-00003"}},
		"an absence of less than a day is too short": {
			claimed: full, absent: allSince(long, now.Add(-day+time.Second)), clusters: existing(1), unclaimed: 1,
		},
		"an absence of exactly a day is long enough":       {claimed: full, absent: claims.Claims{"gateway.gone-00007": now.Add(-day)}, clusters: existing(1), lost: []string{"gateway.gone-00007"}},
		"an absence without a recorded time starts now":    {claimed: full, clusters: existing(1), unclaimed: 1},
		"no claim is deleted during a move":                {claimed: full, absent: long, clusters: moving(existing(1)), unclaimed: 1},
		"no claim of an existing Cluster is deleted":       {claimed: full, absent: long, clusters: append(existing(3), cluster("gone-00007", "one")), lost: []string{"gateway.gone-00003", "gateway.gone-00009"}, unclaimed: 1},
		"new claims are added by name while there is room": {claimed: full, absent: long, clusters: existing(5), lost: []string{"gateway.gone-00007", "gateway.gone-00003", "gateway.gone-00009"}, unclaimed: 2},
		"claims of an older release above the limit stay":  {claimed: gone("gone", claims.MaxEntries+100)},
		"no claim is added above the limit":                {claimed: gone("gone", claims.MaxEntries+100), clusters: existing(1), unclaimed: 1},
		"an oversized annotation of absences is ignored":   {claimed: full, absent: allSince(full, at(1)), clusters: existing(1), unclaimed: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			one := gatewayDNS("one", test.claimed, absent(test.absent))
			renewal := claims.NewNamespace([]xccv1.GatewayDNS{one}, test.clusters, parse).Renew(&one, now)
			var lost []string
			for name := range test.claimed {
				if _, ok := renewal.Claims[name]; !ok {
					lost = append(lost, name)
				}
			}
			g.Expect(lost).To(ConsistOf(test.lost))
			g.Expect(renewal.Unclaimed).To(Equal(test.unclaimed))
			added := 0
			for _, cluster := range test.clusters {
				if _, isOld := test.claimed["gateway."+cluster.Name]; !isOld {
					added++
				}
			}
			g.Expect(renewal.Claims).To(HaveLen(len(test.claimed) - len(test.lost) + added - test.unclaimed))
		})
	}
}

func TestTheAnnotationIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	one := gatewayDNS("one", none)
	var clusters []clusterv1.Cluster
	for i := range 3000 {
		clusters = append(clusters, cluster(fmt.Sprintf("%s-%04d", strings.Repeat("c", 58), i), "one"))
	}
	namespace := claims.NewNamespace([]xccv1.GatewayDNS{one}, clusters, parse)
	renewal := namespace.Renew(&one, at(100).Add(123456789))
	g.Expect(len(renewal.Claims.String())).To(And(BeNumerically("<=", claims.MaxBytes+1), BeNumerically(">", claims.MaxBytes-200)))
	g.Expect(renewal.Unclaimed).To(Equal(3000 - len(renewal.Claims)))
}

// TestAStalledMoveChangesNoHolder has two GatewayDNS that claim the same names, up to the limit.
// After a move, one Cluster arrives each week. A new Cluster on the target gets no claim, because
// there is no room.
func TestAStalledMoveChangesNoHolder(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	const moved = 4
	first, second := claims.Claims{}, claims.Claims{}
	for i := range claims.MaxEntries {
		name := fmt.Sprintf("gateway.c-%05d", i)
		first[name], second[name] = at(int64(10+i)), at(int64(20_000+i))
	}
	all := []xccv1.GatewayDNS{gatewayDNS("a-second", second), gatewayDNS("x-first", first)}
	now := at(1_000_000)
	clusters := []clusterv1.Cluster{cluster("new", "a-second", "x-first")}
	renewAll := func() {
		for i := range all {
			write(&all[i], claims.NewNamespace(all, clusters, parse).Renew(&all[i], now))
		}
	}
	for i := range moved {
		isPaused := true
		arrived := cluster(fmt.Sprintf("c-%05d", i), "a-second", "x-first")
		arrived.Spec.Paused = &isPaused
		clusters = append(clusters, arrived)
		renewAll()
		now = now.Add(7 * day)
		renewAll()
	}
	namespace := claims.NewNamespace(all, clusters, parse)
	for i := range claims.MaxEntries {
		name := fmt.Sprintf("c-%05d", i)
		holder, held := namespace.Holder(claims.Name("gateway", name))
		g.Expect(held).To(BeTrue())
		g.Expect(holder).To(Equal(claims.Holder{GatewayDNS: "x-first", Since: at(int64(10 + i))}), name)
	}
}

func TestParseReportsAMalformedAnnotation(t *testing.T) {
	t.Parallel()
	for text, malformed := range map[string]bool{
		``:                                     false,
		`{}`:                                   false,
		`{"gateway.a":"1970-01-01T00:00:10Z"}`: false,
		`{"gateway.a":"yesterday"}`:            true,
		`{"gateway.a":1}`:                      true,
		`[]`:                                   true,
		`{`:                                    true,
		`{"Gateway.a":"1970-01-01T00:00:10Z"}`: true,
		`{"a b":"1970-01-01T00:00:10Z"}`:       true,
		`{"":"1970-01-01T00:00:10Z"}`:          true,
		`{"a.` + strings.Repeat("b", 316) + `":"1970-01-01T00:00:10Z"}`: true,
	} {
		_, got := claims.Parse(text)
		NewWithT(t).Expect(got).To(Equal(malformed), text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"gateway.a":"1970-01-01T00:00:10Z"}`)
	f.Add(`{"gateway.a":"9999-12-31T23:59:59.999999999+23:59"}`)
	f.Fuzz(func(t *testing.T, text string) {
		g := NewWithT(t)
		parsed, _ := claims.Parse(text)
		again, malformed := claims.Parse(parsed.String())
		g.Expect(malformed).To(BeFalse())
		g.Expect(again).To(HaveLen(len(parsed)))
	})
}
