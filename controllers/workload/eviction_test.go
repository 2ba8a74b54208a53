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

package workload_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/consumers"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/fair"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/gatewaydns"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/health"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload/workloadtest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
)

const (
	// allClusters are created and deleted in waves of waveSize, as many as there are at a time. One of connectedEvery is
	// connected to an API server.
	allClusters, waveSize, connectedEvery = 10_000, 500, 100
	// heapMargin is how much larger the heap may be afterwards, in bytes. Each connected cluster leaves up to 180 kB for
	// 90 seconds, in net/http and client-go. After that the heap was smaller than before. An entry and a connection for
	// each Cluster would be 500 MB.
	heapMargin = 32 << 20
	// goroutineMargin is how many more goroutines there may be afterwards: those of the test's own connection. One that a
	// connection leaves behind is there for many of the hundred connected clusters.
	goroutineMargin = 5
	// clusterPrefix begins the names of the Clusters.
	clusterPrefix = "evicted-"
)

// world is a management cluster with Clusters, all of which the same GatewayDNS of their namespace selects.
type world struct{ *workloadtest.Management }

func (w world) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	into, ok := list.(*xccv1.GatewayDNSList)
	if !ok {
		return w.Management.List(ctx, list, options...)
	}
	var of client.ListOptions
	of.ApplyOptions(options)
	into.Items = []xccv1.GatewayDNS{{
		ObjectMeta: metav1.ObjectMeta{Namespace: of.Namespace, Name: "gw"}, Spec: xccv1.GatewayDNSSpec{Service: "projectcontour/envoy"},
	}}
	return nil
}

// someConnected connects one of connectedEvery clusters.
type someConnected struct{ *rest.Config }

func (c someConnected) GetRESTConfig(_ context.Context, cluster client.ObjectKey) (*rest.Config, error) {
	if !strings.HasSuffix(cluster.Name, "-connected") {
		return nil, clustercache.ErrClusterNotConnected
	}
	return c.Config, nil
}

// noQueue drops all requests.
type noQueue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
}

func (noQueue) Add(reconcile.Request) {}

// controllers are the controllers that keep something of Clusters, with all that they share.
type controllers struct {
	management   *workloadtest.Management
	clusters     *workload.Clusters
	ledger       *consumers.Ledger
	observations *gatewaydns.Observations
	health       *health.Reconciler
	observer     *gatewaydns.Observer
	records      *records.Reconciler
	metrics      *prometheus.Registry
}

func newControllers(t *testing.T) *controllers {
	t.Helper()
	g := NewWithT(t)
	scheme := clientgoscheme.Scheme
	g.Expect(clusterv1.AddToScheme(scheme)).To(Succeed())
	g.Expect(xccv1.AddToScheme(scheme)).To(Succeed())
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(clusterv1.GroupVersion.WithKind(clusterv1.ClusterKind), meta.RESTScopeNamespace)
	mgr, err := ctrl.NewManager(remoteConfig, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}, Controller: config.Controller{SkipNameValidation: new(true)},
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return mapper, nil },
	})
	g.Expect(err).NotTo(HaveOccurred())

	c := &controllers{management: &workloadtest.Management{}, metrics: prometheus.NewRegistry()}
	management := world{c.management}
	c.clusters = workloadtest.New(t, management, someConnected{remoteConfig}, workload.DefaultLimits())
	metrics, err := consumers.NewMetrics(c.metrics, nil)
	g.Expect(err).NotTo(HaveOccurred())
	c.ledger = consumers.NewLedger(metrics)
	c.clusters.OnEvict(c.ledger.Evict)
	c.observations = gatewaydns.NewObservations(c.clusters)
	view := func(name string) *workload.View {
		view := c.clusters.View(name)
		g.Expect(view.Source().Start(t.Context(), noQueue{})).To(Succeed())
		return view
	}
	c.health = &health.Reconciler{Client: management, Recorder: events.NewFakeRecorder(0), Workload: view("health"), Registerer: prometheus.NewRegistry()}
	c.observer = &gatewaydns.Observer{Client: management, Workload: view("observer"), Observations: c.observations, Zone: "xcc.test"}
	c.records = &records.Reconciler{
		Client: management, APIReader: management, Workload: view("records"), Zone: "xcc.test", Ledger: c.ledger, Metrics: metrics,
	}
	g.Expect(c.health.SetupWithManager(mgr, fair.Options(1))).To(Succeed())
	g.Expect(c.observer.SetupWithManager(mgr, fair.Options(1))).To(Succeed())
	g.Expect(c.records.SetupWithManager(mgr, fair.Options(1))).To(Succeed())
	return c
}

// reconcile reconciles Clusters with every controller.
func (c *controllers) reconcile(t *testing.T, clusters []*clusterv1.Cluster) {
	t.Helper()
	g := NewWithT(t)
	for _, cluster := range clusters {
		for _, reconciler := range []reconcile.Reconciler{c.health, c.observer, c.records} {
			g.Expect(reconciler.Reconcile(t.Context(), requestFor(cluster))).Error().NotTo(HaveOccurred())
		}
	}
}

