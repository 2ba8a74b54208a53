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
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/hostile"
)

// hostileCluster is a workload cluster whose API server is controlled by an attacker.
type hostileCluster struct {
	// server is the endpoint for the manager. Without an attack, it forwards requests to the API
	// server behind.
	server  *hostile.Server
	behind  *server
	gateway *corev1.Service
	slice   *discoveryv1.EndpointSlice
	answers []http.Handler
	acts    map[string]int
}

// newHostileCluster adds the hostile cluster to the namespace of a healthy tenant. The tenant's
// GatewayDNS selects it, and another GatewayDNS publishes its host ports.
func newHostileCluster(t *testing.T, management *server, neighbour string, behind *server) *hostileCluster {
	t.Helper()
	g := NewWithT(t)
	h := &hostileCluster{server: hostile.New(t, behind.config), behind: behind, gateway: createGateway(t, behind), answers: answers(), acts: map[string]int{}}
	h.slice = &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "gateway", Name: "envoy-1", Labels: map[string]string{discoveryv1.LabelServiceName: "envoy"},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}, NodeName: new("node")}},
		Ports:       []discoveryv1.EndpointPort{{Port: new(int32(80))}},
	}
	g.Expect(behind.Create(t.Context(), h.slice)).To(Succeed())
	hostPorts := newGatewayDNS(neighbour, "host-ports")
	hostPorts.Spec.ResolutionType, hostPorts.Spec.Subdomain = xccv1.ResolutionTypeHostPort, "hostports"
	g.Expect(management.Create(t.Context(), hostPorts)).To(Succeed())
	labels := map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled}
	g.Expect(createCluster(t.Context(), management, neighbour, "hostile", h.server.Kubeconfig(), labels)).To(Succeed())
	return h
}

// act runs attacks one after another until the context is done.
func (h *hostileCluster) act(ctx context.Context, random *rand.Rand) {
	acts := []struct {
		name string
		do   func(context.Context, *rand.Rand) error
	}{
		{"answer otherwise", h.answerOtherwise},
		{"flap the gateway", h.flap},
		{"change the patcher's report", h.changeReport},
		{"publish bad endpoints", h.changeEndpoints},
		{"end connections", func(context.Context, *rand.Rand) error { h.server.Disconnect(); return nil }},
		{"behave", func(context.Context, *rand.Rand) error { h.server.Behave(); return nil }},
	}
	for ctx.Err() == nil {
		next := acts[random.IntN(len(acts))]
		if err := next.do(ctx, random); err == nil {
			h.acts[next.name]++
		}
		wait(ctx, random, time.Second)
	}
}

// wait waits for a random time up to the limit.
func wait(ctx context.Context, random *rand.Rand, most time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(random.Int64N(int64(most)))):
	}
}

// answerOtherwise responds to some requests in a hostile way for a few seconds.
func (h *hostileCluster) answerOtherwise(ctx context.Context, random *rand.Rand) error {
	paths := []string{"*", "/", "/api*", "/api", "/apis", "/apis*", "/version", "/api/v1/namespaces/gateway/*", "/api/v1/namespaces/xcc-dns/*"}
	verbs := []string{"", http.MethodGet, hostile.Watch, http.MethodPatch}
	verb, path := verbs[random.IntN(len(verbs))], paths[random.IntN(len(paths))]
	h.server.Override(verb, path, h.answers[random.IntN(len(h.answers))])
	if random.IntN(2) == 0 {
		h.server.Disconnect() // New requests get the hostile response.
	}
	wait(ctx, random, 10*time.Second)
	h.server.Override(verb, path, nil)
	return nil
}

