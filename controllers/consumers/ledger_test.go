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

package consumers

import (
	"fmt"
	"iter"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
)

// publishing returns the Fingerprints of GatewayDNS.
func publishing(all ...xccv1.GatewayDNS) iter.Seq2[client.ObjectKey, Fingerprint] {
	return func(yield func(client.ObjectKey, Fingerprint) bool) {
		for i := range all {
			if !yield(client.ObjectKeyFromObject(&all[i]), FingerprintOf(&all[i])) {
				return
			}
		}
	}
}

func newLedger(t *testing.T) *Ledger {
	t.Helper()
	metrics, err := NewMetrics(prometheus.NewRegistry(), nil)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return NewLedger(metrics)
}

func key(name string) client.ObjectKey { return client.ObjectKey{Namespace: "dev", Name: name} }

// gatewayDNS publishes an address.
func gatewayDNS(address string) xccv1.GatewayDNS {
	return xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "gw"},
		Status: xccv1.GatewayDNSStatus{Gateways: []xccv1.GatewayStatus{{
			Cluster: "a", Hostname: "*.gateway.a.dev.clusters.xcc.test", State: xccv1.GatewayResolved, Addresses: []string{address},
			LastTransitionTime: metav1.NewTime(time.Unix(1000, 0)),
		}}},
	}
}

// describe returns a summary as "current/total, cluster: reason, ...".
func describe(summary *xccv1.ConsumersStatus) string {
	text := fmt.Sprintf("%d/%d", *summary.Current, *summary.Total)
	for _, consumer := range summary.Lagging {
		text += ", " + consumer.Cluster + ": " + string(consumer.Reason)
	}
	return text
}

func TestSummary(t *testing.T) {
	t.Parallel()
	one, two := gatewayDNS("192.0.2.1"), gatewayDNS("192.0.2.2")
	all := []string{"a", "b"}
	no := Refusal{Reason: xccv1.LagWriteFailed, Message: "no"}
	for name, test := range map[string]struct {
		happens   func(*Ledger)
		summary   string
		unsettled bool
		// later is the summary when settling and patience are over.
		later string
	}{
		"nobody was asked yet": {func(*Ledger) {}, "0/0", true, "0/0"},
		"both hold it": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Held(key("b"), publishing(one), nil, 1)
		}, "2/2", false, "2/2"},
		"one holds what was before": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Held(key("b"), publishing(two), nil, 1)
		}, "1/2, b: Pending", true, "1/2, b: Pending"},
		"one does not consume": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Absent(key("b"))
		}, "1/1", false, "1/1"},
		"one consumes no longer": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Held(key("b"), publishing(one), nil, 1)
			l.Absent(key("b"))
		}, "1/1", false, "1/1"},
		"one is paused": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Held(key("b"), publishing(one), nil, 1)
			l.Lags(key("b"), xccv1.LagPaused, "why")
		}, "1/2, b: Paused", false, "1/2, b: Paused"},
		"one was refused a record": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Held(key("b"), publishing(one), map[client.ObjectKey]Refusal{key("gw"): no}, 1)
		}, "1/2, b: WriteFailed", false, "1/2, b: WriteFailed"},
		"one has somebody else's": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Held(key("b"), publishing(one), map[client.ObjectKey]Refusal{key("gw"): {Reason: xccv1.LagNameTaken}}, 1)
		}, "1/2, b: NameTaken", false, "1/2, b: NameTaken"},
		"one was refused another's record": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Held(key("b"), publishing(one), map[client.ObjectKey]Refusal{key("other"): no}, 1)
		}, "2/2", false, "2/2"},
		"one was refused that of another's namespace": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Held(key("b"), publishing(one), map[client.ObjectKey]Refusal{{Namespace: "other", Name: "gw"}: no}, 1)
		}, "2/2", false, "2/2"},
		"one holds that of another's namespace, too": {func(l *Ledger) {
			theirs := two
			theirs.Namespace = "other"
			l.Held(key("a"), publishing(one, theirs), nil, 2)
			l.Held(key("b"), publishing(theirs, one), nil, 2)
		}, "2/2", false, "2/2"},
		"one is about to be tried again": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Held(key("b"), publishing(one), map[client.ObjectKey]Refusal{key("gw"): {}}, 1)
		}, "1/2, b: Pending", true, "1/2, b: Pending"},
		"one fell silent": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Held(key("b"), publishing(one), nil, 1)
			l.Silent(key("b"), time.Now(), "why")
		}, "2/2", false, "1/2, b: Unreachable"},
		"one is silent since the start": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Silent(key("b"), time.Now(), "why")
		}, "1/2, b: Pending", true, "1/2, b: Unreachable"},
		"one was silent and is back": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Silent(key("b"), time.Now(), "why")
			l.Held(key("b"), publishing(one), nil, 1)
		}, "2/2", false, "2/2"},
		"one is gone": {func(l *Ledger) {
			l.Held(key("a"), publishing(one), nil, 1)
			l.Held(key("b"), publishing(one), nil, 1)
			l.Evict(key("b"))
		}, "1/1", true, "1/1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ledger := newLedger(t)
			test.happens(ledger)
			now := time.Now()
			summary, settled, _ := ledger.Summary(&one, all, now)
			g.Expect(describe(summary)).To(Equal(test.summary))
			g.Expect(settled).To(Equal(!test.unsettled))
			g.Expect(summary.ChangeTime.Time).To(Equal(time.Unix(1000, 0)))
			summary, settled, revisit := ledger.Summary(&one, all, now.Add(workload.Patience+settling))
			g.Expect(describe(summary)).To(Equal(test.later))
			g.Expect(settled).To(BeTrue())
			g.Expect(revisit).To(BeZero())
		})
	}
}

