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

package source

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/metrics"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

var zones = []string{"xcc.test"}

func endpointSlice(name, hostname, address string) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: xccv1.WorkloadNamespace, Name: name,
			Annotations:   map[string]string{xccv1.DNSHostnameAnnotation: hostname},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "test"}},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{address}}},
	}
}

func newSource() *Source {
	source := &Source{Zones: zones, Metrics: metrics.New(), Packer: answer.Packer{}, Aliases: followed{}, HasIPv4: true}
	source.connect(func([]string) {})
	return source
}

func emptyStore() *store { return newStore(zones, netaddr.Judge{}, func() {}) }

// followed counts the names that are an alias for each target.
type followed map[string]int

func (f followed) Follow(target string) { f[target]++ }

func (f followed) Unfollow(target string) {
	if f[target]--; f[target] == 0 {
		delete(f, target)
	}
}

func (f followed) Keep(target string)    { f.Follow(target) }
func (f followed) Release(target string) { f.Unfollow(target) }

func (f followed) Peek(string, uint16) *alias.Answer { return nil }

// served returns the source's answer for the name, as text.
func served(s *Source, name string) string {
	result := s.Snapshot().Lookup([]byte(name), dns.TypeA)
	return fmt.Sprint(result.Kind, result.Addresses)
}

func TestOrderOfEventsDoesNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		g := NewWithT(t)
		random := rand.New(rand.NewPCG(seed, 0))
		cluster := map[string]*discoveryv1.EndpointSlice{}
		events := emptyStore()
		g.Expect(events.Replace(nil, "")).To(Succeed())
		source := newSource()
		for range 50 {
			// Few names for few slices, so that slices share, take over and lose names.
			name := fmt.Sprintf("slice-%d", random.IntN(4))
			slice := endpointSlice(name, fmt.Sprintf("n%d.xcc.test", random.IntN(3)), fmt.Sprintf("10.0.0.%d", random.IntN(3)))
			old, exists := cluster[name]
			switch what := random.IntN(4); {
			case what == 0 && exists:
				delete(cluster, name)
				g.Expect(events.Delete(old)).To(Succeed())
				continue
			case what == 1:
				delete(slice.Annotations, xccv1.DNSHostnameAnnotation)
			case what == 2:
				slice.Endpoints = nil
			}
			cluster[name] = slice
			if exists {
				g.Expect(events.Update(slice)).To(Succeed())
			} else {
				g.Expect(events.Add(slice)).To(Succeed())
			}
			source.apply(t.Context(), events.take())
		}
		source.apply(t.Context(), events.take())

		var listed []any
		for _, slice := range cluster {
			listed = append(listed, slice)
		}
		fresh, list := newSource(), emptyStore()
		g.Expect(list.Replace(listed, "")).To(Succeed())
		fresh.apply(t.Context(), list.take())
		for i := range 3 {
			name := fmt.Sprintf("n%d.xcc.test", i)
			g.Expect(served(source, name)).To(Equal(served(fresh, name)), "seed %d: %s", seed, name)
		}
	}
}

func TestAListFindsDeletesThatTheWatchMissed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	source, store := newSource(), emptyStore()
	g.Expect(store.Replace([]any{endpointSlice("a", "a.xcc.test", "10.0.0.1"), endpointSlice("b", "b.xcc.test", "10.0.0.2")}, "")).To(Succeed())
	source.apply(t.Context(), store.take())
	before := served(source, "b.xcc.test")
	g.Expect(store.Replace([]any{endpointSlice("b", "b.xcc.test", "10.0.0.2")}, "")).To(Succeed())
	source.apply(t.Context(), store.take())
	g.Expect(served(source, "a.xcc.test")).To(Equal("1 []"), "NXDOMAIN")
	g.Expect(served(source, "b.xcc.test")).To(Equal(before))
}

func TestTargetsOfAliasesAreFollowedWhileTheyAreServed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	source, store, targets := newSource(), emptyStore(), followed{}
	source.Aliases = targets
	alias := func(name, hostname, target string) *discoveryv1.EndpointSlice {
		slice := endpointSlice(name, hostname, target)
		slice.AddressType = discoveryv1.AddressTypeFQDN
		return slice
	}
	for _, step := range []struct {
		about  string
		change func() error
		want   followed
	}{
		{"two names for one target, and one of our own", func() error {
			return store.Replace([]any{
				alias("a", "a.xcc.test", "lb.example.com"), alias("b", "b.xcc.test", "LB.example.com"), alias("c", "c.xcc.test", "a.xcc.test"),
			}, "")
		}, followed{"lb.example.com": 2}},
		{"nothing changes", func() error { return store.Update(alias("a", "a.xcc.test", "lb.example.com")) }, followed{"lb.example.com": 2}},
		{"another target", func() error { return store.Update(alias("a", "a.xcc.test", "lb2.example.com")) }, followed{"lb.example.com": 1, "lb2.example.com": 1}},
		{"addresses win", func() error { return store.Add(endpointSlice("b2", "b.xcc.test", "10.0.0.1")) }, followed{"lb2.example.com": 1}},
		{"the addresses go", func() error { return store.Delete(endpointSlice("b2", "", "")) }, followed{"lb.example.com": 1, "lb2.example.com": 1}},
		{"all go", func() error { return store.Replace(nil, "") }, followed{}},
	} {
		g.Expect(step.change()).To(Succeed())
		source.apply(t.Context(), store.take())
		g.Expect(targets).To(Equal(step.want), step.about)
	}
}

