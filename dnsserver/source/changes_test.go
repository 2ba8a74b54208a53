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
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// named returns a slice with two names.
func named(name, hostname, additional, address string) *discoveryv1.EndpointSlice {
	slice := endpointSlice(name, hostname, address)
	slice.Annotations[xccv1.AdditionalHostnamesAnnotation] = additional
	return slice
}

func TestEveryNameOfASliceFollowsIt(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	source, store := newSource(), emptyStore()
	g.Expect(store.Replace([]any{named("a", "a.xcc.test", "b.xcc.test", "10.0.0.1"), endpointSlice("c", "b.xcc.test", "10.0.0.2")}, "")).To(Succeed())
	source.apply(t.Context(), store.take())
	g.Expect(served(source, "a.xcc.test")).To(ContainSubstring("[10.0.0.1]"))
	g.Expect(served(source, "b.xcc.test")).To(ContainSubstring("[10.0.0.1 10.0.0.2]"))

	g.Expect(store.Update(named("a", "d.xcc.test", "a.xcc.test", "10.0.0.3"))).To(Succeed())
	source.apply(t.Context(), store.take())
	g.Expect(served(source, "a.xcc.test")).To(ContainSubstring("[10.0.0.3]"))
	g.Expect(served(source, "b.xcc.test")).To(ContainSubstring("[10.0.0.2]"))
	g.Expect(served(source, "d.xcc.test")).To(ContainSubstring("[10.0.0.3]"))

	g.Expect(store.Delete(named("a", "", "", ""))).To(Succeed())
	source.apply(t.Context(), store.take())
	g.Expect(served(source, "a.xcc.test")).To(Equal("1 []"), "NXDOMAIN")
	g.Expect(store.groups).To(HaveLen(1))
}

// Fields that are not served, and a new list after a broken watch, cause no change.
func TestWhatSaysTheSameIsNoChange(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	store := emptyStore()
	slice := named("a", "a.xcc.test", "b c,b.xcc.test", "10.0.0.1")
	g.Expect(store.Replace([]any{slice}, "")).To(Succeed())
	g.Expect(store.changed).To(Receive())
	g.Expect(store.take()).To(HaveLen(3), "two names, and one that is none")

	again := slice.DeepCopy()
	again.Labels = map[string]string{"other": "label"}
	g.Expect(store.Update(again)).To(Succeed())
	g.Expect(store.changed).NotTo(Receive())
	g.Expect(store.Replace([]any{again}, "")).To(Succeed())
	g.Expect(store.take()).To(BeEmpty())
}

func TestChangesAreTimedFromTheirArrival(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	source, store := newSource(), emptyStore()
	timed := func() (count uint64, sum float64) {
		families, err := source.Metrics.Registry().Gather()
		g.Expect(err).NotTo(HaveOccurred())
		for _, family := range families {
			if family.GetName() == "xcc_dns_propagation_seconds" {
				histogram := family.GetMetric()[0].GetHistogram()
				return histogram.GetSampleCount(), histogram.GetSampleSum()
			}
		}
		return 0, 0
	}
	g.Expect(store.Replace([]any{endpointSlice("a", "a.xcc.test", "10.0.0.1")}, "")).To(Succeed())
	source.apply(t.Context(), store.take())
	count, _ := timed()
	g.Expect(count).To(BeZero(), "the first list is no change")

	g.Expect(store.Update(named("a", "a.xcc.test", "b.xcc.test", "10.0.0.2"))).To(Succeed())
	g.Expect(store.Update(named("a", "a.xcc.test", "b.xcc.test", "10.0.0.3"))).To(Succeed())
	changed := store.take()
	for key, group := range changed {
		// As if it had arrived a minute ago.
		group.since = group.since.Add(-time.Minute)
		changed[key] = group
	}
	source.apply(t.Context(), changed)
	count, sum := timed()
	g.Expect(count).To(Equal(uint64(2)), "two names")
	g.Expect(sum).To(And(BeNumerically(">=", 120), BeNumerically("<", 180)), "seconds")
}

func TestChangesAreLoggedOnceASecondAtMost(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	logged := func() []string {
		var found []string
		for line := range strings.Lines(logger.GetSink().(ktesting.Underlier).GetBuffer().String()) {
			if _, rest, ok := strings.Cut(line, "Serving changes"); ok {
				found = append(found, strings.TrimSpace(rest))
			}
		}
		return found
	}
	source, store := newSource(), emptyStore()
	ctx := klog.NewContext(t.Context(), logger)
	change := func(name, address string) {
		g.Expect(store.Update(endpointSlice(name, name+".xcc.test", address))).To(Succeed())
		source.apply(ctx, store.take())
	}
	g.Expect(store.Replace(nil, "")).To(Succeed())
	source.apply(ctx, store.take())
	g.Expect(source.changes.due()).To(BeNil())

	change("a", "10.0.0.1")
	g.Expect(logged()).To(HaveLen(1), "a change that comes alone is told at once")
	g.Expect(logged()[0]).To(And(ContainSubstring("changes=1"), ContainSubstring(`example="a.xcc.test"`)))
	change("b", "10.0.0.1")
	change("c", "10.0.0.1")
	g.Expect(logged()).To(HaveLen(1))
	g.Expect(source.changes.due()).NotTo(BeNil())
	source.changes.write(logger, time.Now().Add(logRest))
	g.Expect(logged()).To(HaveLen(2))
	g.Expect(logged()[1]).To(And(ContainSubstring("changes=2"), ContainSubstring(`example="b.xcc.test"`)))
	g.Expect(source.changes.due()).To(BeNil())
}
