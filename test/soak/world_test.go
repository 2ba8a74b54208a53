//go:build soak

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

package soak

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/core/reconcilers/clusterresourceset"
	"sigs.k8s.io/cluster-api/core/setup"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
)

const zone = "xcc.test"

// clusterAPIAgent names Cluster API's own client, which reads the files that a kubeconfig names.
const clusterAPIAgent = "clusterresourceset"

// server is an API server with an administrator's clients.
type server struct {
	client.WithWatch
	config     *rest.Config
	kubeconfig []byte
}

// world is the environment of the manager under test.
type world struct {
	management *server
	tenants    []*tenant
	attackers  *attackers

	environments []*envtest.Environment
}

// startWorld starts the API servers one after another. On two processors, a concurrent start would
// be no faster and could time out.
func startWorld(t *testing.T) *world {
	t.Helper()
	g := NewWithT(t)
	config, err := components.ClusterAPIConfig(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	w := &world{}
	t.Cleanup(w.stop)
	w.management = w.startServer(t,
		filepath.Join(config, "crd", "bases"), filepath.Join("..", "..", "config", "crd", "bases"))
	for i := range healthyTenants {
		w.tenants = append(w.tenants, newTenant(t, w.management, fmt.Sprintf("team-%d", i)))
	}
	for i := range *clusters {
		w.tenants[i%healthyTenants].addCluster(t, fmt.Sprintf("cluster-%d", i), w.startServer(t))
	}
	behind := w.startServer(t)
	w.attackers = startAttackers(t, plan{
		Management: w.management.kubeconfig, Behind: behind.kubeconfig, Neighbour: w.tenants[0].namespace, Seed: *seed,
	})
	return w
}

// stop stops all API servers concurrently, because each waits for its open watches.
func (w *world) stop() {
	var group sync.WaitGroup
	for _, environment := range w.environments {
		group.Go(func() { _ = environment.Stop() })
	}
	group.Wait()
}

// settle waits until every healthy cluster has the add-on and the current records of its
// neighbours.
func (w *world) settle(t *testing.T, most time.Duration) {
	t.Helper()
	g := NewWithT(t)
	for _, tenant := range w.tenants {
		for _, consumer := range tenant.clusters {
			g.Eventually(func() error {
				key := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}
				return consumer.server.Get(t.Context(), key, &appsv1.Deployment{})
			}, most, 100*time.Millisecond).Should(Succeed(), "%s has the add-on", consumer.name)
			for _, publisher := range tenant.clusters {
				g.Eventually(consumer.held, most, 100*time.Millisecond).WithArguments(publisher.hostname).
					Should(Equal(publisher.address), "%s knows the gateway of %s", consumer.name, publisher.name)
			}
		}
	}
}

func (w *world) startServer(t *testing.T, crds ...string) *server {
	t.Helper()
	g := NewWithT(t)
	environment, err := controlplane.New(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	environment.CRDDirectoryPaths = crds
	config, err := environment.Start()
	w.environments = append(w.environments, environment)
	g.Expect(err).NotTo(HaveOccurred())
	s, err := newServer(config, environment.KubeConfig)
	g.Expect(err).NotTo(HaveOccurred())
	return s
}

func newServer(config *rest.Config, kubeconfig []byte) (*server, error) {
	config.QPS = -1 // No rate limit for the test's own requests.
	scheme, err := manager.Scheme()
	if err != nil {
		return nil, err
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	return &server{WithWatch: c, config: config, kubeconfig: kubeconfig}, nil
}

// startClusterAPI runs Cluster API's ClusterResourceSet controller with the same kind of client as
// Cluster API's manager.
func startClusterAPI(ctx context.Context, management *server) error {
	scheme, err := manager.Scheme()
	if err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(management.config, ctrl.Options{
		Scheme: scheme, Client: setup.ManagerClientOptions(), Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		return err
	}
	clusterCache, err := clustercache.SetupWithManager(ctx, mgr, clustercache.Options{
		SecretClient: mgr.GetClient(), Client: clustercache.ClientOptions{UserAgent: clusterAPIAgent},
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

// createCluster creates a provisioned Cluster and its kubeconfig Secret.
func createCluster(ctx context.Context, management client.Client, namespace, name string, kubeconfig []byte, labels map[string]string) error {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name + "-kubeconfig", Labels: map[string]string{clusterv1.ClusterNameLabel: name},
		},
		Type: clusterv1.ClusterSecretType,
		Data: map[string][]byte{"value": kubeconfig},
	}
	if err := client.IgnoreAlreadyExists(management.Create(ctx, secret)); err != nil {
		return err
	}
	cluster := &clusterv1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: clusterv1.ClusterSpec{
			ControlPlaneRef: clusterv1.ContractVersionedObjectReference{APIGroup: "test.xcc", Kind: "ControlPlane", Name: name},
		},
	}
	if err := management.Create(ctx, cluster); err != nil {
		return err
	}
	original := cluster.DeepCopy()
	cluster.Status.Initialization.InfrastructureProvisioned = new(true)
	return management.Status().Patch(ctx, cluster, client.MergeFrom(original))
}

func createNamespace(ctx context.Context, c client.Client, name string) error {
	return client.IgnoreAlreadyExists(c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
}

// newGatewayDNS returns a GatewayDNS for the Service gateway/envoy in Clusters with the label
// gateway=true.
func newGatewayDNS(namespace, name string) *xccv1.GatewayDNS {
	return &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: xccv1.GatewayDNSSpec{
			ClusterSelector: metav1.LabelSelector{MatchLabels: map[string]string{"gateway": "true"}},
			Service:         "gateway/envoy",
			ResolutionType:  xccv1.ResolutionTypeLoadBalancer,
		},
	}
}
