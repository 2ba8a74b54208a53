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

package dnsserver

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
)

// apiServer is a real API server and a link to it.
type apiServer struct {
	client.Client

	env  *envtest.Environment
	link *link
	// throughLink reaches the API server over the link.
	throughLink *rest.Config
}

func startAPIServer(t *testing.T) *apiServer {
	t.Helper()
	g := NewWithT(t)
	env, err := controlplane.New(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	config, err := env.Start()
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(env.Stop()).To(Succeed()) })
	direct, err := client.New(config, client.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(direct.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: xccv1.WorkloadNamespace}})).To(Succeed())

	c := &apiServer{Client: direct, env: env, link: newLink(t, env.ControlPlane.APIServer.SecureServing.HostPort())}
	c.throughLink = rest.CopyConfig(config)
	c.throughLink.Host = "https://" + c.link.address
	return c
}

func slice(name, hostname string, addressType discoveryv1.AddressType, addresses ...string) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: xccv1.WorkloadNamespace, Name: name, Annotations: map[string]string{xccv1.DNSHostnameAnnotation: hostname},
		},
		AddressType: addressType,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: addresses}},
	}
}

// running is a server of the test.
type running struct {
	*server

	// shutdown does the same as SIGTERM.
	shutdown context.CancelFunc
	ended    chan error
}

func localOptions() Options {
	options := NewOptions()
	options.DNSAddress, options.HealthAddress = "127.0.0.1:0", "127.0.0.1:0"
	options.MetricsAddress, options.ReportAddress = "127.0.0.1:0", "127.0.0.1:0"
	options.Lameduck = 2 * time.Second
	return options
}

func start(t *testing.T, config *rest.Config, options Options) *running {
	t.Helper()
	g := NewWithT(t)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	g.Expect(options.Validate()).To(Succeed())
	s, err := newServer(ctx, options, config)
	g.Expect(err).NotTo(HaveOccurred())
	r := &running{server: s, shutdown: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- s.run(ctx) }()
	return r
}

// lookup queries over UDP and TCP. It returns the code and the data of the answers, which must be
// the same.
func (r *running) lookup(g Gomega, name string, qtype uint16) []string {
	query := new(dns.Msg)
	query.SetQuestion(name, qtype)
	var answers [2][]string
	for i, target := range []net.Addr{r.udp.Addr(), r.tcp.Addr()} {
		response, _, err := (&dns.Client{Net: target.Network()}).Exchange(query, target.String())
		g.Expect(err).NotTo(HaveOccurred())
		answers[i] = append(answers[i], dns.RcodeToString[response.Rcode])
		for _, record := range response.Answer {
			answers[i] = append(answers[i], dns.Field(record, 1))
		}
	}
	g.Expect(answers[0]).To(ConsistOf(answers[1]), "TCP says the same as UDP")
	return answers[0]
}

func get(g Gomega, address net.Addr, path string) (int, string) {
	response, err := http.Get("http://" + address.String() + path)
	g.Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	g.Expect(err).NotTo(HaveOccurred())
	return response.StatusCode, string(body)
}

func (r *running) ready(g Gomega) int {
	code, _ := get(g, r.health.Addr(), "/readyz")
	return code
}

// eventually waits for the effect of a watch event.
func (r *running) eventually(g Gomega, why, name string, qtype uint16, want ...string) {
	g.Eventually(func(g Gomega) {
		g.Expect(r.lookup(g, name, qtype)).To(ConsistOf(want))
	}, 10*time.Second, 10*time.Millisecond).Should(Succeed(), why)
}