// kept returns the maps of all controllers that hold one of the Clusters.
func (c *controllers) kept() []string {
	found := map[string]bool{}
	visited := map[unvisited]bool{}
	for _, root := range []any{c.clusters, c.ledger, c.observations, c.health, c.observer, c.records} {
		mapsWithClusters(reflect.ValueOf(root), fmt.Sprintf("%T", root), visited, found)
	}
	var all []string
	for path := range found {
		all = append(all, path)
	}
	return all
}

// wave returns Clusters, each in a namespace with others.
func wave(number int) []*clusterv1.Cluster {
	var clusters []*clusterv1.Cluster
	for i := range waveSize {
		n := number*waveSize + i
		name := fmt.Sprintf("%s%d", clusterPrefix, n)
		if n%connectedEvery == 0 {
			name += "-connected"
		}
		clusters = append(clusters, &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{
			Namespace: fmt.Sprintf("namespace-%d", n%100), Name: name, UID: types.UID(name), Labels: map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled},
		}})
	}
	return clusters
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // What finalizers of the first one released.
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return int64(now.HeapAlloc)
}

func TestTenThousandClustersLeaveNothing(t *testing.T) {
	g := NewWithT(t)
	c := newControllers(t)
	run := func(number int) {
		clusters := wave(number)
		c.management.Put(clusters...)
		workloadtest.Admit(c.clusters, clusters...)
		c.reconcile(t, clusters)
		if number == 0 {
			g.Expect(c.kept()).To(ContainElements(ContainSubstring("entries"), ContainSubstring("consumers")), "the search finds what is kept")
			g.Expect(workload.Entries(c.clusters)).To(Equal(waveSize))
		}
		c.management.Remove(clusters...)
		c.reconcile(t, clusters)
	}
	goroutines := runtime.NumGoroutine()
	ended := func() {
		g.Eventually(runtime.NumGoroutine).WithTimeout(time.Minute).Should(BeNumerically("<", goroutines+goroutineMargin), "goroutines of connections have ended")
	}
	run(0)
	ended()
	before := heap()
	for number := 1; number <= allClusters/waveSize; number++ {
		run(number)
	}
	g.Expect(c.kept()).To(BeEmpty(), "maps that still hold a Cluster")
	g.Expect(workload.Entries(c.clusters)).To(BeZero())
	g.Expect(testutil.GatherAndCount(c.metrics, "xcc_records_published")).To(BeZero())
	var after int64
	g.Eventually(func() int64 { after = heap(); return after - before }).WithTimeout(time.Minute).WithPolling(time.Second).
		Should(BeNumerically("<", heapMargin))
	ended()
	t.Logf("Heap before %d kB, after %d Clusters %d kB; goroutines before %d, after %d", before>>10, allClusters, after>>10, goroutines, runtime.NumGoroutine())
}

// unvisited identifies a value that is reached by a pointer.
type unvisited struct {
	address uintptr
	of      reflect.Type
}

const module = "github.com/cross-cluster-connectivity/"

// mapsWithClusters finds the maps that are reachable through types of this module and have a Cluster's name in a key.
func mapsWithClusters(value reflect.Value, path string, visited map[unvisited]bool, found map[string]bool) {
	switch value.Kind() {
	case reflect.Pointer:
		here := unvisited{value.Pointer(), value.Type()}
		if value.IsNil() || visited[here] {
			return
		}
		visited[here] = true
		mapsWithClusters(value.Elem(), path, visited, found)
	case reflect.Interface:
		// Watches write their errors in the background.
		if value.Type() != reflect.TypeFor[error]() && !value.IsNil() {
			mapsWithClusters(value.Elem(), path, visited, found)
		}
	case reflect.Struct:
		if value.Type().PkgPath() != "" && !strings.HasPrefix(value.Type().PkgPath(), module) {
			return
		}
		if value.Type() == reflect.TypeFor[pacing.Reads]() {
			return // A Cluster that is created anew gets no new burst, so its entry lasts until the burst is restored.
		}
		for i := range value.NumField() {
			mapsWithClusters(value.Field(i), path+"."+value.Type().Field(i).Name, visited, found)
		}
	case reflect.Slice, reflect.Array:
		for i := range value.Len() {
			mapsWithClusters(value.Index(i), path+"[]", visited, found)
		}
	case reflect.Map:
		for entries := value.MapRange(); entries.Next(); {
			if strings.Contains(textOf(entries.Key()), clusterPrefix) {
				found[path] = true
			}
			mapsWithClusters(entries.Value(), path+"[]", visited, found)
		}
	}
}

// textOf returns all strings in the key of a map.
func textOf(key reflect.Value) string {
	switch key.Kind() {
	case reflect.String:
		return key.String()
	case reflect.Struct:
		var text strings.Builder
		for _, field := range key.Fields() {
			text.WriteString(textOf(field) + "/")
		}
		return text.String()
	}
	return ""
}
