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
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/wire"
)

const manySlices = 10_000

// numbered returns one of many slices, with an address that tells the version.
func numbered(i, version int) *discoveryv1.EndpointSlice {
	slice := endpointSlice(fmt.Sprintf("slice-%d", i), numberedName("*", i), fmt.Sprintf("10.%d.%d.%d", version>>16&255, version>>8&255, version&255))
	slice.ResourceVersion = fmt.Sprint(version + 2)
	return slice
}

func numberedName(label string, i int) string {
	return fmt.Sprintf("%s.gateway.c%d.ns.clusters.xcc.test", label, i)
}

// watched runs a source that lists many slices, and returns it with what its watch tells.
func watched(tb testing.TB) (*Source, *watch.RaceFreeFakeWatcher) {
	tb.Helper()
	g := NewWithT(tb)
	events := watch.NewRaceFreeFake()
	lister := &cache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			list := &discoveryv1.EndpointSliceList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}}
			for i := range manySlices {
				list.Items = append(list.Items, *numbered(i, 0))
			}
			return list, nil
		},
		WatchFuncWithContext: func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
			if options.SendInitialEvents != nil {
				return nil, apierrors.NewInvalid(schema.GroupKind{Kind: "ListOptions"}, "", nil)
			}
			return events, nil
		},
	}
	source := newSource()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); source.run(ctx, lister) }()
	tb.Cleanup(func() { cancel(); <-ended })
	g.Eventually(source.Snapshot, 30*time.Second).ShouldNot(BeNil(), "the list was read")
	return source, events
}

// answers returns whether the name has the address of a version.
func answers(s *Source, i, version int) bool {
	result := s.Snapshot().Lookup([]byte(numberedName("x", i)), dns.TypeA)
	return len(result.Addresses) == 1 && result.Addresses[0].String() == numbered(i, version).Endpoints[0].Addresses[0]
}

// BenchmarkChange measures from the event of the watch to the snapshot that answers it, one change among many slices.
func BenchmarkChange(b *testing.B) {
	source, events := watched(b)
	var took []time.Duration
	version := 0
	for b.Loop() {
		version++
		changed := numbered(version*7%manySlices, version)
		start := time.Now()
		events.Modify(changed)
		for !answers(source, version*7%manySlices, version) {
			time.Sleep(10 * time.Microsecond)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
}

// A client that asks without pause while 1,000 slices change each second always gets an answer that was true.
func TestQueriesAreAnsweredWhileMuchChanges(t *testing.T) {
	g := NewWithT(t)
	source, events := watched(t)
	server, err := wire.ListenUDP(t.Context(), "127.0.0.1:0", 1, &wire.Handler{Snapshot: source.Snapshot, TTL: 5})
	g.Expect(err).NotTo(HaveOccurred())
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	defer func() {
		g.Expect(server.Shutdown(context.WithoutCancel(t.Context()))).To(Succeed())
		g.Expect(<-served).To(Succeed())
	}()

	const perTick, ticks, tick = 10, 200, 10 * time.Millisecond
	changing := make(chan struct{})
	go func() {
		defer close(changing)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for i := range ticks {
			for j := range perTick {
				// The first slices change, the others stay.
				events.Modify(numbered((i*perTick+j)%1_000, 1+i))
			}
			<-ticker.C
		}
	}()
	conn, err := dns.Dial("udp", server.Addr().String())
	g.Expect(err).NotTo(HaveOccurred())
	defer conn.Close()
	var took []time.Duration
	for done := false; !done; {
		select {
		case <-changing:
			done = true
		default:
		}
		i := len(took) * 17 % manySlices
		start := time.Now()
		g.Expect(conn.SetDeadline(start.Add(10 * time.Second))).To(Succeed())
		g.Expect(conn.WriteMsg(new(dns.Msg).SetQuestion(numberedName("x", i)+".", dns.TypeA))).To(Succeed())
		response, err := conn.ReadMsg()
		g.Expect(err).NotTo(HaveOccurred(), "query %d", len(took))
		took = append(took, time.Since(start))
		g.Expect(response.Answer).To(HaveLen(1))
		if address := response.Answer[0].(*dns.A).A.String(); i >= 1_000 {
			g.Expect(address).To(Equal("10.0.0.0"), "this slice never changed")
		}
	}
	slices.Sort(took)
	t.Logf("%d queries while %d slices changed: median %s, p99 %s, slowest %s", len(took), perTick*ticks,
		took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	g.Eventually(func() bool { return answers(source, 999, ticks) }, 10*time.Second).Should(BeTrue(), "the last change is served")
}