func TestAtMostAHundredClustersAreNamed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ledger := newLedger(t)
	one := gatewayDNS("192.0.2.1")
	var all []string
	for i := range 150 {
		all = append(all, fmt.Sprintf("cluster-%03d", i))
		ledger.Lags(key(all[i]), xccv1.LagPaused, "why")
	}
	summary, settled, _ := ledger.Summary(&one, all, time.Now())
	g.Expect(settled).To(BeTrue())
	g.Expect(*summary.Total).To(BeEquivalentTo(150))
	g.Expect(*summary.Current).To(BeZero())
	g.Expect(summary.Lagging).To(HaveLen(100))
	g.Expect(summary.Lagging[0].Cluster).To(Equal("cluster-000"))
}

func TestAFingerprintIsWhatIsPublished(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	one, same := gatewayDNS("192.0.2.1"), gatewayDNS("192.0.2.1")
	same.Status.Gateways[0].State, same.Status.Gateways[0].Message = xccv1.GatewayUnreachable, "other"
	g.Expect(FingerprintOf(&same)).To(Equal(FingerprintOf(&one)))
	first := func(change func(*xccv1.GatewayStatus)) func(*xccv1.GatewayDNS) {
		return func(gatewayDNS *xccv1.GatewayDNS) { change(&gatewayDNS.Status.Gateways[0]) }
	}
	for name, change := range map[string]func(*xccv1.GatewayDNS){
		"another address": first(func(s *xccv1.GatewayStatus) { s.Addresses = []string{"192.0.2.2"} }),
		"another name":    first(func(s *xccv1.GatewayStatus) { s.Hostname = "*.internal.a.dev.clusters.xcc.test" }),
		"a port":          first(func(s *xccv1.GatewayStatus) { s.Ports = []xccv1.GatewayPort{{Name: "http", Protocol: "TCP", Port: 80}} }),
		"nothing":         first(func(s *xccv1.GatewayStatus) { s.State = xccv1.GatewayConflicted }),
		"a weight": first(func(s *xccv1.GatewayStatus) {
			s.Shared = &xccv1.GatewayShare{Priority: new(int32), Weight: new(int32(2))}
		}),
		"a shared name":  func(gatewayDNS *xccv1.GatewayDNS) { gatewayDNS.Status.SharedHostname = "*.shop.dev.gateways.xcc.test" },
		"a health check": func(gatewayDNS *xccv1.GatewayDNS) { gatewayDNS.Spec.HealthCheck = &xccv1.HealthCheck{} },
		"localities": func(gatewayDNS *xccv1.GatewayDNS) {
			gatewayDNS.Spec.Shared = &xccv1.SharedName{Locality: &xccv1.SharedLocality{Labels: []string{"site"}}}
		},
	} {
		other := gatewayDNS("192.0.2.1")
		change(&other)
		g.Expect(FingerprintOf(&other)).NotTo(Equal(FingerprintOf(&one)), name)
	}
}

