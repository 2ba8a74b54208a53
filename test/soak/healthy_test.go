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
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// between is the time between two changes of a tenant. With five clusters, each changes at most
// every 5 s, which is the rate that the manager allows a cluster on average.
const between = time.Second

// lost is the recorded time of a change that did not arrive. It exceeds every limit.
const lost = 30 * time.Second

// tenant is a namespace of the management cluster with healthy clusters.
type tenant struct {
	namespace  string
	management *server
	clusters   []*healthy
	changes    int
}

// healthy is a workload cluster whose propagation times are measured.
type healthy struct {
	name, hostname string
	server         *server
	gateway        *corev1.Service
	// address is the current address of the gateway.
	address string

	mu      sync.Mutex
	records map[string]record
	changed chan struct{}
}

// record has the addresses of a name in a cluster, and the time since when.
type record struct {
	addresses string
	at        time.Time
}

func newTenant(t *testing.T, management *server, namespace string) *tenant {
	t.Helper()
	g := NewWithT(t)
	g.Expect(createNamespace(t.Context(), management, namespace)).To(Succeed())
	g.Expect(management.Create(t.Context(), newGatewayDNS(namespace, "gateways"))).To(Succeed())
	return &tenant{namespace: namespace, management: management}
}

// addCluster adds a cluster with a gateway, and with the add-on.
func (n *tenant) addCluster(t *testing.T, name string, s *server) {
	t.Helper()
	g := NewWithT(t)
	h := &healthy{
		name: name, hostname: fmt.Sprintf("*.gateway.%s.%s.clusters.%s", name, n.namespace, zone), server: s,
		records: map[string]record{}, changed: make(chan struct{}),
	}
	h.gateway = createGateway(t, s)
	g.Expect(h.setAddress(t.Context(), n.nextAddress())).To(Succeed())
	labels := map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled}
	g.Expect(createCluster(t.Context(), n.management, n.namespace, name, s.kubeconfig, labels)).To(Succeed())
	n.clusters = append(n.clusters, h)
	go h.watch(t.Context())
}

func createGateway(t *testing.T, s *server) *corev1.Service {
	t.Helper()
	g := NewWithT(t)
	g.Expect(createNamespace(t.Context(), s, "gateway")).To(Succeed())
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "gateway", Name: "envoy"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	g.Expect(s.Create(t.Context(), service)).To(Succeed())
	return service
}

// nextAddress returns an address that no gateway of the tenant has used recently.
func (n *tenant) nextAddress() string {
	n.changes++
	return fmt.Sprintf("198.18.%d.%d", n.changes/250%250, n.changes%250+1)
}

func (h *healthy) setAddress(ctx context.Context, address string) error {
	h.gateway.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address}}
	h.address = address
	return h.server.Status().Update(ctx, h.gateway)
}

// change changes gateways of the tenant one after another until the context is done. It returns the
// times until each change reached the last cluster.
func (n *tenant) change(ctx context.Context, random *rand.Rand) []time.Duration {
	var taken []time.Duration
	for ctx.Err() == nil {
		publisher := n.clusters[random.IntN(len(n.clusters))]
		started := time.Now()
		if err := publisher.setAddress(context.WithoutCancel(ctx), n.nextAddress()); err != nil {
			say("Changing the gateway of %s: %v", publisher.name, err)
			taken = append(taken, lost)
			continue
		}
		var slowest time.Duration
		for _, consumer := range n.clusters {
			slowest = max(slowest, consumer.await(publisher.hostname, publisher.address, started))
		}
		if slowest > promise {
			say("A change of %s took %s", publisher.name, slowest.Round(time.Millisecond))
		}
		taken = append(taken, slowest)
		select {
		case <-ctx.Done():
		case <-time.After(between + time.Duration(random.Int64N(int64(between/2)))):
		}
	}
	return taken
}

// await waits until the cluster has the address for the name, and returns the time since the start.
func (h *healthy) await(hostname, address string, started time.Time) time.Duration {
	deadline := time.After(lost)
	for {
		h.mu.Lock()
		held, changed := h.records[hostname], h.changed
		h.mu.Unlock()
		if held.addresses == address {
			return max(0, held.at.Sub(started))
		}
		select {
		case <-changed:
		case <-deadline:
			return lost
		}
	}
}

// held returns the addresses of a name in the cluster.
func (h *healthy) held(hostname string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.records[hostname].addresses
}

// watch follows the cluster's records until the context is done.
func (h *healthy) watch(ctx context.Context) {
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
				list := &discoveryv1.EndpointSliceList{}
				return list, h.server.List(ctx, list, client.InNamespace(xccv1.WorkloadNamespace), &client.ListOptions{Raw: &options})
			},
			WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
				return h.server.Watch(ctx, &discoveryv1.EndpointSliceList{}, client.InNamespace(xccv1.WorkloadNamespace), &client.ListOptions{Raw: &options})
			},
		},
		ObjectType: &discoveryv1.EndpointSlice{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { h.set(object, false) },
			UpdateFunc: func(_, object any) { h.set(object, false) },
			DeleteFunc: func(object any) { h.set(object, true) },
		},
	})
	controller.RunWithContext(ctx)
}

func (h *healthy) set(object any, deleted bool) {
	if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	slice := object.(*discoveryv1.EndpointSlice)
	now := record{at: time.Now()}
	if !deleted {
		var addresses []string
		for _, endpoint := range slice.Endpoints {
			addresses = append(addresses, endpoint.Addresses...)
		}
		now.addresses = strings.Join(addresses, ",")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	hostname := slice.Annotations[xccv1.DNSHostnameAnnotation]
	if h.records[hostname].addresses == now.addresses {
		return
	}
	h.records[hostname] = now
	close(h.changed)
	h.changed = make(chan struct{})
}
