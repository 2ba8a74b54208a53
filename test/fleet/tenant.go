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
	"testing"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
)

// Tenant is a namespace of the management cluster with what a test puts there.
type Tenant struct {
	*WithT
	T         *testing.T
	Namespace string
	// Requests are those of the tenant's manager, and Registry has its metrics.
	Requests *Requests
	Registry *prometheus.Registry

	manager *fleetManager
	// stopClusterAPI ends the ClusterResourceSet controller, and is nil if it does not run.
	stopClusterAPI func()
	leased         []*Cluster
}

// NewTenant returns a tenant with a manager of its own, whose flags are changed.
func NewTenant(t *testing.T, changes ...func(*manager.Options)) *Tenant {
	t.Helper()
	n := NewNamespace(t)
	startFor(t, []*Tenant{n}, changes...)
	return n
}

// NewNeighbours returns two tenants of one manager.
func NewNeighbours(t *testing.T, changes ...func(*manager.Options)) (one, other *Tenant) {
	t.Helper()
	one, other = NewNamespace(t), NewNamespace(t)
	startFor(t, []*Tenant{one, other}, changes...)
	return one, other
}

// NewNamespace returns a tenant without a manager.
func NewNamespace(t *testing.T) *Tenant {
	t.Helper()
	g := NewWithT(t)
	g.Expect(startShared()).To(Succeed())
	g.SetDefaultEventuallyTimeout(Soon)
	g.SetDefaultEventuallyPollingInterval(polling)
	g.SetDefaultConsistentlyPollingInterval(polling)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "team-"}}
	g.Expect(Management.Create(t.Context(), namespace)).To(Succeed())
	n := &Tenant{WithT: g, T: t, Namespace: namespace.Name}
	t.Cleanup(func() { n.end() })
	return n
}

// startFor starts the manager of tenants.
func startFor(t *testing.T, tenants []*Tenant, changes ...func(*manager.Options)) {
	t.Helper()
	m := &fleetManager{registry: prometheus.NewRegistry(), requests: &Requests{}, stop: func() {}}
	for _, n := range tenants {
		m.namespaces = append(m.namespaces, n.Namespace)
		n.manager, n.Registry, n.Requests = m, m.registry, m.requests
	}
	NewWithT(t).Expect(m.start(changes...)).To(Succeed())
}

// end stops all that writes to the tenant's workload clusters, and gives back those that it had for itself.
func (n *Tenant) end() {
	n.StopClusterAPI()
	if n.manager != nil {
		n.manager.stop()
	}
	giveBack(NewWithT(n.T), n.leased)
}

// ensureClusterAPI starts the ClusterResourceSet controller for the tenant unless it runs.
func (n *Tenant) ensureClusterAPI() {
	n.T.Helper()
	if n.stopClusterAPI != nil {
		return
	}
	var err error
	n.stopClusterAPI, err = startClusterAPI([]string{n.Namespace})
	n.Expect(err).NotTo(HaveOccurred())
}

// StopClusterAPI ends the ClusterResourceSet controller until another Cluster asks for the add-on. clustercache may not notice that a
// Cluster was deleted and created anew, and would keep its connection to the former one.
func (n *Tenant) StopClusterAPI() {
	if n.stopClusterAPI != nil {
		n.stopClusterAPI()
		n.stopClusterAPI = nil
	}
}