// answers returns hostile responses. They are built once, because building them takes time.
func answers() []http.Handler {
	large := hostile.Service(1 << 20)
	return []http.Handler{
		hostile.RedirectTo("https://127.0.0.1:1/redirected"),
		hostile.EndlessList("v1", "ServiceList", hostile.Service(4<<10)),
		hostile.List("v1", "ServiceList", 100_000, hostile.Service(256)),
		hostile.EndlessWatch(hostile.Service(256)),
		hostile.EndlessWatch(large),
		hostile.List("v1", "NodeList", 100, slowNode),
		hostile.Body(http.StatusOK, "application/json", -1),
		hostile.Body(http.StatusInternalServerError, "text/plain", 64<<20),
		hostile.Bomb(256 << 20),
		hostile.Drip(10 * time.Millisecond),
		hostile.Text(http.StatusForbidden, "text/html", strings.Repeat("<b>secret</b>", 10_000)),
		hostile.Hang(),
		http.HandlerFunc(manyKinds),
	}
}

// slowNode returns a node whose capacity would take minutes to parse.
func slowNode(n int) string {
	return fmt.Sprintf(`{"kind":"Node","apiVersion":"v1","metadata":{"name":"node-%d","uid":"%[1]d","resourceVersion":"%[2]d"},`+
		`"status":{"capacity":{"memory":"1e-99999999"}}}`, n, n+1)
}

// manyKinds responds to discovery with a million kinds.
func manyKinds(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[{"name":"x","kind":"X","verbs":["get"]}`)
	for i := 0; i < 1_000_000 && r.Context().Err() == nil; i++ {
		if _, err := fmt.Fprintf(w, `,{"name":"x%d","kind":"X%[1]d","namespaced":true,"verbs":["get"]}`, i); err != nil {
			return
		}
	}
	fmt.Fprint(w, "]}")
}

// flap changes the gateway's address as fast as the API server allows, for a short time.
func (h *hostileCluster) flap(ctx context.Context, random *rand.Rand) error {
	for i := range 50 {
		if err := h.behind.Get(ctx, client.ObjectKeyFromObject(h.gateway), h.gateway); err != nil {
			return err
		}
		addresses := []string{fmt.Sprintf("198.19.0.%d", i+1), "127.0.0.1", "169.254.169.254", "::1", ""}
		h.gateway.Status.LoadBalancer.Ingress = nil
		for range random.IntN(4) {
			ingress := corev1.LoadBalancerIngress{IP: addresses[random.IntN(len(addresses))]}
			if ingress.IP == "" {
				ingress.Hostname = strings.Repeat("a.", 120) + "example.com"
			}
			h.gateway.Status.LoadBalancer.Ingress = append(h.gateway.Status.LoadBalancer.Ingress, ingress)
		}
		if err := h.behind.Status().Update(ctx, h.gateway); err != nil {
			return err
		}
		wait(ctx, random, 50*time.Millisecond)
	}
	return nil
}

// changeReport changes the patcher's report eight times per second, for a short time.
func (h *hostileCluster) changeReport(ctx context.Context, random *rand.Rand) error {
	for range 16 {
		filler := strings.Repeat(string(rune('a'+random.IntN(26))), 60<<10)
		states := report.States()
		configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}}
		data := map[string]string{
			report.KeyState: string(states[random.IntN(len(states))]), report.KeyMessage: filler, report.KeyWritten: filler, report.KeyProbe: filler,
			report.KeyCoreDNS: filler, report.KeySince: time.Now().Format(time.RFC3339),
		}
		if _, err := controllerutil.CreateOrUpdate(ctx, h.behind, configMap, func() error { configMap.Data = data; return nil }); err != nil {
			return err
		}
		wait(ctx, random, 250*time.Millisecond)
	}
	return nil
}

// changeEndpoints writes endpoints that Kubernetes accepts but that do not fit a GatewayDNS's
// status.
func (h *hostileCluster) changeEndpoints(ctx context.Context, random *rand.Rand) error {
	if err := h.behind.Get(ctx, client.ObjectKeyFromObject(h.slice), h.slice); err != nil {
		return err
	}
	ports := []int32{80, 0, -1, 70000, 1 << 30}
	h.slice.Ports = []discoveryv1.EndpointPort{{Port: new(ports[random.IntN(len(ports))])}}
	h.slice.Endpoints[0].TargetRef = &corev1.ObjectReference{Kind: "Pod", Namespace: "gateway", Name: strings.Repeat("p", random.IntN(2000))}
	return h.behind.Update(ctx, h.slice)
}
