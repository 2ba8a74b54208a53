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
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload/workloadtest"
)

func requestFor(cluster *clusterv1.Cluster) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKeyFromObject(cluster)}
}

func TestPhaseOfACluster(t *testing.T) {
	t.Parallel()
	const ours = "this"
	for name, test := range map[string]struct {
		change func(*clusterv1.Cluster)
		phase  workload.Phase
	}{
		"every other":                    {func(*clusterv1.Cluster) {}, workload.Active},
		"paused by its spec":             {func(c *clusterv1.Cluster) { c.Spec.Paused = new(true) }, workload.Paused},
		"paused by an annotation":        {func(c *clusterv1.Cluster) { c.Annotations = map[string]string{clusterv1.PausedAnnotation: ""} }, workload.Paused},
		"being deleted":                  {func(c *clusterv1.Cluster) { c.DeletionTimestamp = new(metav1.Now()) }, workload.None},
		"being deleted and paused":       {func(c *clusterv1.Cluster) { c.DeletionTimestamp = new(metav1.Now()); c.Spec.Paused = new(true) }, workload.None},
		"of another instance":            {func(c *clusterv1.Cluster) { c.Labels[clusterv1.WatchLabel] = "other" }, workload.None},
		"of an instance without a label": {func(c *clusterv1.Cluster) { c.Labels = nil }, workload.None},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			management := &workloadtest.Management{}
			clusters := workload.New(management, workload.NewKubeconfigs(management, newGate(t), nil), ours, workload.DefaultLimits())
			object := incarnation("a", "1")
			object.Labels = map[string]string{clusterv1.WatchLabel: ours}
			test.change(object)
			management.Put(object)
			found, phase, err := clusters.Get(t.Context(), requestFor(object))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(phase).To(Equal(test.phase))
			g.Expect(found.Name).To(Equal("a"))
		})
	}
}

func TestWhatIsKeptOfAClusterIsEvictedWithIt(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ctx := t.Context()
	management := &workloadtest.Management{}
	clusters := workloadtest.New(t, management, configs{"a": &rest.Config{Host: "https://192.0.2.1"}}, workload.DefaultLimits())
	var counts workload.State[int]
	var evicted []string
	clusters.OnEvict(func(cluster client.ObjectKey) { evicted = append(evicted, cluster.Name) })
	first, other := incarnation("a", "1"), incarnation("b", "2")
	management.Put(first, other)
	*counts.Of(ctx, clusters, first) = 7
	*counts.Of(ctx, clusters, other) = 8
	g.Expect(*counts.Of(ctx, clusters, first)).To(Equal(7))
	g.Expect(counts.All(clusters)).To(ConsistOf(HaveValue(Equal(7)), HaveValue(Equal(8))))

	t.Log("A Cluster of the same name begins anew")
	second := incarnation("a", "3")
	management.Put(second)
	g.Expect(counts.Peek(clusters, second)).To(BeNil())
	g.Expect(*counts.Of(ctx, clusters, second)).To(BeZero())
	g.Expect(evicted).To(ConsistOf("a"))
	*counts.Of(ctx, clusters, second) = 9
	g.Expect(*counts.Of(ctx, clusters, first)).To(BeZero(), "a reconcile that still has the former one changes nothing")
	g.Expect(*counts.Peek(clusters, second)).To(Equal(9))

	t.Log("One that is being deleted leaves nothing but its entry")
	second.DeletionTimestamp = new(metav1.Now())
	management.Put(second)
	g.Expect(clusters.Get(ctx, requestFor(second))).Error().NotTo(HaveOccurred())
	g.Expect(counts.Peek(clusters, second)).To(BeNil())

	t.Log("One that is gone leaves nothing, even if a reconcile still has it")
	management.Remove(second)
	g.Expect(clusters.Get(ctx, requestFor(second))).Error().NotTo(HaveOccurred())
	*counts.Of(ctx, clusters, second) = 10
	g.Expect(counts.All(clusters)).To(ConsistOf(HaveValue(Equal(8))))
	g.Expect(workload.Entries(clusters)).To(Equal(1))
	g.Expect(evicted).To(ConsistOf("a", "a", "a"))
	counts.Drop(clusters, other)
	g.Expect(counts.All(clusters)).To(BeEmpty())
}

