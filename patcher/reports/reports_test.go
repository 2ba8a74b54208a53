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

package reports

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
)

var (
	up   = reachability.Report{Up: []reachability.Key{1, 2}}
	down = reachability.Report{Down: []reachability.Key{1}, Up: []reachability.Key{2}}
)

// dnsServers serve at 127.0.0.1, 127.0.0.2 and so on, at one port.
type dnsServers struct {
	port      string
	addresses []netip.Addr
}

func serve(t *testing.T, handlers ...http.HandlerFunc) *dnsServers {
	t.Helper()
	g := NewWithT(t)
	s := &dnsServers{}
	for i, handler := range handlers {
		address := netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)})
		port := s.port
		if port == "" {
			port = "0"
		}
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(address.String(), port))
		g.Expect(err).NotTo(HaveOccurred())
		_, s.port, err = net.SplitHostPort(listener.Addr().String())
		g.Expect(err).NotTo(HaveOccurred())
		server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}}
		server.Start()
		t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
		s.addresses = append(s.addresses, address)
	}
	return s
}

func says(report reachability.Report) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(report.Encode()) }
}

func TestADNSServerSpoilsItsOwnReportOnly(t *testing.T) {
	t.Parallel()
	var redirected atomic.Bool
	var sent atomic.Int64
	for name, bad := range map[string]http.HandlerFunc{
		"lies":          says(down),
		"sends garbage": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"fails":         func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
		"sends no end": func(w http.ResponseWriter, _ *http.Request) {
			n, _ := io.CopyN(w, zeros{}, 1<<30)
			sent.Store(n)
		},
		"is silent":      func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"sends slowly":   dribble,
		"sends a header": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", string(make([]byte, 1<<20))) },
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/report" {
				redirected.Store(true)
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			servers := serve(t, says(up), bad, says(up))
			reports, failures := newReplicas().ask(t.Context(), servers.port, servers.addresses)
			g.Expect(len(reports) + len(failures)).To(Equal(3))
			g.Expect(reachability.Merge(reports)).To(Equal(up))
			for _, err := range failures {
				g.Expect(len(err.Error())).To(BeNumerically("<=", maxReason))
			}
		})
	}
	t.Cleanup(func() {
		g := NewWithT(t)
		g.Expect(redirected.Load()).To(BeFalse(), "a redirect was followed")
		g.Expect(sent.Load()).To(BeNumerically("<", 32<<20), "more was read than fits the buffers of the sockets")
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// dribble sends one byte after the other until the client has had enough.
func dribble(w http.ResponseWriter, r *http.Request) {
	for _, err := io.WriteString(w, " "); err == nil && r.Context().Err() == nil; _, err = io.WriteString(w, " ") {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func TestABoundedNumberOfDNSServersIsAsked(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var addresses []netip.Addr
	for i := range 1000 {
		addresses = append(addresses, netip.AddrFrom4([4]byte{127, 1, byte(i / 250), byte(i%250 + 1)}))
	}
	_, failures := newReplicas().ask(t.Context(), "1", append(addresses, addresses...))
	g.Expect(failures).To(HaveLen(maxReplicas))
}

// world is an API server, and dns-servers that all report the same.
type world struct {
	client.Client
	collector *Collector
	clock     *testingclock.FakeClock
	report    atomic.Pointer[reachability.Report]
	requests  atomic.Int64
	registry  *prometheus.Registry
}

func newWorld(t *testing.T) *world {
	t.Helper()
	g := NewWithT(t)
	env, err := controlplane.New(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	config, err := env.Start()
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(env.Stop()).To(Succeed()) })
	w := &world{clock: testingclock.NewFakeClock(time.Unix(1_000_000, 0)), registry: prometheus.NewRegistry()}
	w.Client, err = client.New(config, client.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: xccv1.WorkloadNamespace}})).To(Succeed())

	w.report.Store(&reachability.Report{})
	handler := func(response http.ResponseWriter, _ *http.Request) { _, _ = response.Write(w.report.Load().Encode()) }
	servers := serve(t, handler, handler)
	port, err := strconv.ParseUint(servers.port, 10, 16)
	g.Expect(err).NotTo(HaveOccurred())
	counted := rest.CopyConfig(config)
	counted.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) { w.requests.Add(1); return next.RoundTrip(request) })
	})
	w.collector, err = New(counted, Options{
		Namespace: xccv1.WorkloadNamespace, Port: uint16(port), Clock: w.clock,
		Resolve: func(context.Context) ([]netip.Addr, error) { return servers.addresses, nil },
	}, w.registry)
	g.Expect(err).NotTo(HaveOccurred())
	return w
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

