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

package addon_test

import (
	"testing"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

func TestMain(m *testing.M) { fleet.Main(m) }

// tenant is a namespace with a manager, and what the tests of this package do with them.
type tenant struct{ *fleet.Tenant }

func newTenant(t *testing.T, changes ...func(*manager.Options)) *tenant {
	t.Helper()
	return &tenant{fleet.NewTenant(t, changes...)}
}

// newNeighbours returns two tenants of one manager.
func newNeighbours(t *testing.T, changes ...func(*manager.Options)) (one, other *tenant) {
	t.Helper()
	first, second := fleet.NewNeighbours(t, changes...)
	return &tenant{first}, &tenant{second}
}

// node stands for the nodes of a workload cluster, and for the Pods of the add-on.
type node struct{ *fleet.Node }

func (n *tenant) node(workload *fleet.Cluster) *node { return &node{n.Node(workload)} }
