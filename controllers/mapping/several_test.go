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

package mapping_test

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/mapping"
)

func request(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

func TestManyEventsOfANamespaceAreOneRequestForAllOfIt(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var asked []string
	failing := true
	several := mapping.NewSeveral(func(_ context.Context, namespace, group string) ([]string, error) {
		if failing {
			return nil, errors.New("not now")
		}
		asked = append(asked, namespace+" "+group)
		return []string{"a", "b"}, nil
	})
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedItemBasedRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	g.Expect(several.Source().Start(t.Context(), queue)).To(Succeed())
	var passed []reconcile.Request
	reconciler := several.Reconciler(reconcile.Func(func(_ context.Context, request reconcile.Request) (reconcile.Result, error) {
		passed = append(passed, request)
		return reconcile.Result{}, nil
	}))

	cluster := &clusterv1.Cluster{}
	for _, name := range []string{"one", "two", "three"} {
		cluster.Namespace, cluster.Name = "dev", name
		for _, woken := range mapping.ToNamespace(t.Context(), cluster) {
			queue.Add(woken)
		}
	}
	queue.Add(mapping.SeveralOf("dev", "gateway"))
	g.Expect(queue.Len()).To(Equal(2))
	for range 2 {
		next, _ := queue.Get()
		_, err := reconciler.Reconcile(t.Context(), next)
		g.Expect(err).To(HaveOccurred(), "it is tried again")
		failing = false
		_, err = reconciler.Reconcile(t.Context(), next)
		g.Expect(err).NotTo(HaveOccurred())
		failing = true
		queue.Done(next)
	}
	g.Expect(asked).To(Equal([]string{"dev ", "dev gateway"}))
	g.Expect(queue.Len()).To(Equal(2), "both groups have the same objects")
	for range 2 {
		next, _ := queue.Get()
		_, err := reconciler.Reconcile(t.Context(), next)
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(passed).To(Equal([]reconcile.Request{request("dev", "a"), request("dev", "b")}))
}