func TestServer(t *testing.T) {
	g := NewWithT(t)
	cluster := startAPIServer(t)
	for _, s := range []*discoveryv1.EndpointSlice{
		slice("a", "*.gateway.cluster-a.dev-team.clusters.xcc.test", discoveryv1.AddressTypeIPv4, "10.0.0.1"),
		slice("garbage", "not a name", discoveryv1.AddressTypeIPv4, "10.0.0.2"),
		slice("empty", "", discoveryv1.AddressTypeIPv4, "10.0.0.2"),
		slice("elsewhere", "www.example.com", discoveryv1.AddressTypeIPv4, "10.0.0.2"),
		slice("apex", "xcc.test", discoveryv1.AddressTypeFQDN, "www.example.com"),
	} {
		g.Expect(cluster.Create(t.Context(), s)).To(Succeed())
	}
	server := start(t, cluster.throughLink, localOptions())
	for _, step := range []struct {
		about string
		check func(t *testing.T, cluster *apiServer, server *running)
	}{
		{"it refuses to guess before the first sync", checkBeforeSync},
		{"garbage costs its own record only", checkGarbage},
		{"it follows what changes", checkChanges},
		{"it keeps answering without the API server and catches up", checkOutage},
		{"it answers to the end", checkShutdown},
	} {
		if !t.Run(step.about, func(t *testing.T) { step.check(t, cluster, server) }) {
			return
		}
	}
}

const kuard = "kuard.gateway.cluster-a.dev-team.clusters.xcc.test."

func checkBeforeSync(t *testing.T, cluster *apiServer, server *running) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(server.lookup(g, kuard, dns.TypeA)).To(Equal([]string{"SERVFAIL"}))
	g.Expect(server.lookup(g, ".", dns.TypeNS)).To(Equal([]string{"SERVFAIL"}), "CoreDNS must not find us healthy")
	g.Expect(server.ready(g)).To(Equal(http.StatusServiceUnavailable))
	code, _ := get(g, server.health.Addr(), "/healthz")
	g.Expect(code).To(Equal(http.StatusOK), "it lives")

	cluster.link.mend(t)
	server.eventually(g, "it was synced", kuard, dns.TypeA, "NOERROR", "10.0.0.1")
	g.Expect(server.ready(g)).To(Equal(http.StatusOK))
	g.Expect(server.lookup(g, ".", dns.TypeNS)).To(Equal([]string{"REFUSED"}), "which CoreDNS takes for health")
}

func checkGarbage(t *testing.T, _ *apiServer, server *running) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(server.lookup(g, "www.example.com.", dns.TypeA)).To(Equal([]string{"REFUSED"}))
	g.Expect(server.lookup(g, "xcc.test.", dns.TypeNS)).To(Equal([]string{"NOERROR", "ns.xcc.test."}))
	_, text := get(g, server.scrapes.Addr(), "/metrics")
	for _, line := range []string{
		`xcc_dns_slices_ignored{reason="invalid_hostname"} 2`, `xcc_dns_slices_ignored{reason="outside_zones"} 1`,
		`xcc_dns_slices_ignored{reason="reserved_name"} 1`, `xcc_dns_slices_ignored{reason="no_address"} 0`,
		`xcc_dns_records 1`, `xcc_dns_queries_total{rcode="SERVFAIL",transport="udp",type="A"}`,
		`xcc_dns_query_duration_seconds_count{transport="tcp"}`, `xcc_dns_zone_serial{zone="xcc.test"}`,
		`xcc_dns_snapshot_timestamp_seconds 1.`, "process_resident_memory_bytes",
	} {
		g.Expect(text).To(ContainSubstring("\n" + line))
	}
}

func checkChanges(t *testing.T, cluster *apiServer, server *running) {
	t.Helper()
	g := NewWithT(t)
	ctx := t.Context()
	v4 := slice("b", "b.xcc.test", discoveryv1.AddressTypeIPv4, "10.0.0.3")
	g.Expect(cluster.Create(ctx, v4)).To(Succeed())
	server.eventually(g, "a slice was created", "b.xcc.test.", dns.TypeA, "NOERROR", "10.0.0.3")
	g.Expect(server.lookup(g, "b.xcc.test.", dns.TypeAAAA)).To(Equal([]string{"NOERROR"}), "NODATA")

	v4.Endpoints[0].Addresses = []string{"10.0.0.4", "10.0.0.5"}
	g.Expect(cluster.Update(ctx, v4)).To(Succeed())
	server.eventually(g, "its addresses changed", "b.xcc.test.", dns.TypeA, "NOERROR", "10.0.0.4", "10.0.0.5")

	g.Expect(cluster.Create(ctx, slice("b6", "b.xcc.test", discoveryv1.AddressTypeIPv6, "fd00::3"))).To(Succeed())
	server.eventually(g, "a second slice has the name", "b.xcc.test.", dns.TypeAAAA, "NOERROR", "fd00::3")

	v4.Annotations = nil
	g.Expect(cluster.Update(ctx, v4)).To(Succeed())
	server.eventually(g, "the first lost its annotation", "b.xcc.test.", dns.TypeA, "NOERROR")
	g.Expect(server.lookup(g, "b.xcc.test.", dns.TypeAAAA)).To(Equal([]string{"NOERROR", "fd00::3"}))

	g.Expect(cluster.Delete(ctx, v4)).To(Succeed())
	g.Expect(cluster.Delete(ctx, slice("b6", "", ""))).To(Succeed())
	server.eventually(g, "the last slice of the name was deleted", "b.xcc.test.", dns.TypeA, "NXDOMAIN")

	g.Expect(cluster.Create(ctx, slice("c", "*.c.xcc.test", discoveryv1.AddressTypeFQDN, "lb.example.com"))).To(Succeed())
	server.eventually(g, "a slice has a host name", "x.c.xcc.test.", dns.TypeCNAME, "NOERROR", "lb.example.com.")
	g.Expect(server.lookup(g, kuard, dns.TypeA)).To(Equal([]string{"NOERROR", "10.0.0.1"}))
}

