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

package history_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/history"
)

const (
	zone      = "xcc.test"
	namespace = "dev-team"
	// soon is how long a change may take that a started manager makes.
	soon = time.Minute
)

// apiServer is an API server with an administrator's access to it.
type apiServer struct {
	client.Client
	kubeconfig     []byte
	kubeconfigPath string
}

func startAPIServer(t *testing.T, crds ...string) *apiServer {
	t.Helper()
	g := NewWithT(t)
	environment, err := controlplane.New(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	environment.CRDDirectoryPaths = crds
	config, err := environment.Start()
	t.Cleanup(func() { _ = environment.Stop() })
	g.Expect(err).NotTo(HaveOccurred())
	scheme, err := manager.Scheme()
	g.Expect(err).NotTo(HaveOccurred())
	c, err := client.New(config, client.Options{Scheme: scheme})
	g.Expect(err).NotTo(HaveOccurred())
	s := &apiServer{Client: c, kubeconfig: environment.KubeConfig, kubeconfigPath: filepath.Join(t.TempDir(), "kubeconfig")}
	g.Expect(os.WriteFile(s.kubeconfigPath, s.kubeconfig, 0o600)).To(Succeed())
	return s
}

func (s *apiServer) createNamespace(ctx context.Context, g *WithT, name string) {
	g.Expect(s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})).To(Succeed())
}

// startProgram runs a program until the returned function is called, which returns once it has ended.
func startProgram(t *testing.T, kubeconfig, program string, arguments ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, arguments...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 30 * time.Second
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	command.Stdout, command.Stderr = t.Output(), t.Output()
	NewWithT(t).Expect(command.Start()).To(Succeed())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = command.Wait() }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func (s *apiServer) startManager(t *testing.T, program string) (stop func()) {
	t.Helper()
	return startProgram(t, s.kubeconfigPath, program, "--zone="+zone, "--dns-image=xcc-dns:test",
		"--diagnostics-address=127.0.0.1:0", "--insecure-diagnostics", "--health-addr=127.0.0.1:0")
}

// dnsServer is a dns-server that runs.
type dnsServer struct {
	address string
}

func (s *apiServer) startDNSServer(t *testing.T, program string) *dnsServer {
	t.Helper()
	g := NewWithT(t)
	packets, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	address := packets.LocalAddr().String()
	g.Expect(packets.Close()).To(Succeed())
	// Nothing is looked up here: an alias is answered as such.
	resolvConf := filepath.Join(t.TempDir(), "resolv.conf")
	g.Expect(os.WriteFile(resolvConf, []byte("nameserver 127.0.0.1\n"), 0o600)).To(Succeed())
	startProgram(t, s.kubeconfigPath, program, "--kubeconfig="+s.kubeconfigPath, "--zone="+zone, "--dns-bind-address="+address,
		"--health-bind-address=127.0.0.1:0", "--metrics-bind-address=127.0.0.1:0", "--report-bind-address=127.0.0.1:0", "--resolv-conf="+resolvConf)
	return &dnsServer{address: address}
}

// answer asks for a name once: for its address, or for the host name that it stands for.
func (s *dnsServer) answer(name string, queryType uint16) string {
	response, err := dns.Exchange(new(dns.Msg).SetQuestion(name, queryType), s.address)
	if err != nil {
		return err.Error()
	}
	said := []string{dns.RcodeToString[response.Rcode]}
	for _, record := range response.Answer {
		switch record := record.(type) {
		case *dns.A:
			said = append(said, record.A.String())
		case *dns.CNAME:
			said = append(said, record.Target)
		}
	}
	return strings.Join(said, " ")
}

// asking is a client that asks for a name without a pause.
type asking struct {
	end   func()
	count int
	wrong []string
}

func (s *dnsServer) ask(t *testing.T, name string, queryType uint16, want string) *asking {
	t.Helper()
	a := &asking{}
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			a.count++
			if said := s.answer(name, queryType); said != want {
				a.wrong = append(a.wrong, time.Now().Format(time.StampMilli)+" "+said)
			}
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	a.end = sync.OnceFunc(func() { close(done); group.Wait() })
	t.Cleanup(a.end)
	return a
}

// expectNoneFailed ends the queries.
func (a *asking) expectNoneFailed(t *testing.T) {
	t.Helper()
	a.end()
	NewWithT(t).Expect(a.wrong).To(BeEmpty())
	t.Log("Queries, none of which failed:", a.count)
}

