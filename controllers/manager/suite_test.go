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

package manager_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/core/reconcilers/clusterresourceset"
	"sigs.k8s.io/cluster-api/core/setup"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/consumers"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rights"
)

const (
	zone = "xcc.test"
	// soon is how long a test waits for what watches bring about, on a machine that is busy with other tests.
	soon = 30 * time.Second
)

// cluster is an API server with an administrator's access to it.
type cluster struct {
	client.Client
	config     *rest.Config
	kubeconfig []byte
}

// management runs Cluster API's ClusterResourceSet controller and the manager under test; workloadA and workloadB are what
// its Clusters stand for.
var management, workloadA, workloadB *cluster

// auditLog is a file with the requests of ServiceAccounts to the management cluster.
var auditLog string

// stopManager ends the manager under test. requests are those that it sent to the management cluster.
var (
	stopManager func()
	requests    recorder
)

func TestMain(m *testing.M) {
	klog.SetOutput(os.Stderr)
	ctrl.SetLogger(klog.Background())
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop, err := startClusters(ctx)
	defer stop()
	if err == nil {
		err = startClusterAPI(ctx)
	}
	if err == nil {
		stopManager, err = startManager(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "Starting the clusters:", err)
		return 1
	}
	return m.Run()
}

// startClusters starts the API servers side by side.
func startClusters(ctx context.Context) (stop func(), err error) {
	config, err := components.ClusterAPIConfig(ctx)
	if err != nil {
		return func() {}, err
	}
	logs, err := os.MkdirTemp("", "audit-")
	if err != nil {
		return func() {}, err
	}
	logged, log, err := logRequests(logs)
	if err != nil {
		return func() {}, err
	}
	auditLog = log
	crds := []string{filepath.Join(config, "crd", "bases"), filepath.Join("..", "..", "config", "crd", "bases")}
	targets := []struct {
		cluster **cluster
		crds    []string
		changes []func(*envtest.Environment)
	}{{&management, crds, []func(*envtest.Environment){logged}}, {&workloadA, nil, []func(*envtest.Environment){dualStack}}, {&workloadB, nil, nil}}
	environments := make([]*envtest.Environment, len(targets))
	errs := make([]error, len(targets))
	var group sync.WaitGroup
	for i, target := range targets {
		group.Go(func() {
			*target.cluster, environments[i], errs[i] = startCluster(ctx, target.crds, target.changes...)
		})
	}
	group.Wait()
	stop = func() {
		for _, environment := range environments {
			if environment != nil {
				_ = environment.Stop()
			}
		}
		_ = os.RemoveAll(logs)
	}
	for _, err := range errs {
		if err != nil {
			return stop, err
		}
	}
	return stop, nil
}