func checkOutage(t *testing.T, cluster *apiServer, server *running) {
	t.Helper()
	g := NewWithT(t)
	ctx := t.Context()
	errorsBefore := watchErrors(g, server)
	cluster.link.cut()
	g.Eventually(func(g Gomega) {
		g.Expect(watchErrors(g, server)).NotTo(Equal(errorsBefore))
	}, 30*time.Second, 50*time.Millisecond).Should(Succeed(), "it notices that the API server is away")
	g.Expect(server.lookup(g, kuard, dns.TypeA)).To(Equal([]string{"NOERROR", "10.0.0.1"}))
	g.Expect(server.ready(g)).To(Equal(http.StatusOK))

	g.Expect(cluster.Delete(ctx, slice("a", "", ""))).To(Succeed())
	g.Expect(cluster.Create(ctx, slice("d", "d.xcc.test", discoveryv1.AddressTypeIPv4, "10.0.0.6"))).To(Succeed())
	g.Expect(server.lookup(g, kuard, dns.TypeA)).To(Equal([]string{"NOERROR", "10.0.0.1"}), "it cannot know yet")
	cluster.link.mend(t)
	mended := time.Now()
	server.eventually(g, "it is back", "d.xcc.test.", dns.TypeA, "NOERROR", "10.0.0.6")
	server.eventually(g, "it finds what was deleted meanwhile", kuard, dns.TypeA, "NXDOMAIN")
	g.Expect(time.Since(mended)).To(BeNumerically("<", 5*time.Second))

	g.Expect(cluster.env.ControlPlane.APIServer.Stop()).To(Succeed())
	g.Expect(server.lookup(g, "d.xcc.test.", dns.TypeA)).To(Equal([]string{"NOERROR", "10.0.0.6"}), "the API server was stopped")
	g.Expect(server.ready(g)).To(Equal(http.StatusOK))
}

func watchErrors(g Gomega, server *running) string {
	_, text := get(g, server.scrapes.Addr(), "/metrics")
	_, after, found := strings.Cut(text, "\nxcc_dns_watch_errors_total ")
	g.Expect(found).To(BeTrue())
	count, _, _ := strings.Cut(after, "\n")
	return count
}

func checkShutdown(t *testing.T, _ *apiServer, server *running) {
	t.Helper()
	g := NewWithT(t)
	server.shutdown()
	g.Eventually(func() int { return server.ready(g) }, time.Second, time.Millisecond).
		Should(Equal(http.StatusServiceUnavailable), "clients shall go elsewhere")
	g.Expect(server.ended).NotTo(Receive(), "the lameduck time is not over")
	g.Expect(server.lookup(g, "d.xcc.test.", dns.TypeA)).To(Equal([]string{"NOERROR", "10.0.0.6"}))
	g.Eventually(server.ended, 10*time.Second).Should(Receive(BeNil()), "the lameduck time is over")
	_, err := net.Dial("tcp", server.tcp.Addr().String())
	g.Expect(err).To(HaveOccurred(), "nobody listens")
}
