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
	"sync"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
)

// pool holds the workload clusters that no test has for itself at the moment.
var pool struct {
	sync.Mutex
	free []*Cluster
}

// NewWorkload returns a workload cluster that the test has for itself until it ends, with nothing in it.
func (n *Tenant) NewWorkload() *Cluster {
	n.T.Helper()
	workload := takeFree()
	if workload == nil {
		workload = &Cluster{}
		n.Expect(workload.start(context.Background(), dualStack)).To(Succeed())
		var err error
		workload.initial, err = snapshot(n.T.Context(), workload.Config)
		n.Expect(err).NotTo(HaveOccurred())
	}
	n.leased = append(n.leased, workload)
	return workload
}

// NewLiveWorkload returns a workload cluster as NewWorkload does, with kube-controller-manager: what is deleted there goes for good.
func (n *Tenant) NewLiveWorkload() *Cluster {
	n.T.Helper()
	workload := n.NewWorkload()
	n.Expect(controlplane.StartControllerManager(n.T.Context(), n.T, workload.environment)).To(Succeed())
	return workload
}

func takeFree() *Cluster {
	pool.Lock()
	defer pool.Unlock()
	last := len(pool.free) - 1
	if last < 0 {
		return nil
	}
	workload := pool.free[last]
	pool.free = pool.free[:last]
	return workload
}

// giveBack empties the workload clusters of a test, whose managers have stopped, for the next one.
func giveBack(g Gomega, leased []*Cluster) {
	for _, workload := range leased {
		g.Expect(workload.empty(context.Background())).To(Succeed(), "a workload cluster is emptied for the next test")
		pool.Lock()
		pool.free = append(pool.free, workload)
		pool.Unlock()
	}
}
