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
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload/workloadtest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/hostile"
)

// memoryMargin is what a cluster may cost on top of the manager: its budget in flight, the buffer and the text that a
// response is copied to when it is decoded, and what the garbage collector has not collected yet.
const memoryMargin = 400 << 20

// fleet is a workload cluster that is hostile, and one that is not.
type fleet struct {
	server     *hostile.Server
	management *workloadtest.Management
	*workload.View
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]

	bad, good *clusterv1.Cluster
}

type configs map[string]*rest.Config

func (c configs) GetRESTConfig(_ context.Context, cluster client.ObjectKey) (*rest.Config, error) {
	return c[cluster.Name], nil
}

func newFleet(t *testing.T, limits workload.Limits) *fleet {
	t.Helper()
	server := hostile.New(t, remoteConfig)
	named := func(name string) *clusterv1.Cluster {
		return &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: name}}
	}
	f := &fleet{
		server: server, management: &workloadtest.Management{}, bad: named("bad"), good: named("good"),
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]()),
	}
	f.management.Put(f.bad, f.good)
	config := server.Config()
	config.QPS = -1
	f.View = workloadtest.New(t, f.management, configs{"bad": config, "good": remoteConfig}, limits).View("test")
	workloadtest.Admit(f.Clusters, f.bad, f.good)
	NewWithT(t).Expect(f.Source().Start(t.Context(), f.queue)).To(Succeed())
	t.Cleanup(f.queue.ShutDown)
	return f
}

// recreate makes the Cluster another one of the same name, connected to the same API server.
func (f *fleet) recreate(t *testing.T, cluster *clusterv1.Cluster) {
	t.Helper()
	cluster.UID += "x"
	f.management.Put(cluster)
	workloadtest.Admit(f.Clusters, cluster)
}

// read reads what is demanded of a cluster, and returns how many objects there are.
func (f *fleet) read(t *testing.T, cluster *clusterv1.Cluster, demand workload.Demand) func() (int, error) {
	t.Helper()
	return func() (int, error) {
		reading, err := f.Begin(t.Context(), cluster)
		if err != nil {
			return 0, err
		}
		defer reading.End()
		objects, err := workload.List[client.Object](reading, demand)
		return len(objects), err
	}
}

// err is read with the error alone.
func (f *fleet) err(t *testing.T, cluster *clusterv1.Cluster, demand workload.Demand) func() error {
	t.Helper()
	read := f.read(t, cluster, demand)
	return func() error {
		_, err := read()
		return err
	}
}

// peak returns a function that returns how much the heap has grown at most since, in bytes.
func peak(t *testing.T) func() int64 {
	t.Helper()
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var mu sync.Mutex
	var highest uint64
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	sample := func() {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		mu.Lock()
		defer mu.Unlock()
		highest = max(highest, now.HeapAlloc)
	}
	go func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				sample()
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() int64 {
		sample()
		mu.Lock()
		defer mu.Unlock()
		return int64(highest) - int64(before.HeapAlloc)
	}
}

var (
	gateway     = workload.Demand{Kind: workload.Services, Namespace: "default", Name: "service-7"}
	allServices = workload.Demand{Kind: workload.Services, Namespace: "default"}
)

const servicesPath = "/api/v1/namespaces/default/services"

// noStream makes an API server of the hostile one that does not stream lists, as those before Kubernetes 1.34.
func noStream() http.HandlerFunc {
	return hostile.Status(http.StatusUnprocessableEntity, "Invalid", "sendInitialEvents is not supported")
}

// endOfList is the event after the last object of a list that is streamed.
const endOfList = `{"type":"BOOKMARK","object":{"kind":"Service","apiVersion":"v1","metadata":{"resourceVersion":"1",` +
	`"annotations":{"k8s.io/initial-events-end":"true"}}}}` + "\n"

// wholeList answers a list with objects at their end, as an API server that streams lists does.
func wholeList(count int, item hostile.Item) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for n := range count {
			fmt.Fprintf(w, "{\"type\":\"ADDED\",\"object\":%s}\n", item(n))
		}
		fmt.Fprint(w, endOfList)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

