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

package workload

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
)

func TestAnIncarnationIsDisconnectedOnceBeforeItIsConnected(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	incarnations := NewIncarnations()
	connects := incarnations.Admit
	incarnation := func(name, uid string) *clusterv1.Cluster {
		cluster := &clusterv1.Cluster{}
		cluster.Namespace, cluster.Name, cluster.UID = "ns", name, types.UID(uid)
		return cluster
	}
	g.Expect(connects(incarnation("a", "1"))).To(BeTrue(), "the first one has nothing to inherit")
	g.Expect(connects(incarnation("a", "1"))).To(BeTrue())
	g.Expect(connects(incarnation("b", "2"))).To(BeTrue())
	g.Expect(incarnations.mayBeConnected(incarnation("a", "1"))).To(BeTrue())
	g.Expect(incarnations.mayBeConnected(incarnation("a", "3"))).To(BeFalse(), "the connection is that of the former one")
	g.Expect(connects(incarnation("a", "3"))).To(BeFalse(), "another one may inherit a connection")
	g.Expect(incarnations.mayBeConnected(incarnation("a", "3"))).To(BeTrue())
	g.Expect(connects(incarnation("a", "3"))).To(BeTrue())
}