func (w *world) stored(ctx context.Context) string {
	configMap := &corev1.ConfigMap{}
	err := w.Get(ctx, client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.ReachabilityName}, configMap)
	if apierrors.IsNotFound(err) {
		return "none"
	} else if err != nil {
		return err.Error()
	}
	return configMap.Data[reachability.DataKey]
}

func TestTheReportIsWrittenIfItHasChanged(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	w := newWorld(t)
	round := func(report reachability.Report) (wait time.Duration, requests int64) {
		before := w.requests.Load()
		w.report.Store(&report)
		return w.collector.round(ctx), w.requests.Load() - before
	}

	t.Log("Without a probed gateway, the ConfigMap is read once and never written")
	for i, want := range []int64{1, 0, 0} {
		wait, requests := round(reachability.Report{})
		g.Expect(wait).To(Equal(idleInterval))
		g.Expect(requests).To(Equal(want), fmt.Sprint("round ", i))
	}
	g.Expect(w.stored(ctx)).To(Equal("none"))

	t.Log("A verdict is written once")
	for _, want := range []int64{1, 0, 0} {
		wait, requests := round(up)
		g.Expect(wait).To(Equal(interval))
		g.Expect(requests).To(Equal(want))
		w.clock.Step(interval)
	}
	g.Expect(w.stored(ctx)).To(Equal(string(up.Encode())))

	t.Log("Gateways that flap cause a write per 10 seconds")
	writes := int64(0)
	for i := range 24 {
		_, requests := round([]reachability.Report{down, up}[i%2])
		writes += requests
		w.clock.Step(interval - interval/5) // With the most jitter.
	}
	g.Expect(writes).To(BeNumerically("<=", 10), "in 96 seconds")
	g.Expect(writes).To(BeNumerically(">", 2))

	t.Log("An edit by another writer is overwritten with the next change")
	w.clock.Step(writeInterval)
	round(up)
	configMap := &corev1.ConfigMap{}
	g.Expect(w.Get(ctx, client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.ReachabilityName}, configMap)).To(Succeed())
	configMap.Data[reachability.DataKey] = "edited"
	g.Expect(w.Update(ctx, configMap)).To(Succeed())
	for range 4 {
		w.clock.Step(writeInterval)
		round(down)
	}
	g.Expect(w.stored(ctx)).To(Equal(string(down.Encode())))

	t.Log("Without a health check, the report is emptied and the rounds become rare")
	w.clock.Step(writeInterval)
	wait, _ := round(reachability.Report{})
	g.Expect(wait).To(Equal(idleInterval))
	g.Expect(w.stored(ctx)).To(Equal(string(reachability.Report{}.Encode())))

	t.Log("Without a dns-server, nothing is written")
	w.collector.resolve = func(context.Context) ([]netip.Addr, error) { return nil, io.EOF }
	wait, requests := round(up)
	g.Expect(wait).To(Equal(idleInterval))
	g.Expect(requests).To(BeZero())
	g.Expect(testutil.GatherAndCount(w.registry, "xcc_reachability_reports_total", "xcc_reachability_writes_total")).To(Equal(3))
}