func TestASilenceLastsUntilTheClusterIsReadOrHasAnotherCause(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ctx := t.Context()
	remotes := &connections{}
	view := workloadtest.Connected(t, remotes, workload.DefaultLimits(), cluster).View("test")
	other := view.View("other")
	now := time.Unix(1000, 0)
	workload.SetClock(view.Clusters, func() time.Time { return now })
	silence := func(of *workload.View) *workload.Silence {
		_, err := of.Begin(ctx, cluster)
		var found *workload.Silence
		g.Expect(err).To(BeAssignableToTypeOf(found))
		return err.(*workload.Silence) //nolint:errorlint // Its type was asserted.
	}
	g.Expect(silence(view).Since).To(Equal(now))
	g.Expect(silence(view).Why).To(ContainSubstring("Cluster is not connected"))
	begun := now
	now = now.Add(time.Minute)
	g.Expect(silence(view).Since).To(Equal(begun))
	g.Expect(silence(view).PatientUntil()).To(Equal(begun.Add(10 * time.Second)))
	g.Expect(silence(other).Since).To(Equal(now), "each controller reads other objects")

	t.Log("It ends when the cluster is read")
	remotes.set(&rest.Config{Host: "https://192.0.2.1"})
	g.Expect(view.Begin(ctx, cluster)).Error().NotTo(HaveOccurred())
	remotes.disconnect()
	g.Expect(silence(view).Since).To(Equal(now))

	t.Log("A cluster beyond its budget is left alone, which is another cause")
	remotes.set(&rest.Config{Host: "https://192.0.2.1"})
	now = now.Add(time.Minute)
	g.Expect(workload.Hold(ctx, view, cluster, workload.DefaultLimits().Held+1)).To(MatchError(workload.ErrBeyondBudget))
	refused := silence(view)
	g.Expect(refused.IsRefused).To(BeTrue())
	g.Expect(refused.Since).To(Equal(now))
	g.Expect(refused.Why).To(ContainSubstring("next try at 1970-01-01T00:19:40Z"))
}

// TestPatienceBeginsWithTheFirstTry has a cluster that waits for its turn to be connected.
func TestPatienceBeginsWithTheFirstTry(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ctx := t.Context()
	remotes := &connections{}
	queued := cluster.DeepCopy()
	queued.Status.Initialization.InfrastructureProvisioned = new(true)
	clusters := workloadtest.Connected(t, remotes, workload.DefaultLimits(), queued)
	clusters.SetClusterCache(workloadtest.NeverTried(remotes))
	view := clusters.View("test")
	now := time.Unix(1000, 0)
	workload.SetClock(clusters, func() time.Time { return now })
	silence := func() *workload.Silence {
		_, err := view.Begin(ctx, queued)
		found, isSilent := errors.AsType[*workload.Silence](err)
		g.Expect(isSilent).To(BeTrue())
		return found
	}
	for range 4 {
		now = now.Add(time.Minute)
		g.Expect(silence().Since).To(Equal(now))
		g.Expect(silence().IsQueued).To(BeTrue())
	}
	now = now.Add(2 * time.Minute)
	begun := now
	g.Expect(silence().Since).To(Equal(begun), "a cluster that is never tried has another cause")
	now = now.Add(time.Minute)
	g.Expect(silence().Since).To(Equal(begun))
	g.Expect(silence().IsQueued).To(BeFalse())

	t.Log("A cluster that is not provisioned is not tried, which a user should see")
	_, err := clusters.View("other").Begin(ctx, cluster)
	found, _ := errors.AsType[*workload.Silence](err)
	g.Expect(found.IsQueued).To(BeFalse())
}

func TestAConnectionThatEndsReleasesItsPart(t *testing.T) {
	t.Parallel()
	limits := workload.DefaultLimits()
	limits.Together = 1 << 30
	for name, end := range map[string]func(*WithT, context.Context, *workload.View, *workloadtest.Management, *connections){
		"the Cluster is gone": func(g *WithT, ctx context.Context, view *workload.View, management *workloadtest.Management, _ *connections) {
			management.Remove(cluster)
			g.Expect(view.Get(ctx, requestFor(cluster))).Error().NotTo(HaveOccurred())
		},
		"the manager ends": func(_ *WithT, _ context.Context, view *workload.View, _ *workloadtest.Management, _ *connections) {
			workload.End(view.Clusters)
		},
		"its budget is exceeded": func(g *WithT, ctx context.Context, view *workload.View, _ *workloadtest.Management, _ *connections) {
			g.Expect(workload.Hold(ctx, view, cluster, limits.Held)).To(MatchError(workload.ErrBeyondBudget))
		},
		"it is another connection": func(_ *WithT, ctx context.Context, view *workload.View, _ *workloadtest.Management, remotes *connections) {
			remotes.set(&rest.Config{Host: "https://192.0.2.2"})
			_, _ = view.Client(ctx, cluster)
		},
		"it is disconnected": func(_ *WithT, ctx context.Context, view *workload.View, _ *workloadtest.Management, remotes *connections) {
			remotes.disconnect()
			_, _ = view.Client(ctx, cluster)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			management, remotes := &workloadtest.Management{}, &connections{config: &rest.Config{Host: "https://192.0.2.1"}}
			management.Put(cluster)
			view := workloadtest.New(t, management, remotes, limits).View("test")
			workloadtest.Admit(view.Clusters, cluster)
			g.Expect(workload.Hold(t.Context(), view, cluster, 1<<20)).To(Succeed())
			g.Expect(workload.Held(view.Clusters)).To(BeEquivalentTo(1 << 20))
			end(g, t.Context(), view, management, remotes)
			g.Expect(workload.Held(view.Clusters)).To(BeZero())
		})
	}
}
