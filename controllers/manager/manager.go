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

package manager

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	logsv1 "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/util/flags"
	"sigs.k8s.io/cluster-api/util/secret"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/addon"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/consumers"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/endpoints"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/fair"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/gatewaydns"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/health"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/reachability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/gate"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/version"
)

const (
	// leaderElectionID is the name of the Lease that the active manager holds.
	leaderElectionID = "controller-leader-election-xcc"
	// name is how the manager calls itself to API servers and in events.
	name = "xcc-controller-manager"
)

// Run runs the manager until the context ends. It returns an error when a flag is wrong, the API server of the management
// cluster does not answer, or the lease is lost.
func Run(ctx context.Context, options *Options) error {
	if err := logsv1.ValidateAndApply(options.Logs, nil); err != nil {
		return fmt.Errorf("flags of the log: %w", err)
	}
	ctrl.SetLogger(klog.Background())
	boundErrorLog()
	// Warnings are texts of the API server's. Those of the management cluster are logged all the same: its client asks for that.
	rest.SetDefaultWarningHandlerWithContext(rest.NoWarnings{})
	if err := options.Validate(); err != nil {
		return err
	}
	restConfig, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the management cluster: %w", err)
	}
	restConfig.QPS, restConfig.Burst = options.KubeAPIQPS, options.KubeAPIBurst
	restConfig.UserAgent = userAgent()
	_, diagnostics, err := flags.GetManagerOptions(options.Manager)
	if err != nil {
		return fmt.Errorf("flags of diagnostics and TLS: %w", err)
	}
	managerOptions, err := controllerManagerOptions(options)
	if err != nil {
		return err
	}
	if err := boundRequestMetrics(restConfig); err != nil {
		return err
	}
	if err := checkManagement(ctx, restConfig); err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(restConfig, managerOptions)
	if err != nil {
		return fmt.Errorf("setting up the manager: %w", err)
	}
	if err := AddControllers(ctx, mgr, options, metrics.Registry); err != nil {
		return err
	}
	if err := endpoints.Add(ctx, mgr, endpoints.Options{HealthAddress: options.HealthAddress, Diagnostics: *diagnostics}); err != nil {
		return err
	}
	klog.Background().Info("Starting manager", "version", version.Version, "zone", options.DNS.Zone, "dnsImage", options.DNS.Image)
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("running the manager: %w", err)
	}
	return nil
}

// Scheme returns the scheme of all types that the manager reads or writes.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, clusterv1.AddToScheme, addonsv1.AddToScheme, xccv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("filling the scheme: %w", err)
		}
	}
	return scheme, nil
}

func controllerManagerOptions(options *Options) (ctrl.Options, error) {
	scheme, err := Scheme()
	if err != nil {
		return ctrl.Options{}, err
	}
	return ctrl.Options{
		Scheme:                        scheme,
		LeaderElection:                options.LeaderElection,
		LeaderElectionID:              leaderElectionID,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &options.LeaderElectionLeaseDuration,
		RenewDeadline:                 &options.LeaderElectionRenewDeadline,
		RetryPeriod:                   &options.LeaderElectionRetryPeriod,
		HealthProbeBindAddress:        endpoints.Disabled,
		Metrics:                       metricsserver.Options{BindAddress: endpoints.Disabled},
		Cache:                         CacheOptions(options),
	}, nil
}

// CacheOptions restricts the manager's cache to the namespace that is watched and, of Secrets, to those that carry the
// cluster name label: kubeconfigs and payloads, without the data of any other.
func CacheOptions(options *Options) ctrlcache.Options {
	cacheOptions := ctrlcache.Options{
		SyncPeriod:       &options.SyncPeriod,
		DefaultTransform: ctrlcache.TransformStripManagedFields(),
		ByObject:         map[client.Object]ctrlcache.ByObject{&corev1.Secret{}: {Label: hasClusterName(), Transform: trimSecret}},
	}
	if options.WatchNamespace != "" {
		cacheOptions.DefaultNamespaces = map[string]ctrlcache.Config{options.WatchNamespace: {}}
	}
	return cacheOptions
}

func hasClusterName() labels.Selector {
	requirement, err := labels.NewRequirement(clusterv1.ClusterNameLabel, selection.Exists, nil)
	if err != nil {
		panic(err) // The label is a constant.
	}
	return labels.NewSelector().Add(*requirement)
}

func trimSecret(in any) (any, error) {
	if s, ok := in.(*corev1.Secret); ok {
		s.ManagedFields = nil
		if !strings.HasSuffix(s.Name, "-"+string(secret.Kubeconfig)) && s.Type != addonsv1.ClusterResourceSetSecretType {
			s.Data = nil
		}
	}
	return in, nil
}