func TestAnAPIServerThatSendsTooMuchCostsItsBudgetOnly(t *testing.T) {
	const service = 1500 // As many bytes as a Service of a load balancer has.
	noEnd := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"type":"ADDED","object":{"kind":"Service","apiVersion":"v1","metadata":{"annotations":{"a":"`)
		for piece := strings.Repeat("x", 64<<10); r.Context().Err() == nil; {
			if _, err := fmt.Fprint(w, piece); err != nil {
				return
			}
		}
	})
	one := hostile.Service(service)
	endlessChanges := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, endOfList)
		hostile.EndlessWatch(func(int) string { return one(7) })(w, r)
	})
	for name, test := range map[string]struct {
		watch, list http.Handler
		demand      workload.Demand
		reason      string
	}{
		"an endless list":                   {watch: noStream(), list: hostile.EndlessList("v1", "ServiceList", hostile.Service(service)), demand: allServices, reason: "bytes of responses at a time"},
		"an endless list of nothing":        {watch: noStream(), list: hostile.EndlessList("v1", "ServiceList", func(int) string { return "{}" }), demand: allServices, reason: "bytes of responses at a time"},
		"an endless watch":                  {watch: hostile.EndlessWatch(hostile.Service(service)), demand: allServices, reason: "that are cached"},
		"an endless watch of other objects": {watch: hostile.EndlessWatch(hostile.Service(service)), demand: workload.Demand{Kind: workload.Services, Namespace: "default", Name: "x"}, reason: "not asked for"},
		"an endless watch of one object":    {watch: endlessChanges, demand: gateway, reason: "events within 1m0s"},
		"an event without end":              {watch: noEnd, demand: allServices, reason: "bytes of responses at a time"},
		"100,000 Services in a list":        {watch: noStream(), list: hostile.List("v1", "ServiceList", 100_000, hostile.Service(service)), demand: gateway, reason: "bytes of responses at a time"},
		"100,000 Services in a watch":       {watch: wholeList(100_000, hostile.Service(service)), demand: allServices, reason: "objects that are cached"},
		"an endless body that is no JSON":   {watch: noStream(), list: hostile.Body(http.StatusOK, "application/json", -1), demand: allServices, reason: "bytes of responses at a time"},
		"pages without end": {watch: noStream(), list: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"1","continue":"more"},"items":[]}`)
		}), demand: allServices, reason: "250 pages"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			limits := workload.DefaultLimits()
			limits.InFlight, limits.HeldObjects, limits.Events = 16<<20, 1_000, 2_000 // The race detector makes decoding ten times slower.
			f := newFleet(t, limits)
			f.server.Override(hostile.Watch, servicesPath, test.watch)
			f.server.Override(http.MethodGet, servicesPath, test.list)
			grown := peak(t)
			begun := time.Now()
			g.Eventually(f.err(t, f.bad, test.demand), 2*time.Minute).Should(And(
				MatchError(workload.ErrBeyondBudget), MatchError(ContainSubstring(test.reason)), MatchError(ContainSubstring("next try at")),
			))
			t.Logf("The heap grew by %d MB at most, in %s", grown()>>20, time.Since(begun).Round(10*time.Millisecond))
			g.Expect(grown()).To(BeNumerically("<", memoryMargin))
			g.Expect(f.read(t, f.bad, test.demand)()).Error().To(MatchError(workload.ErrBeyondBudget), "it is left alone")
			g.Eventually(f.read(t, f.good, allServices), 30*time.Second).Should(BeNumerically(">=", 1), "its neighbour is read")
			g.Eventually(func() uint64 {
				runtime.GC()
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				return now.HeapAlloc >> 20
			}, 30*time.Second).Should(BeNumerically("<", 64), "what was held is dropped")
		})
	}
}

func TestAnEndlessWatchIsReadNoFasterThanItsLaneAllows(t *testing.T) {
	g := NewWithT(t)
	limits := workload.DefaultLimits()
	limits.Burst, limits.Lane = 5*time.Millisecond, time.Nanosecond
	limits.Received = 1 << 20
	f := newFleet(t, limits)
	f.server.Override(hostile.Watch, servicesPath, hostile.EndlessWatch(hostile.Service(64<<10)))
	f.server.Override(http.MethodGet, servicesPath, hostile.Hang())
	g.Eventually(f.err(t, f.bad, allServices)).Should(MatchError(workload.ErrNotSynced))
	// Read at full speed, it would be beyond its budget in less time.
	g.Consistently(f.err(t, f.bad, allServices), 3*time.Second).ShouldNot(MatchError(workload.ErrBeyondBudget))
	g.Eventually(f.read(t, f.good, gateway), 30*time.Second).Should(BeNumerically(">=", 0), "a cluster of the same namespace within its burst is read")
}

func TestWhatCannotBeWeighedIsNotRead(t *testing.T) {
	for name, test := range map[string]struct {
		list   http.Handler
		reason string
	}{
		"a decompression bomb":   {hostile.Bomb(128 << 20), `encoding "gzip"`},
		"protobuf":               {hostile.Text(http.StatusOK, "application/vnd.kubernetes.protobuf", "k8s\x00"), `type "application/vnd.kubernetes.protobuf"`},
		"a web page":             {hostile.Text(http.StatusOK, "text/html", "<p>secret</p>"), `type "text/html"`},
		"a web page of an error": {hostile.Text(http.StatusBadGateway, "text/html", "<p>secret</p>"), "server"},
		"an endless error":       {hostile.Body(http.StatusInternalServerError, "application/json", -1), "server"},
		"an endless plain error": {hostile.Body(http.StatusInternalServerError, "text/plain", -1), "server"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			f := newFleet(t, workload.DefaultLimits())
			f.server.Override(hostile.Watch, servicesPath, noStream())
			f.server.Override(http.MethodGet, servicesPath, test.list)
			grown := peak(t)
			g.Eventually(f.err(t, f.bad, gateway), 30*time.Second).Should(And(
				MatchError(workload.ErrNotSynced), MatchError(ContainSubstring(test.reason)), Not(MatchError(ContainSubstring("secret"))),
			))
			g.Expect(grown()).To(BeNumerically("<", 64<<20))
		})
	}
}

func TestAClusterOf20000ServicesCostsWhatItsOneGatewayCosts(t *testing.T) {
	g := NewWithT(t)
	f := newFleet(t, workload.DefaultLimits())
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "gateway", Namespace: "default"}, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}},
	}}
	g.Expect(remote.Create(t.Context(), service)).To(Succeed())
	t.Cleanup(func() { _ = remote.Delete(context.Background(), service) })
	// All requests but those for the one Service answer with 20,000.
	f.server.Override(http.MethodGet, "/api/v1/services", hostile.List("v1", "ServiceList", 20_000, hostile.Service(1500)))
	f.server.Override(hostile.Watch, "/api/v1/services", wholeList(20_000, hostile.Service(1500)))
	grown := peak(t)
	one := workload.Demand{Kind: workload.Services, Namespace: "default", Name: "gateway"}
	g.Eventually(f.read(t, f.bad, one), 30*time.Second).Should(Equal(1))
	t.Logf("The heap grew by %d kB at most", grown()>>10)
	for _, request := range f.server.Requests() {
		g.Expect(request.Path).To(Equal(servicesPath))
		g.Expect(request.Query).To(ContainSubstring("fieldSelector=metadata.name%3Dgateway"))
	}

	t.Log("An API server that ignores the selector is left alone")
	f = newFleet(t, workload.DefaultLimits())
	f.server.Override(hostile.Watch, servicesPath, wholeList(20_000, hostile.Service(1500)))
	grown = peak(t)
	g.Eventually(f.err(t, f.bad, gateway), 30*time.Second).Should(And(
		MatchError(workload.ErrBeyondBudget), MatchError(ContainSubstring("not asked for")),
	))
	t.Logf("The heap grew by %d MB at most", grown()>>20)
	g.Expect(grown()).To(BeNumerically("<", 64<<20))
}

func TestAClusterThatBehavesAgainIsReadAgain(t *testing.T) {
	g := NewWithT(t)
	limits := workload.DefaultLimits()
	limits.HeldObjects = 1_000
	f := newFleet(t, limits)
	var clock struct {
		sync.Mutex
		ahead time.Duration
	}
	workload.SetClock(f.Clusters, func() time.Time {
		clock.Lock()
		defer clock.Unlock()
		return time.Now().Add(clock.ahead)
	})
	f.server.Override(hostile.Watch, servicesPath, hostile.EndlessWatch(hostile.Service(1500)))
	g.Eventually(f.err(t, f.bad, allServices), time.Minute).Should(MatchError(workload.ErrBeyondBudget))
	g.Expect(f.queue.Len()).To(BeNumerically(">=", 1), "the controller is woken")
	f.server.Behave()
	g.Expect(f.read(t, f.bad, allServices)()).Error().To(MatchError(workload.ErrBeyondBudget))
	clock.Lock()
	clock.ahead = time.Minute
	clock.Unlock()
	g.Eventually(f.read(t, f.bad, allServices), 30*time.Second).Should(BeNumerically(">=", 1))
}

func TestCachesAreHeldToTheSameBudget(t *testing.T) {
	g := NewWithT(t)
	limits := workload.DefaultLimits()
	limits.HeldObjects = 1_000
	f := newFleet(t, limits)
	slice := func(n int) string {
		return fmt.Sprintf(`{"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{"name":"slice-%d","namespace":"xcc-dns","uid":"%[1]d"},`+
			`"addressType":"IPv4","endpoints":[]}`, n)
	}
	f.server.Override(hostile.Watch, "/apis/discovery.k8s.io/v1/namespaces/xcc-dns/endpointslices", hostile.EndlessWatch(slice))
	slices := workload.Watch{Name: "slices", Object: &discoveryv1.EndpointSlice{}}
	read := func(cluster *clusterv1.Cluster) func() error {
		return func() error {
			_, err := f.Reader(t.Context(), cluster, slices)
			return err
		}
	}
	grown := peak(t)
	g.Eventually(read(f.bad), time.Minute).Should(MatchError(workload.ErrBeyondBudget))
	t.Logf("The heap grew by %d MB at most", grown()>>20)
	g.Expect(grown()).To(BeNumerically("<", memoryMargin))
	g.Expect(f.read(t, f.bad, allServices)()).Error().To(MatchError(workload.ErrBeyondBudget), "it is one budget")
	g.Eventually(read(f.good), 30*time.Second).Should(Succeed())
	_, err := f.Client(t.Context(), f.bad)
	g.Expect(err).To(MatchError(workload.ErrBeyondBudget))
	g.Expect(f.Client(t.Context(), f.good)).NotTo(BeNil())
}

