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
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload/workloadtest"
)

// incarnation returns a Cluster of the namespace dev.
func incarnation(name, uid string) *clusterv1.Cluster {
	return &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: name, UID: types.UID(uid)}}
}

func TestAnIncarnationIsDisconnectedOnceBeforeItIsConnected(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	management, remotes := &workloadtest.Management{}, &connections{}
	view := workloadtest.New(t, management, remotes, workload.DefaultLimits()).View("test")
	isUsed := func(cluster *clusterv1.Cluster) error {
		_, err := view.Client(t.Context(), cluster)
		return err
	}
	connect := func() { remotes.set(&rest.Config{Host: "https://192.0.2.1"}) }

	first := incarnation("a", "1")
	management.Put(first, incarnation("b", "2"))
	g.Expect(view.Admit(first)).To(BeTrue(), "there is nothing to inherit")
	g.Expect(isUsed(first)).To(MatchError(clustercache.ErrClusterNotConnected))
	connect()
	g.Expect(view.Admit(first)).To(BeTrue())
	g.Expect(isUsed(first)).To(Succeed())

	for _, isEvicted := range []bool{false, true} {
		former, next := first, incarnation("a", "next of "+string(first.UID))
		if isEvicted {
			management.Remove(former)
			_, phase, err := view.Get(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(former)})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(phase).To(Equal(workload.None))
		}
		management.Put(next)
		g.Expect(isUsed(next)).To(MatchError(workload.ErrFormerCluster), "the connection is the former one's")
		g.Expect(view.Admit(next)).To(BeFalse(), "clustercache gives it up")
		g.Expect(isUsed(next)).To(MatchError(workload.ErrFormerCluster))
		g.Expect(view.Admit(next)).To(BeTrue())
		g.Expect(isUsed(next)).To(Succeed())
		g.Expect(isUsed(former)).To(MatchError(workload.ErrFormerCluster))
		first = next
	}
}