func startCluster(ctx context.Context, crds []string, changes ...func(*envtest.Environment)) (*cluster, *envtest.Environment, error) {
	environment, err := controlplane.New(ctx)
	if err != nil {
		return nil, nil, err
	}
	environment.CRDDirectoryPaths = crds
	for _, change := range changes {
		change(environment)
	}
	config, err := environment.Start()
	if err != nil {
		return nil, environment, err
	}
	scheme, err := manager.Scheme()
	if err != nil {
		return nil, environment, err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	return &cluster{Client: c, config: config, kubeconfig: environment.KubeConfig}, environment, err
}

// logRequests returns what makes an API server log the requests of ServiceAccounts to a file in the folder, and that file.
func logRequests(folder string) (func(*envtest.Environment), string, error) {
	policy, log := filepath.Join(folder, "policy.yaml"), filepath.Join(folder, "audit.log")
	return func(environment *envtest.Environment) {
		environment.ControlPlane.GetAPIServer().Configure().Set("audit-policy-file", policy).Set("audit-log-path", log)
	}, log, os.WriteFile(policy, []byte(rights.AuditPolicy), 0o600)
}

// dualStack makes an API server give Services addresses of both families to choose from.
func dualStack(environment *envtest.Environment) {
	environment.ControlPlane.GetAPIServer().Configure().Set("service-cluster-ip-range", "10.0.0.0/24,fd00:10:96::/112")
}

// startClusterAPI runs Cluster API's own ClusterResourceSet controller, with the client that Cluster API gives it: it must not read
// Secrets from a cache, which may be behind the watch of their metadata that wakes it, so that a new payload would go unnoticed.
func startClusterAPI(ctx context.Context) error {
	mgr, err := newManager(management.config, manager.NewOptions(), setup.ManagerClientOptions())
	if err != nil {
		return err
	}
	clusterCache, err := clustercache.SetupWithManager(ctx, mgr, clustercache.Options{
		SecretClient: mgr.GetClient(),
		Client:       clustercache.ClientOptions{UserAgent: "clusterresourceset"},
	}, controller.Options{})
	if err != nil {
		return err
	}
	reconciler := &clusterresourceset.Reconciler{Client: mgr.GetClient(), ClusterCache: clusterCache}
	if err := reconciler.SetupWithManager(ctx, mgr, controller.Options{}, mgr.GetCache()); err != nil {
		return err
	}
	go func() { _ = mgr.Start(ctx) }()
	return nil
}

// startManager runs the manager under test, with flags that are changed for a test. stop ends it and waits until it has.
func startManager(ctx context.Context, changes ...func(*manager.Options)) (stop func(), err error) {
	return startInstance(ctx, metrics.Registry, changes...)
}

// startInstance runs a manager with a registry of its own, beside the one under test.
func startInstance(ctx context.Context, registerer prometheus.Registerer, changes ...func(*manager.Options)) (stop func(), err error) {
	options := testOptions()
	for _, change := range changes {
		change(options)
	}
	config := rest.CopyConfig(management.config)
	config.Wrap(requests.record)
	return startAs(ctx, config, registerer, options)
}

// testOptions are the flags of a manager under test.
func testOptions() *manager.Options {
	options := manager.NewOptions()
	options.DNS.Zone, options.DNS.Image, options.DNS.Replicas, options.DNS.TTL = zone, "xcc-dns:test", 2, 5
	options.ClusterCacheQPS, options.ClusterCacheBurst = 100, 200
	options.ClusterCacheConcurrency, options.ClusterConcurrency, options.GatewayDNSConcurrency = 100, 100, 10
	options.SyncPeriod = time.Hour
	options.PriorityClass = templates.DefaultPriorityClass
	options.Rollout.Concurrency, options.Bounds.Replicas = 5, 10
	return options
}

// startAs runs a manager whose access to the management cluster is given.
func startAs(ctx context.Context, config *rest.Config, registerer prometheus.Registerer, options *manager.Options) (stop func(), err error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	mgr, err := newManager(config, options, client.Options{})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	if err := manager.AddControllers(ctx, mgr, options, registerer); err != nil {
		cancel()
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := mgr.Start(ctx); err != nil {
			klog.Background().Error(err, "The manager under test ended")
		}
	}()
	return func() { cancel(); <-ended }, nil
}

func newManager(config *rest.Config, options *manager.Options, clientOptions client.Options) (ctrl.Manager, error) {
	scheme, err := manager.Scheme()
	if err != nil {
		return nil, err
	}
	return ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         manager.CacheOptions(options),
		Client:                        clientOptions,
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		Controller:                    ctrlconfig.Controller{SkipNameValidation: new(true)},
		LeaderElection:                options.LeaderElection,
		LeaderElectionID:              "test",
		LeaderElectionNamespace:       options.WatchNamespace,
		LeaderElectionReleaseOnCancel: true,
	})
}

// byConsumers marks the requests that write status.consumers.
const byConsumers = "?by-consumers"

// recorder keeps the requests that pass it, as "METHOD path".
type recorder struct {
	mu   sync.Mutex
	seen []string
}

func (r *recorder) record(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		r.mu.Lock()
		seen := request.Method + " " + request.URL.Path
		if owner := request.URL.Query().Get("fieldManager"); owner == string(consumers.FieldOwner) {
			seen += byConsumers
		}
		r.seen = append(r.seen, seen)
		r.mu.Unlock()
		return next.RoundTrip(request)
	})
}

// matching returns the requests with the methods whose path has the part.
func (r *recorder) matching(part string, methods ...string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, request := range r.seen {
		method, path, _ := strings.Cut(request, " ")
		if slices.Contains(methods, method) && strings.Contains(path, part) {
			found = append(found, request)
		}
	}
	return found
}

// writes are the methods that change something.
var writes = []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// tenant is a namespace of the management cluster with what a test puts there.
type tenant struct {
	*WithT
	t         *testing.T
	namespace string
}

func newTenant(t *testing.T) *tenant {
	t.Helper()
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(soon)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "team-"}}
	g.Expect(management.Create(t.Context(), namespace)).To(Succeed())
	return &tenant{WithT: g, t: t, namespace: namespace.Name}
}

// addCluster creates a Cluster that is provisioned, with a kubeconfig unless it is nil.
func (n *tenant) addCluster(name string, kubeconfig []byte, clusterLabels map[string]string) *clusterv1.Cluster {
	n.t.Helper()
	ctx := n.t.Context()
	if kubeconfig != nil {
		n.Expect(management.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: n.namespace, Name: name + "-kubeconfig", Labels: map[string]string{clusterv1.ClusterNameLabel: name},
			},
			Type: clusterv1.ClusterSecretType,
			Data: map[string][]byte{"value": kubeconfig},
		})).To(Succeed())
	}
	object := &clusterv1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: name, Labels: clusterLabels},
		Spec: clusterv1.ClusterSpec{
			ControlPlaneRef: clusterv1.ContractVersionedObjectReference{APIGroup: "test.xcc", Kind: "ControlPlane", Name: name},
		},
	}
	n.Expect(management.Create(ctx, object)).To(Succeed())
	original := object.DeepCopy()
	object.Status.Initialization.InfrastructureProvisioned = new(true)
	n.Expect(management.Status().Patch(ctx, object, client.MergeFrom(original))).To(Succeed())
	n.t.Cleanup(func() {
		// Left behind, it would keep its connection for all later tests.
		NewWithT(n.t).Expect(client.IgnoreNotFound(management.Delete(context.Background(), object))).To(Succeed())
	})
	return object
}

