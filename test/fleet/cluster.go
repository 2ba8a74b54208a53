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
	"os"
	"path/filepath"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rights"
)

// Cluster is an API server with an administrator's access to it.
type Cluster struct {
	client.Client
	Config     *rest.Config
	Kubeconfig []byte

	environment *envtest.Environment
	// auditLog is a file with the requests of ServiceAccounts, of the management cluster only.
	auditLog string
	// initial are the objects that a workload cluster had before its first test.
	initial contents
}

// Management and the workload clusters that all tests of a package share. NewTenant starts them.
var (
	Management = &Cluster{}
	WorkloadA  = &Cluster{}
	WorkloadB  = &Cluster{}
)

// running are the API servers to stop at the end.
var running struct {
	sync.Mutex
	folder       string
	environments []*envtest.Environment
}

// startShared starts the shared clusters side by side, once.
var startShared = sync.OnceValue(func() error {
	ctx := context.Background()
	config, err := components.ClusterAPIConfig(ctx)
	if err != nil {
		return fmt.Errorf("getting the CRDs of Cluster API: %w", err)
	}
	root, err := components.CheckoutDir()
	if err != nil {
		return fmt.Errorf("finding the checkout: %w", err)
	}
	folder, err := os.MkdirTemp("", "fleet-")
	if err != nil {
		return fmt.Errorf("making a folder for the audit log: %w", err)
	}
	running.folder = folder
	policy, log := filepath.Join(folder, "policy.yaml"), filepath.Join(folder, "audit.log")
	if err := os.WriteFile(policy, []byte(rights.AuditPolicy), 0o600); err != nil {
		return fmt.Errorf("writing the audit policy: %w", err)
	}
	Management.auditLog = log

	errs := make([]error, 3)
	var group sync.WaitGroup
	group.Go(func() {
		errs[0] = Management.start(ctx, func(environment *envtest.Environment) {
			environment.CRDDirectoryPaths = []string{filepath.Join(config, "crd", "bases"), filepath.Join(root, "config", "crd", "bases")}
			environment.ControlPlane.GetAPIServer().Configure().Set("audit-policy-file", policy).Set("audit-log-path", log)
		})
	})
	group.Go(func() { errs[1] = WorkloadA.start(ctx, dualStack) })
	group.Go(func() { errs[2] = WorkloadB.start(ctx, dualStack) })
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("starting the clusters: %w", err)
		}
	}
	return nil
})

// AuditLog returns a file with the requests of ServiceAccounts to the management cluster.
func AuditLog() string { return Management.auditLog }

// StartCluster starts an API server for a test that changes the flags of the server.
func StartCluster(t *testing.T, change func(*envtest.Environment)) *Cluster {
	t.Helper()
	c := &Cluster{}
	t.Cleanup(c.stop)
	NewWithT(t).Expect(c.start(t.Context(), change)).To(Succeed())
	return c
}

// start starts the API server and its etcd, with the flags that are changed.
func (c *Cluster) start(ctx context.Context, change func(*envtest.Environment)) error {
	environment, err := controlplane.New(ctx)
	if err != nil {
		return err
	}
	change(environment)
	running.Lock()
	running.environments = append(running.environments, environment)
	running.Unlock()
	c.environment = environment
	if c.Config, err = environment.Start(); err != nil {
		return fmt.Errorf("starting an API server: %w", err)
	}
	c.Kubeconfig = environment.KubeConfig
	scheme, err := manager.Scheme()
	if err != nil {
		return err
	}
	if c.Client, err = client.New(c.Config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	return nil
}

func (c *Cluster) stop() {
	if c.environment != nil {
		_ = c.environment.Stop()
	}
}

// dualStack makes an API server give Services addresses of both families to choose from.
func dualStack(environment *envtest.Environment) {
	environment.ControlPlane.GetAPIServer().Configure().Set("service-cluster-ip-range", "10.0.0.0/24,fd00:10:96::/112")
}

func stopAll() {
	running.Lock()
	defer running.Unlock()
	for _, environment := range running.environments {
		_ = environment.Stop()
	}
	if running.folder != "" {
		_ = os.RemoveAll(running.folder)
	}
}