func TestAFingerprintIsComputedForEachVersion(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ledger := newLedger(t)
	one, two := gatewayDNS("192.0.2.1"), gatewayDNS("192.0.2.2")
	one.ResourceVersion, two.ResourceVersion = "1", "2"
	for _, version := range []xccv1.GatewayDNS{one, two, one} {
		g.Expect(ledger.book("dev").fingerprintOf(&version)).To(Equal(FingerprintOf(&version)))
	}
	recreated := two
	recreated.ResourceVersion, recreated.UID = "1", "other"
	g.Expect(ledger.book("dev").fingerprintOf(&recreated)).To(Equal(FingerprintOf(&two)))
}

func TestPropagationIsMeasuredOncePerChangeAndConsumer(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ledger := newLedger(t)
	one, two, three := gatewayDNS("192.0.2.1"), gatewayDNS("192.0.2.2"), gatewayDNS("192.0.2.3")
	held := func(cluster string, what xccv1.GatewayDNS) {
		ledger.Held(key(cluster), publishing(what), nil, 1)
	}
	held("a", one)
	held("b", one)
	g.Expect(sampled(t, ledger)).To(BeZero(), "what was there before is no change")

	ledger.Publishing(&two, time.Now())
	ledger.Publishing(&two, time.Now())
	held("a", two)
	held("a", two)
	g.Expect(sampled(t, ledger)).To(BeEquivalentTo(1))
	t.Log("b did not hold the second when the third came: it is measured from the second")
	ledger.Publishing(&three, time.Now().Add(time.Hour))
	held("b", three)
	g.Expect(sampled(t, ledger)).To(BeEquivalentTo(2))
	g.Expect(testutil.ToFloat64(ledger.metrics.records.WithLabelValues("dev", "b"))).To(BeEquivalentTo(1))
}

// sampled returns how many times propagation was measured, none of them negative.
func sampled(t *testing.T, ledger *Ledger) uint64 {
	t.Helper()
	g := NewWithT(t)
	registry := prometheus.NewRegistry()
	g.Expect(registry.Register(ledger.metrics.propagation)).To(Succeed())
	families, err := registry.Gather()
	g.Expect(err).NotTo(HaveOccurred())
	histogram := families[0].GetMetric()[0].GetHistogram()
	g.Expect(histogram.GetSampleSum()).To(BeNumerically(">=", 0))
	return histogram.GetSampleCount()
}

// A cluster that refuses records with another message each time would otherwise be a write of the status each time.
func TestAnotherReasonForSilenceIsShown(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ledger := newLedger(t)
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(queue.ShutDown)
	g.Expect(ledger.Source().Start(t.Context(), queue)).To(Succeed())
	gw := gatewayDNS("192.0.2.1")
	ledger.Summary(&gw, []string{"a"}, time.Now())
	for _, message := range []string{"It does not answer", "It is beyond its budget"} {
		ledger.Silent(key("a"), time.Now(), message)
		g.Expect(queue.Len()).To(Equal(1), message)
		request, _ := queue.Get()
		queue.Done(request)
		summary, _, _ := ledger.Summary(&gw, []string{"a"}, time.Now().Add(workload.Patience))
		g.Expect(summary.Lagging[0].Message).To(Equal(message))
		ledger.Silent(key("a"), time.Now(), message)
		g.Expect(queue.Len()).To(BeZero(), "the same again wakes nothing")
	}
}