func TestEverySignOfLifeOfTheAPIServerIsASync(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	syncs := 0
	store := newStore(zones, netaddr.Judge{}, func() { syncs++ })
	g.Expect(store.Replace(nil, "")).To(Succeed())
	g.Expect(syncs).To(Equal(1))
	store.UpdateResourceVersion("7")
	g.Expect(syncs).To(Equal(2))
}

// A change costs as much as it changes, however many slices there are.
func TestAChangeAmongManyIsServedAtOnce(t *testing.T) {
	g := NewWithT(t)
	source, store := newSource(), emptyStore()
	var all []any
	for i := range 10_000 {
		all = append(all, endpointSlice(fmt.Sprintf("slice-%d", i), fmt.Sprintf("*.gateway.c%d.ns.clusters.xcc.test", i), "10.0.0.1"))
	}
	g.Expect(store.Replace(all, "")).To(Succeed())
	source.apply(t.Context(), store.take())
	var took []time.Duration
	for i := range 20 {
		g.Expect(store.Update(endpointSlice("slice-5000", "*.gateway.c5000.ns.clusters.xcc.test", fmt.Sprintf("10.0.1.%d", i)))).To(Succeed())
		changed := store.take()
		g.Expect(changed).To(HaveLen(1), "one name is looked at")
		took = append(took, source.apply(t.Context(), changed))
		g.Expect(served(source, "x.gateway.c5000.ns.clusters.xcc.test")).To(ContainSubstring(fmt.Sprintf("10.0.1.%d]", i)))
	}
	slices.Sort(took)
	g.Expect(took[len(took)/2]).To(BeNumerically("<", 10*time.Millisecond), "the median of %v", took)
}

func TestAnyNumberOfChangesIsOneSignal(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	store := emptyStore()
	g.Expect(store.changed).NotTo(Receive(), "nothing is known before the first list")
	g.Expect(store.Replace(nil, "")).To(Succeed())
	g.Expect(store.Add(endpointSlice("a", "a.xcc.test", "10.0.0.1"))).To(Succeed())
	g.Expect(store.Update(endpointSlice("a", "a.xcc.test", "10.0.0.2"))).To(Succeed())
	g.Expect(store.changed).To(Receive())
	g.Expect(store.changed).NotTo(Receive())

	other := endpointSlice("b", "", "10.0.0.1")
	other.Annotations = nil
	g.Expect(store.Add(other)).To(Succeed())
	g.Expect(store.Delete(other)).To(Succeed())
	g.Expect(store.changed).NotTo(Receive(), "a slice that asks for no name changes nothing")
}

func TestTheTransformerDropsWhatIsNotUsed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	object, err := emptyStore().Transformer()(endpointSlice("a", "a.xcc.test", "10.0.0.1"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(object.(*discoveryv1.EndpointSlice).ManagedFields).To(BeEmpty())
}

func TestAProblemIsLoggedOnceAndCounted(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	ctx := klog.NewContext(t.Context(), logger)
	source, store := newSource(), emptyStore()
	ignored := func() map[string]float64 {
		families, err := source.Metrics.Registry().Gather()
		g.Expect(err).NotTo(HaveOccurred())
		counts := map[string]float64{}
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				if family.GetName() == "xcc_dns_slices_ignored" && metric.GetGauge().GetValue() != 0 {
					counts[metric.GetLabel()[0].GetValue()] = metric.GetGauge().GetValue()
				}
			}
		}
		return counts
	}
	logged := func() int {
		return strings.Count(logger.GetSink().(ktesting.Underlier).GetBuffer().String(), "Not serving all of an EndpointSlice")
	}

	bad := endpointSlice("bad", "not a name", "10.0.0.1")
	twice := endpointSlice("twice", "twice.xcc.test", "first")
	twice.Endpoints = append(twice.Endpoints, discoveryv1.Endpoint{Addresses: []string{"second"}}, discoveryv1.Endpoint{Addresses: []string{"10.0.0.1"}})
	g.Expect(store.Replace([]any{bad, twice}, "")).To(Succeed())
	for range 3 {
		source.apply(ctx, store.take())
	}
	g.Expect(logged()).To(Equal(3), "one line for each of three problems")
	g.Expect(ignored()).To(Equal(map[string]float64{"invalid_address": 1, "invalid_hostname": 1}), "slices are counted, not problems")

	g.Expect(store.Update(endpointSlice("bad", "not.a name", "10.0.0.1"))).To(Succeed())
	source.apply(ctx, store.take())
	g.Expect(logged()).To(Equal(4), "another mistake is another line")

	alias := named("alias", "twice.xcc.test", "also.xcc.test", "lb.example.com")
	alias.AddressType = discoveryv1.AddressTypeFQDN
	g.Expect(store.Replace([]any{twice, endpointSlice("also", "also.xcc.test", "10.0.0.1"), alias}, "")).To(Succeed())
	source.apply(ctx, store.take())
	g.Expect(ignored()).To(Equal(map[string]float64{"invalid_address": 1, "alias_shadowed": 1}), "one slice, under both of its names")
	g.Expect(logged()).To(Equal(6), "a line for each name at which addresses win")

	g.Expect(store.Replace(nil, "")).To(Succeed())
	source.apply(ctx, store.take())
	g.Expect(ignored()).To(BeEmpty())
}