// AddControllers adds the clustercache and all controllers to a manager whose cache has CacheOptions. The options have
// been validated. Metrics are registered with the registerer.
func AddControllers(ctx context.Context, mgr ctrl.Manager, options *Options, registerer prometheus.Registerer) error {
	clusters, err := newClusters(ctx, mgr, options)
	if err != nil {
		return err
	}
	uncached, err := client.New(mgr.GetConfig(), client.Options{HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return fmt.Errorf("setting up the uncached client: %w", err)
	}
	perCluster, perGatewayDNS := fair.Options(options.ClusterConcurrency), fair.Options(options.GatewayDNSConcurrency)
	observations := gatewaydns.NewObservations(clusters)
	gatewayMetrics, err := consumers.NewMetrics(registerer, mgr.GetClient())
	if err != nil {
		return err
	}
	if err := mgr.Add(gatewayMetrics.WhileActive(registerer)); err != nil {
		return fmt.Errorf("adding the metrics of gateways: %w", err)
	}
	ledger := consumers.NewLedger(gatewayMetrics)
	clusters.OnEvict(ledger.Evict)
	recorder := newRecorder(mgr.GetEventRecorder(name), mgr.GetLogger())

	filter := workload.WatchFilter(options.WatchFilter)

	if err := (&addon.Reconciler{
		Client: mgr.GetClient(), Uncached: uncached, Recorder: recorder, Workload: clusters.View("addon"),
		Values: options.DNS, Bounds: options.Bounds, Rollout: options.Rollout, DrainTime: options.DrainTime,
	}).SetupWithManager(ctx, mgr, perCluster); err != nil {
		return err
	}
	if err := (&health.Reconciler{
		Client: mgr.GetClient(), Recorder: recorder, Workload: clusters.View("health"), Registerer: registerer,
	}).SetupWithManager(mgr, perCluster); err != nil {
		return err
	}
	if err := (&gatewaydns.Observer{
		Client: mgr.GetClient(), Workload: clusters.View("gatewayobserver"), Observations: observations, Zone: options.DNS.Zone,
	}).SetupWithManager(mgr, perCluster); err != nil {
		return err
	}
	if err := (&gatewaydns.Reconciler{
		Client: mgr.GetClient(), Recorder: recorder, Observations: observations, Zone: options.DNS.Zone, Filter: filter, Ledger: ledger,
	}).SetupWithManager(mgr, perGatewayDNS); err != nil {
		return err
	}
	if err := (&consumers.Reconciler{
		Client: mgr.GetClient(), Ledger: ledger, Filter: filter,
	}).SetupWithManager(mgr, perGatewayDNS); err != nil {
		return err
	}
	if err := addReachability(mgr, clusters, recorder, filter, registerer, perCluster, perGatewayDNS); err != nil {
		return err
	}
	return (&records.Reconciler{
		Client: mgr.GetClient(), APIReader: uncached, Workload: clusters.View("records"), Zone: options.DNS.Zone,
		Ledger: ledger, Metrics: gatewayMetrics,
	}).SetupWithManager(mgr, perCluster)
}

// addReachability adds the controllers that sum up which gateways the workload clusters reach.
func addReachability(
	mgr ctrl.Manager, clusters *workload.Clusters, recorder events.EventRecorder, filter workload.WatchFilter,
	registerer prometheus.Registerer, perCluster, perGatewayDNS controller.Options,
) error {
	tally := reachability.NewTally()
	if err := mgr.Add(reachability.NewMetrics(mgr.GetClient()).WhileActive(registerer)); err != nil {
		return fmt.Errorf("adding the metrics of reachability: %w", err)
	}
	if err := (&reachability.Observer{Workload: clusters.View("reachabilityobserver"), Tally: tally}).SetupWithManager(mgr, perCluster); err != nil {
		return err
	}
	return (&reachability.Reconciler{
		Client: mgr.GetClient(), Recorder: recorder, Tally: tally, Filter: filter,
	}).SetupWithManager(mgr, perGatewayDNS)
}

// newClusters returns the workload clusters, which clustercache connects by the kubeconfigs in the management cluster.
func newClusters(ctx context.Context, mgr ctrl.Manager, options *Options) (*workload.Clusters, error) {
	kubeconfigs, err := newKubeconfigs(ctx, mgr, options)
	if err != nil {
		return nil, err
	}
	limits := workload.DefaultLimits()
	limits.Together = clustersMemory(debug.SetMemoryLimit(-1))
	clusters := workload.New(mgr.GetClient(), kubeconfigs, workload.WatchFilter(options.WatchFilter), limits)
	clusterCache, err := newClusterCache(ctx, mgr, options, clusters, kubeconfigs)
	if err != nil {
		return nil, err
	}
	clusters.SetClusterCache(clusterCache)
	return clusters, nil
}

func newKubeconfigs(ctx context.Context, mgr ctrl.Manager, options *Options) (*workload.Kubeconfigs, error) {
	self, err := options.Pod.self(mgr.GetConfig())
	if err != nil {
		return nil, err
	}
	through, err := gate.Listen(ctx)
	if err != nil {
		return nil, fmt.Errorf("setting up the gate to workload clusters: %w", err)
	}
	return workload.NewKubeconfigs(mgr.GetClient(), through, self), nil
}

func newClusterCache(
	ctx context.Context, mgr ctrl.Manager, options *Options, clusters *workload.Clusters, kubeconfigs *workload.Kubeconfigs,
) (clustercache.ClusterCache, error) {
	controllerOptions := fair.Options(options.ClusterCacheConcurrency)
	controllerOptions.LogConstructor = clusterCacheLog(mgr.GetLogger())
	clusterCache, err := clustercache.SetupWithManager(ctx, mgr, clustercache.Options{
		SecretClient:     kubeconfigs,
		WatchFilterValue: options.WatchFilter,
		ClusterFilter:    clusters.Admit,
		Client:           clustercache.ClientOptions{QPS: options.ClusterCacheQPS, Burst: options.ClusterCacheBurst, UserAgent: userAgent()},
	}, controllerOptions)
	if err != nil {
		return nil, fmt.Errorf("setting up the cluster cache: %w", err)
	}
	return clusterCache, nil
}

func userAgent() string {
	return name + "/" + version.Version
}