// TestAClusterThatWaitsToBeConnectedIsNotCountedOut has one of two consumers that was not asked yet.
func TestAClusterThatWaitsToBeConnectedIsNotCountedOut(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ledger := newLedger(t)
	gw := gatewayDNS("192.0.2.1")
	ledger.Held(key("a"), publishing(gw), nil, 1)
	now := ledger.started
	summarize := func() (string, bool) {
		summary, settled, _ := ledger.Summary(&gw, []string{"a", "b"}, now)
		return fmt.Sprintf("%d of %d", *summary.Current, *summary.Total), settled
	}
	for range 5 {
		now = now.Add(workload.Patience / 2)
		ledger.Undecided(key("b"), now)
		_, settled := summarize()
		g.Expect(settled).To(BeFalse())
		g.Expect(ledger.Consumes(key("b"))).To(BeFalse())
	}
	ledger.Held(key("b"), publishing(gw), nil, 1)
	counts, settled := summarize()
	g.Expect(settled).To(BeTrue())
	g.Expect(counts).To(Equal("2 of 2"))

	t.Log("One that does not answer once it was tried is none")
	ledger.Evict(key("b"))
	ledger.Undecided(key("b"), now)
	now = now.Add(workload.Patience)
	counts, settled = summarize()
	g.Expect(settled).To(BeTrue())
	g.Expect(counts).To(Equal("1 of 1"))
}

func TestTheTroubleOfOneClusterIsPaced(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ledger := newLedger(t)
	gw := gatewayDNS("192.0.2.1")
	now := time.Now()
	summarize := func() (*xccv1.ConsumersStatus, time.Duration) {
		summary, _, revisit := ledger.Summary(&gw, []string{"a", "b"}, now)
		return summary, revisit
	}
	ledger.Held(key("a"), publishing(gw), nil, 1)
	ledger.Held(key("b"), publishing(gw), nil, 1)
	shown := map[string]bool{}
	_, revisit := summarize()
	for i := range 10 * pacing.Burst {
		ledger.Lags(key("a"), xccv1.LagWriteFailed, fmt.Sprintf("no, for the %dth time", i))
		var summary *xccv1.ConsumersStatus
		summary, revisit = summarize()
		shown[summary.Lagging[0].Message] = true
	}
	g.Expect(shown).To(HaveLen(pacing.Burst))
	g.Expect(revisit).To(And(BeNumerically(">", 0), BeNumerically("<=", 10*time.Second)))

	ledger.Lags(key("b"), xccv1.LagWriteFailed, "no")
	summary, _ := summarize()
	g.Expect(describe(summary)).To(Equal("0/2, a: WriteFailed, b: WriteFailed"), "another cluster's change is not delayed")

	now = now.Add(revisit)
	summary, _ = summarize()
	g.Expect(summary.Lagging[0].Message).To(ContainSubstring("499th"), "what was delayed is not lost")
	ledger.Held(key("a"), publishing(gw), nil, 1)
	summary, _ = summarize()
	g.Expect(describe(summary)).To(Equal("1/2, b: WriteFailed"), "the end of trouble is not delayed")

	ledger.Evict(key("a"))
	ledger.EvictGatewayDNS(client.ObjectKeyFromObject(&gw))
	g.Expect(ledger.book("dev").shown).To(BeEmpty())
}

func TestWhatIsDoneForANamespaceDoesNotWaitForAnotherOne(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ledger := newLedger(t)
	defer ledger.open("busy").mu.Unlock()
	done := make(chan string)
	go func() {
		published := gatewayDNS("192.0.2.1")
		ledger.Publishing(&published, time.Now())
		ledger.Held(key("a"), publishing(published), nil, 1)
		ledger.Lags(key("b"), xccv1.LagPaused, "paused")
		ledger.Absent(key("c"))
		ledger.Evict(key("c"))
		summary, _, _ := ledger.Summary(&published, []string{"a", "b"}, time.Now())
		done <- describe(summary)
	}()
	g.Eventually(done).Should(Receive(Equal("1/2, b: Paused")))
}