func TestTheClusterWithTheLargestPartIsEvicted(t *testing.T) {
	g := NewWithT(t)
	limits := workload.DefaultLimits()
	limits.Together = 4 << 20 // The cluster is within its own budget with that.
	f := newFleet(t, limits)
	g.Eventually(f.read(t, f.good, allServices), 30*time.Second).Should(BeNumerically(">=", 1))
	for range 2 {
		f.recreate(t, f.bad)
		f.server.Override(hostile.Watch, servicesPath, hostile.EndlessWatch(hostile.Service(1500)))
		g.Eventually(f.err(t, f.bad, allServices), time.Minute).Should(And(
			MatchError(workload.ErrBeyondBudget), MatchError(ContainSubstring("the largest part of the 4194304 bytes that all clusters may take together")),
		))
		g.Expect(f.read(t, f.good, allServices)()).To(BeNumerically(">=", 1), "its neighbour stays")

		t.Log("It is read again once it behaves")
		f.server.Behave()
		f.recreate(t, f.bad)
		g.Eventually(f.read(t, f.bad, allServices), 30*time.Second).Should(BeNumerically(">=", 1))
	}
}

func TestWhatTakesLongToDecodeIsNotDecoded(t *testing.T) {
	node := func(capacity string) hostile.Item {
		return func(n int) string {
			return fmt.Sprintf(`{"kind":"Node","apiVersion":"v1","metadata":{"name":"node-%d","uid":"%[1]d","resourceVersion":"1"},"status":{%s}}`, n, capacity)
		}
	}
	list := func(item hostile.Item) http.Handler { return hostile.List("v1", "NodeList", 10, item) }
	const slow = "1e-9999999" // It takes 2 s.
	for name, test := range map[string]struct {
		watch, list http.Handler
		reason      string
	}{
		"a quantity in a list":           {watch: noStream(), list: list(node(`"capacity":{"cpu":"` + slow + `"}`)), reason: "2 digits for the exponent"},
		"a quantity that is a number":    {watch: noStream(), list: list(node(`"allocatable":{"cpu":` + slow + `}`)), reason: "2 digits for the exponent"},
		"a quantity behind an escape":    {watch: noStream(), list: list(node(`"\u0063apacity":{"cpu":"` + slow + `"}`)), reason: "2 digits for the exponent"},
		"a quantity in a watch":          {watch: hostile.EndlessWatch(node(`"capacity":{"cpu":"` + slow + `"}`)), reason: "2 digits for the exponent"},
		"a quantity of a million digits": {watch: noStream(), list: list(node(`"capacity":{"cpu":"` + strings.Repeat("9", 1_000_000) + `"}`)), reason: "48 characters for a number"},
		"lists in lists":                 {watch: noStream(), list: list(func(int) string { return strings.Repeat(`{"a":[`, 1_000) }), reason: "256 levels of JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			f := newFleet(t, workload.DefaultLimits())
			f.server.Override(hostile.Watch, "/api/v1/nodes", test.watch)
			if test.list != nil {
				f.server.Override(http.MethodGet, "/api/v1/nodes", test.list)
			}
			nodes := workload.Demand{Kind: workload.Nodes}
			g.Eventually(f.err(t, f.bad, nodes), 30*time.Second).Should(And(
				MatchError(workload.ErrBeyondBudget), MatchError(ContainSubstring(test.reason)),
			))
			g.Eventually(f.err(t, f.good, nodes), 30*time.Second).Should(Succeed(), "its neighbour is read")
		})
	}
}

func TestWarningsOfAWorkloadClusterAreNotLogged(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	f := newFleet(t, workload.DefaultLimits())
	f.server.Override(http.MethodGet, "/api/v1/namespaces/dev/services/gateway", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 10 {
			w.Header().Add("Warning", `299 - "`+strings.Repeat("precious ", 100)+`"`)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"kind":"Service","apiVersion":"v1","metadata":{"name":"gateway","namespace":"dev"}}`)
	}))
	var lines []string
	ctx := logr.NewContext(t.Context(), funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{}))
	remote, err := f.Client(ctx, f.bad)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(remote.Get(ctx, client.ObjectKey{Namespace: "dev", Name: "gateway"}, &corev1.Service{})).To(Succeed())
	g.Expect(lines).To(BeEmpty())
}
