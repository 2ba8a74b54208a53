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

package fleet

import (
	"context"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/core/reconcilers/clusterresourceset"
	"sigs.k8s.io/cluster-api/core/setup"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
)

// Options returns the flags of a manager under test.
func Options() *manager.Options {
	options := manager.NewOptions()
	options.DNS.Zone, options.DNS.Image, options.DNS.Replicas, options.DNS.TTL = Zone, "xcc-dns:test", 2, 5
	options.ClusterCacheQPS, options.ClusterCacheBurst = 100, 200
	options.ClusterCacheConcurrency, options.ClusterConcurrency, options.GatewayDNSConcurrency = 100, 100, 10
	options.SyncPeriod = time.Hour
	options.PriorityClass = templates.DefaultPriorityClass
	options.Rollout.Concurrency, options.Bounds.Replicas = 5, 10
	return options
}

// fleetManager is the manager under test of one or more tenants, and what it has done since the first of its starts.
type fleetManager struct {
	namespaces []string
	registry   *prometheus.Registry
	requests   *Requests
	stop       func()
}

// start starts the manager with the flags that are changed.
func (m *fleetManager) start(changes ...func(*manager.Options)) error {
	var err error
	m.stop, err = m.startInstance(m.registry, changes...)
	return err
}

func (m *fleetManager) startInstance(registry *prometheus.Registry, changes ...func(*manager.Options)) (stop func(), err error) {
	options := Options()
	for _, change := range changes {
		change(options)
	}
	config := rest.CopyConfig(Management.Config)
	config.Wrap(m.requests.record)
	return startManager(config, registry, options, m.namespaces)
}

// RestartManager ends the tenant's manager, lets something happen while it is away, and starts it again with the flags that
// are changed.
func (n *Tenant) RestartManager(meanwhile func(), changes ...func(*manager.Options)) {
	n.T.Helper()
	n.manager.stop()
	n.manager.stop = func() {}
	meanwhile()
	n.Expect(n.manager.start(changes...)).To(Succeed())
}

// StartAnother starts a second manager for the tenant, beside the first one and with a registry of its own.
func (n *Tenant) StartAnother(changes ...func(*manager.Options)) (stop func()) {
	n.T.Helper()
	stop, err := n.manager.startInstance(prometheus.NewRegistry(), changes...)
	n.Expect(err).NotTo(HaveOccurred())
	n.T.Cleanup(stop)
	return stop
}

// StartManagerAs starts a manager whose access to the management cluster is given, for the namespace that its flags say.
func StartManagerAs(t *testing.T, config *rest.Config, options *manager.Options) (stop func()) {
	t.Helper()
	stop, err := startManager(config, prometheus.NewRegistry(), options, nil)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(stop)
	return stop
}

// startManager starts a manager. stop ends it and waits until it has.
func startManager(
	config *rest.Config, registerer prometheus.Registerer, options *manager.Options, namespaces []string,
) (stop func(), err error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	mgr, err := newManager(config, options, namespaces, client.Options{})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := manager.AddControllers(ctx, mgr, options, registerer); err != nil {
		cancel()
		return nil, fmt.Errorf("adding the controllers: %w", err)
	}
	return run(ctx, cancel, mgr), nil
}

// startClusterAPI runs Cluster API's own ClusterResourceSet controller, with the client that Cluster API gives it: it must not
// read Secrets from a cache, which may be behind the watch of their metadata that wakes it, so that a new payload would go
// unnoticed.
func startClusterAPI(namespaces []string) (stop func(), err error) {
	mgr, err := newManager(Management.Config, manager.NewOptions(), namespaces, setup.ManagerClientOptions())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	clusterCache, err := clustercache.SetupWithManager(ctx, mgr, clustercache.Options{
		SecretClient: mgr.GetClient(),
		Client:       clustercache.ClientOptions{UserAgent: "clusterresourceset"},
	}, controller.Options{})
	if err == nil {
		reconciler := &clusterresourceset.Reconciler{Client: mgr.GetClient(), ClusterCache: clusterCache}
		err = reconciler.SetupWithManager(ctx, mgr, controller.Options{}, mgr.GetCache())
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("adding the ClusterResourceSet controller: %w", err)
	}
	end := run(ctx, cancel, mgr)
	return func() {
		end()
		// Its informers of workload clusters outlive the manager otherwise.
		if running, ok := clusterCache.(interface{ Shutdown() }); ok {
			running.Shutdown()
		}
	}, nil
}

// run starts a manager that ends with the context. stop cancels it and returns when the manager has ended.
func run(ctx context.Context, cancel context.CancelFunc, mgr ctrl.Manager) (stop func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := mgr.Start(ctx); err != nil {
			klog.Background().Error(err, "A manager ended")
		}
	}()
	return func() { cancel(); <-ended }
}

// newManager returns a manager whose cache holds only the namespaces, or what its flags say if there are none.
func newManager(config *rest.Config, options *manager.Options, namespaces []string, clientOptions client.Options) (ctrl.Manager, error) {
	scheme, err := manager.Scheme()
	if err != nil {
		return nil, err
	}
	cacheOptions := manager.CacheOptions(options)
	if options.WatchNamespace == "" {
		cacheOptions.DefaultNamespaces = map[string]cache.Config{}
		for _, namespace := range namespaces {
			cacheOptions.DefaultNamespaces[namespace] = cache.Config{}
		}
	}
	return ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cacheOptions,
		Client:                        clientOptions,
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		Controller:                    ctrlconfig.Controller{SkipNameValidation: new(true)},
		LeaderElection:                options.LeaderElection,
		LeaderElectionID:              "test",
		LeaderElectionNamespace:       options.WatchNamespace,
		LeaderElectionReleaseOnCancel: true,
	})
}
