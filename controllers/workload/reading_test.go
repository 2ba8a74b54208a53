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
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload/workloadtest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
)

// remote is an API server with an administrator's access to it.
var (
	remote       client.Client
	remoteConfig *rest.Config
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	environment, err := controlplane.New(context.Background())
	if err == nil {
		remoteConfig, err = environment.Start()
		defer func() { _ = environment.Stop() }()
	}
	if err == nil {
		remote, err = client.New(remoteConfig, client.Options{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// connections stands for a clustercache. It counts the requests that are under way and can hold them back.
type connections struct {
	mu       sync.Mutex
	config   *rest.Config
	underWay map[string]int
	hold     chan struct{}
}

func (c *connections) GetRESTConfig(context.Context, client.ObjectKey) (*rest.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.config == nil {
		return nil, clustercache.ErrClusterNotConnected
	}
	return c.config, nil
}

func (c *connections) connect() {
	config := rest.CopyConfig(remoteConfig)
	config.Timeout = 10 * time.Second
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &counting{next, c} })
	c.set(config)
}

func (c *connections) disconnect() { c.set(nil) }

func (c *connections) set(config *rest.Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config = config
}

// watching returns how many requests for a resource have not ended.
func (c *connections) watching(resource string) func() int {
	return func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.underWay[resource]
	}
}

type counting struct {
	next        http.RoundTripper
	connections *connections
}

func (r *counting) RoundTrip(request *http.Request) (*http.Response, error) {
	resource := request.URL.Path[strings.LastIndexByte(request.URL.Path, '/')+1:]
	c := r.connections
	c.mu.Lock()
	c.underWay[resource]++
	hold := c.hold
	c.mu.Unlock()
	context.AfterFunc(request.Context(), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.underWay[resource]--
	})
	if hold != nil {
		select {
		case <-hold:
		case <-request.Context().Done():
			return nil, request.Context().Err()
		}
	}
	return r.next.RoundTrip(request)
}

// start returns the view of a controller that runs until the test ends, and its queue.
func start(t *testing.T) (*workload.View, *connections, workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	t.Helper()
	remotes := &connections{underWay: map[string]int{}}
	remotes.connect()
	view := workloadtest.Connected(t, remotes, workload.DefaultLimits(), cluster).View("test")
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	NewWithT(t).Expect(view.Source().Start(t.Context(), queue)).To(Succeed())
	return view, remotes, queue
}

var (
	cluster = &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "a"}}
	nodes   = workload.Demand{Kind: workload.Nodes}
)

// names reads one Demand, and nothing else.
func names[T client.Object](t *testing.T, view *workload.View, demand workload.Demand) func() ([]string, error) {
	t.Helper()
	return func() ([]string, error) {
		reading, err := view.Begin(t.Context(), cluster)
		if err != nil {
			return nil, err
		}
		defer reading.End()
		objects, err := workload.List[T](reading, demand)
		found := []string{}
		for _, object := range objects {
			found = append(found, object.GetName())
		}
		return found, err
	}
}

func addNode(t *testing.T, name string) *corev1.Node {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"large": "text"}}}
	NewWithT(t).Expect(remote.Create(t.Context(), node)).To(Succeed())
	t.Cleanup(func() { _ = remote.Delete(context.Background(), node) })
	return node
}

// drain empties the queue.
func drain(queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	for queue.Len() > 0 {
		item, _ := queue.Get()
		queue.Done(item)
	}
}

func TestAWatchLastsAsLongAsItIsRead(t *testing.T) {
	g := NewWithT(t)
	view, remotes, queue := start(t)
	node := addNode(t, "one")
	_, err := names[*corev1.Node](t, view, nodes)()
	g.Expect(err).To(MatchError(workload.ErrNotSynced), "nobody waits")
	g.Eventually(queue.Len, 10*time.Second).Should(Equal(1), "it wakes when it has listed")
	g.Eventually(names[*corev1.Node](t, view, nodes), 10*time.Second).Should(ConsistOf("one"))
	g.Eventually(remotes.watching("nodes")).Should(BeNumerically(">=", 1))

	t.Log("A change that counts wakes, another one does not")
	drain(queue)
	node.Labels = map[string]string{"any": "label"}
	g.Expect(remote.Update(t.Context(), node)).To(Succeed())
	g.Consistently(queue.Len, time.Second/2).Should(BeZero(), "a label of somebody's is of no matter")
	node.Spec.Unschedulable = true
	g.Expect(remote.Update(t.Context(), node)).To(Succeed())
	g.Eventually(queue.Len, 10*time.Second).Should(Equal(1))

	t.Log("What is read instead replaces it")
	pods := workload.Demand{Kind: workload.Pods, Namespace: "default"}
	g.Eventually(names[*corev1.Pod](t, view, pods), 10*time.Second).Should(BeEmpty())
	g.Eventually(remotes.watching("nodes"), 10*time.Second).Should(BeZero())
	g.Eventually(remotes.watching("pods")).Should(BeNumerically(">=", 1))
	view.StopWatching(cluster)
	g.Eventually(remotes.watching("pods"), 10*time.Second).Should(BeZero())
}