// addGatewayDNS creates a GatewayDNS that selects the Clusters labelled gateway=true.
func (n *tenant) addGatewayDNS(name, service string, changes ...func(*xccv1.GatewayDNS)) *xccv1.GatewayDNS {
	n.t.Helper()
	gatewayDNS := &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: name},
		Spec: xccv1.GatewayDNSSpec{
			ClusterSelector: metav1.LabelSelector{MatchLabels: hasGateway()},
			Service:         service,
		},
	}
	for _, change := range changes {
		change(gatewayDNS)
	}
	n.Expect(management.Create(n.t.Context(), gatewayDNS)).To(Succeed())
	return gatewayDNS
}

func hasGateway() map[string]string { return map[string]string{"gateway": "true"} }

// hostname is the name of a Cluster's gateway.
func (n *tenant) hostname(clusterName string) string {
	return fmt.Sprintf("*.gateway.%s.%s.clusters.%s", clusterName, n.namespace, zone)
}

// gateways returns the gateways in the status of a GatewayDNS, by Cluster.
func (n *tenant) gateways(name string) func(Gomega) map[string]xccv1.GatewayStatus {
	return func(g Gomega) map[string]xccv1.GatewayStatus {
		gatewayDNS := &xccv1.GatewayDNS{}
		g.Expect(management.Get(n.t.Context(), client.ObjectKey{Namespace: n.namespace, Name: name}, gatewayDNS)).To(Succeed())
		byCluster := map[string]xccv1.GatewayStatus{}
		for _, gateway := range gatewayDNS.Status.Gateways {
			byCluster[gateway.Cluster] = gateway
		}
		return byCluster
	}
}

// published returns the addresses that a workload cluster holds for a name, sorted by address type.
func published(ctx context.Context, workload *cluster, hostname string) func(Gomega) []string {
	return func(g Gomega) []string {
		slices := &discoveryv1.EndpointSliceList{}
		g.Expect(workload.List(ctx, slices, client.InNamespace(xccv1.WorkloadNamespace), client.MatchingLabelsSelector{Selector: labels.Everything()})).To(Succeed())
		var addresses []string
		for _, slice := range slices.Items {
			if slice.Annotations[xccv1.DNSHostnameAnnotation] != hostname {
				continue
			}
			for _, endpoint := range slice.Endpoints {
				addresses = append(addresses, endpoint.Addresses...)
			}
		}
		return addresses
	}
}

// ensureConsumer gives a workload cluster the namespace by which it consumes. One that the add-on brought for an earlier test would
// not count.
func ensureConsumer(t *testing.T, workload *cluster) {
	t.Helper()
	g := NewWithT(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: xccv1.WorkloadNamespace}}
	g.Expect(client.IgnoreAlreadyExists(workload.Create(t.Context(), namespace))).To(Succeed())
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:null}}}`, xccv1.PayloadAnnotation)
	g.Expect(workload.Patch(t.Context(), namespace, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
}

// addService creates a Service with the given load balancer addresses, in a namespace of its own.
func addService(t *testing.T, workload *cluster, serviceType corev1.ServiceType, addresses ...string) *corev1.Service {
	t.Helper()
	g := NewWithT(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "gateway-"}}
	g.Expect(workload.Create(t.Context(), namespace)).To(Succeed())
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "envoy"},
		Spec:       corev1.ServiceSpec{Type: serviceType, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	g.Expect(workload.Create(t.Context(), service)).To(Succeed())
	if len(addresses) > 0 {
		setAddresses(t, workload, service, addresses...)
	}
	return service
}

func setAddresses(t *testing.T, workload *cluster, service *corev1.Service, addresses ...string) {
	t.Helper()
	service.Status.LoadBalancer.Ingress = nil
	for _, address := range addresses {
		service.Status.LoadBalancer.Ingress = append(service.Status.LoadBalancer.Ingress, ingress(address))
	}
	NewWithT(t).Expect(workload.Status().Update(t.Context(), service)).To(Succeed())
}

func ingress(address string) corev1.LoadBalancerIngress {
	if isIP(address) {
		return corev1.LoadBalancerIngress{IP: address}
	}
	return corev1.LoadBalancerIngress{Hostname: address}
}

func serviceRef(service *corev1.Service) string { return service.Namespace + "/" + service.Name }