// A management cluster that is upgraded after its workload clusters, and one that is taken back: the dns-server of this release beside
// the manager of a former one.
func TestADNSServerOfThisReleaseBesideAFormerManager(t *testing.T) {
	ctrl.SetLogger(klog.Background())
	g := NewWithT(t)
	ctx := t.Context()
	former, err := history.Program(ctx, history.BeforeTargets, "manager")
	if errors.Is(err, history.ErrNoHistory) {
		t.Skipf("The former manager is built from its commit, which only a full clone holds: %v", err)
	}
	g.Expect(err).NotTo(HaveOccurred())
	checkout, err := components.CheckoutDir()
	g.Expect(err).NotTo(HaveOccurred())
	folder := t.TempDir()
	current, program := filepath.Join(folder, "manager"), filepath.Join(folder, "dns-server")
	g.Expect(history.Build(ctx, checkout, "manager", current)).To(Succeed())
	g.Expect(history.Build(ctx, checkout, "dns-server", program)).To(Succeed())
	clusterAPI, err := components.ClusterAPIConfig(ctx)
	g.Expect(err).NotTo(HaveOccurred())
	management := startAPIServer(t, filepath.Join(clusterAPI, "crd", "bases"), filepath.Join(checkout, "config", "crd", "bases"))
	workload := startAPIServer(t)
	management.createNamespace(ctx, g, namespace)
	workload.createNamespace(ctx, g, "gateway")
	workload.createNamespace(ctx, g, xccv1.WorkloadNamespace)

	byAddress := workload.createGateway(ctx, g, "by-address", corev1.LoadBalancerIngress{IP: "192.0.2.1"})
	workload.createGateway(ctx, g, "by-name", corev1.LoadBalancerIngress{Hostname: "lb.example.com"})
	management.createCluster(ctx, g, "cluster-a", workload.kubeconfig)
	for _, name := range []string{"by-address", "by-name"} {
		g.Expect(management.Create(ctx, &xccv1.GatewayDNS{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec:       xccv1.GatewayDNSSpec{Service: "gateway/" + name, ResolutionType: xccv1.ResolutionTypeLoadBalancer, Subdomain: name},
		})).To(Succeed())
	}
	host := func(subdomain string) string {
		return fmt.Sprintf("app.%s.cluster-a.%s.clusters.%s.", subdomain, namespace, zone)
	}
	server := workload.startDNSServer(t, program)
	moveTo := func(address string) {
		t.Helper()
		byAddress.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address}}
		g.Expect(workload.Status().Update(ctx, byAddress)).To(Succeed())
		g.Eventually(server.answer, soon).WithArguments(host("by-address"), dns.TypeA).Should(Equal("NOERROR " + address))
	}

	stop := management.startManager(t, former)
	g.Eventually(server.answer, soon).WithArguments(host("by-address"), dns.TypeA).Should(Equal("NOERROR 192.0.2.1"))
	g.Eventually(server.answer, soon).WithArguments(host("by-name"), dns.TypeCNAME).Should(Equal("NOERROR lb.example.com."))
	asked := server.ask(t, host("by-name"), dns.TypeCNAME, "NOERROR lb.example.com.")
	moveTo("192.0.2.2")

	t.Log("The manager is upgraded")
	stop()
	stop = management.startManager(t, current)
	moveTo("192.0.2.3")

	t.Log("The manager is taken back")
	stop()
	management.startManager(t, former)
	moveTo("192.0.2.4")
	asked.expectNoneFailed(t)
}

func (s *apiServer) createGateway(ctx context.Context, g *WithT, name string, ingress corev1.LoadBalancerIngress) *corev1.Service {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "gateway", Name: name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	g.Expect(s.Create(ctx, service)).To(Succeed())
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{ingress}
	g.Expect(s.Status().Update(ctx, service)).To(Succeed())
	return service
}

func (s *apiServer) createCluster(ctx context.Context, g *WithT, name string, kubeconfig []byte) {
	g.Expect(s.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name + "-kubeconfig", Labels: map[string]string{clusterv1.ClusterNameLabel: name}},
		Type:       clusterv1.ClusterSecretType, Data: map[string][]byte{"value": kubeconfig},
	})).To(Succeed())
	cluster := &clusterv1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: clusterv1.ClusterSpec{
			ControlPlaneRef: clusterv1.ContractVersionedObjectReference{APIGroup: "test.xcc", Kind: "ControlPlane", Name: name},
		},
	}
	g.Expect(s.Create(ctx, cluster)).To(Succeed())
	original := cluster.DeepCopy()
	cluster.Status.Initialization.InfrastructureProvisioned = new(true)
	g.Expect(s.Status().Patch(ctx, cluster, client.MergeFrom(original))).To(Succeed())
}