func TestADisconnectEndsTheWatchesAndAReconnectBeginsThemAnew(t *testing.T) {
	g := NewWithT(t)
	view, remotes, _ := start(t)
	addNode(t, "one")
	g.Eventually(names[*corev1.Node](t, view, nodes), 10*time.Second).Should(ConsistOf("one"))
	remotes.disconnect()
	_, err := names[*corev1.Node](t, view, nodes)()
	g.Expect(err).To(MatchError(clustercache.ErrClusterNotConnected))
	g.Eventually(remotes.watching("nodes"), 10*time.Second).Should(BeZero())
	remotes.connect()
	_, err = names[*corev1.Node](t, view, nodes)()
	g.Expect(err).To(MatchError(workload.ErrNotSynced), "what the former connection showed does not count")
	g.Eventually(names[*corev1.Node](t, view, nodes), 10*time.Second).Should(ConsistOf("one"))

	t.Log("A reconnect that nobody noticed does so too")
	remotes.connect()
	_, err = names[*corev1.Node](t, view, nodes)()
	g.Expect(err).To(MatchError(workload.ErrNotSynced))
}

func TestAClusterThatHangsKeepsNobodyWaiting(t *testing.T) {
	g := NewWithT(t)
	view, remotes, queue := start(t)
	addNode(t, "one")
	remotes.hold = make(chan struct{})
	started := time.Now()
	for range 100 {
		_, err := names[*corev1.Node](t, view, nodes)()
		g.Expect(errors.Is(err, workload.ErrNotSynced)).To(BeTrue())
	}
	g.Expect(time.Since(started)).To(BeNumerically("<", time.Second))
	close(remotes.hold)
	g.Eventually(queue.Len, 10*time.Second).Should(Equal(1), "it wakes when it answers at last")
	g.Eventually(names[*corev1.Node](t, view, nodes), 10*time.Second).Should(ConsistOf("one"))
}

func TestAKindThatCannotBeListedSaysWhy(t *testing.T) {
	g := NewWithT(t)
	view, _, queue := start(t)
	gateways := workload.Demand{Kind: workload.Gateways, Namespace: "default", Name: "eg"}
	_, err := names[client.Object](t, view, gateways)()
	g.Expect(err).To(MatchError(workload.ErrNotSynced))
	g.Eventually(queue.Len, 10*time.Second).Should(Equal(1), "it wakes to tell")
	_, err = names[client.Object](t, view, gateways)()
	g.Expect(err).To(MatchError(ContainSubstring("could not find the requested resource")))
}

func TestWhatDecidesClusterDNSIsWatchedWithoutItsStatus(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	view, _, queue := start(t)
	service := func(name, ip string) *corev1.Service {
		return &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
			Spec:       corev1.ServiceSpec{ClusterIP: ip, Ports: []corev1.ServicePort{{Port: 53}}},
		}
	}
	labels := map[string]string{"app": "cache"}
	cache := &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "cache"},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{"large": "text"}},
				Spec: corev1.PodSpec{HostNetwork: true, Containers: []corev1.Container{{
					Name: "cache", Image: "cache:v1", Args: []string{"-conf", "/Corefile"}, Env: []corev1.EnvVar{{Name: "SECRET", Value: "x"}},
				}}},
			},
		},
	}
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "cache"}, Data: map[string]string{"Corefile": ". {\n}\n"}}
	for _, object := range []client.Object{service("dns", "10.0.0.53"), service("other", "10.0.0.54"), cache, configMap} {
		g.Expect(remote.Create(ctx, object)).To(Succeed())
		t.Cleanup(func() { _ = remote.Delete(context.Background(), object) })
	}

	byIP := workload.Demand{Kind: workload.Services, ClusterIP: "10.0.0.53"}
	g.Eventually(names[*corev1.Service](t, view, byIP), 10*time.Second).Should(ConsistOf("dns"), "the API server selects it")
	g.Eventually(names[*corev1.ConfigMap](t, view, workload.Demand{Kind: workload.ConfigMaps, Namespace: "default", Name: "cache"}), 10*time.Second).Should(ConsistOf("cache"))
	g.Eventually(names[*appsv1.Deployment](t, view, workload.Demand{Kind: workload.Deployments, Namespace: "default"}), 10*time.Second).Should(BeEmpty())
	daemonSets := workload.Demand{Kind: workload.DaemonSets}
	g.Eventually(names[*appsv1.DaemonSet](t, view, daemonSets), 10*time.Second).Should(ConsistOf("cache"))

	reading, err := view.Begin(ctx, cluster)
	g.Expect(err).NotTo(HaveOccurred())
	found, err := workload.List[*appsv1.DaemonSet](reading, daemonSets)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found[0].Spec.Template.Spec).To(Equal(corev1.PodSpec{
		HostNetwork: true, Containers: []corev1.Container{{Image: "cache:v1", Args: []string{"-conf", "/Corefile"}}},
	}))
	g.Expect(found[0].Spec.Template.Labels).To(Equal(labels))

	drain(queue)
	cache.Status.DesiredNumberScheduled = 7
	g.Expect(remote.Status().Update(ctx, cache)).To(Succeed())
	g.Consistently(queue.Len, time.Second/2).Should(BeZero(), "Pods that come and go are of no matter")
	cache.Spec.Template.Spec.Containers[0].Args[1] = "/etc/Corefile"
	g.Expect(remote.Update(ctx, cache)).To(Succeed())
	g.Eventually(queue.Len, 10*time.Second).Should(Equal(1))
}
