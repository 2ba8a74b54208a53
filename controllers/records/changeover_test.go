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

package records_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/capability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/history"
)

// consumer is a workload cluster of its own with DNS servers of several releases. No node runs them: each is a process of this
// machine, and a Pod that says what a kubelet would.
type consumer struct {
	*fleet.Cluster
	*tenant
	kubeconfigPath, resolvConf string
	warnings                   *warnings
}

func newConsumer(n *tenant) *consumer {
	started := n.NewWorkload()
	folder := n.T.TempDir()
	c := &consumer{
		Cluster: started, tenant: n, kubeconfigPath: filepath.Join(folder, "kubeconfig"), resolvConf: filepath.Join(folder, "resolv.conf"),
		warnings: &warnings{},
	}
	n.Expect(os.WriteFile(c.kubeconfigPath, started.Kubeconfig, 0o600)).To(Succeed())
	// No address is looked up here: an alias is answered as such.
	n.Expect(os.WriteFile(c.resolvConf, []byte("nameserver 127.0.0.1\n"), 0o600)).To(Succeed())
	fleet.EnsureConsumer(n.T, started)
	return c
}

// proxied returns a kubeconfig for the manager that leads past what counts warnings.
func (c *consumer) proxied() []byte {
	config := rest.CopyConfig(c.Config)
	config.Wrap(c.warnings.count)
	return fleet.NewFront(c.T, &fleet.Cluster{Client: c.Client, Config: config}, "token").Kubeconfig(c.WithT, "token")
}

// warnings counts the responses with a header Warning.
type warnings struct {
	mu   sync.Mutex
	seen []string
}

func (w *warnings) count(next http.RoundTripper) http.RoundTripper {
	return fleet.RoundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err == nil && response.Header.Get("Warning") != "" {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.seen = append(w.seen, request.Method+" "+request.URL.Path+": "+response.Header.Get("Warning"))
		}
		return response, err
	})
}

func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return seen
}

// server is a dns-server that runs.
type server struct {
	consumer *consumer
	address  string
	pod      *corev1.Pod
	stop     func()
}

// start runs a dns-server with more flags, and creates its Pod first.
func (c *consumer) start(program string, pod *corev1.Pod, more ...string) *server {
	c.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	pod.Namespace, pod.GenerateName, pod.Labels = xccv1.WorkloadNamespace, "dns-server-", map[string]string{"app": "dns-server"}
	c.Expect(c.Create(ctx, pod)).To(Succeed())
	s := &server{consumer: c, address: freeAddress(c.T), pod: pod}
	arguments := append([]string{
		"--kubeconfig=" + c.kubeconfigPath, "--dns-bind-address=" + s.address,
		"--health-bind-address=127.0.0.1:0", "--metrics-bind-address=127.0.0.1:0", "--resolv-conf=" + c.resolvConf, "--lameduck=0s",
	}, more...)
	command := exec.CommandContext(ctx, program, arguments...)
	command.Stderr = os.Stderr
	c.Expect(command.Start()).To(Succeed())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = command.Wait() }()
	s.stop = func() { cancel(); <-ended }
	c.T.Cleanup(s.stop)
	return s
}

// end ends the server before its Pod, as a kubelet does.
func (s *server) end() {
	s.stop()
	s.consumer.Expect(s.consumer.Delete(context.Background(), s.pod, client.GracePeriodSeconds(0))).To(Succeed())
}

// tell has the Pod's init container say something.
func (s *server) tell(message string) {
	s.pod.Status.Phase = corev1.PodRunning
	s.pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{
		Name: capability.Container, Image: s.pod.Spec.Containers[0].Image,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: message, Reason: "Completed"}},
	}}
	s.consumer.Expect(s.consumer.Status().Update(s.consumer.T.Context(), s.pod)).To(Succeed())
}

func podOf(image string, initContainers ...corev1.Container) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{},
		Spec:       corev1.PodSpec{InitContainers: initContainers, Containers: []corev1.Container{{Name: "dns-server", Image: image}}},
	}
}

func podThatTells(image string) *corev1.Pod {
	return podOf(image, corev1.Container{Name: capability.Container, Image: image})
}

// freeAddress returns an address that is free for UDP and for TCP.
func freeAddress(t *testing.T) string {
	t.Helper()
	g := NewWithT(t)
	var address string
	g.Eventually(func() error {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		g.Expect(err).NotTo(HaveOccurred())
		defer listener.Close()
		address = listener.Addr().String()
		packets, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", address)
		if err == nil {
			packets.Close()
		}
		return err
	}).Should(Succeed(), "a port is free for both")
	return address
}

// answer asks a server for a name once.
func (s *server) answer(name string) string {
	response, err := dns.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeCNAME), s.address)
	if err != nil {
		return err.Error()
	}
	said := []string{dns.RcodeToString[response.Rcode]}
	for _, record := range response.Answer {
		if alias, ok := record.(*dns.CNAME); ok {
			said = append(said, alias.Target)
		}
	}
	return strings.Join(said, " ")
}

// leastQueries is how many queries a client sends at least.
const leastQueries = 100

// asking asks a server for names without a pause. What it returns ends that, and returns how many answers there were and those
// that are not as they should be.
func (s *server) asking(want string, names ...string) func() (int, []string) {
	ended, count := make(chan struct{}), 0
	var wrong []string
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-ended:
				if count >= leastQueries {
					return
				}
			case <-time.After(time.Millisecond):
			}
			for _, name := range names {
				count++
				if said := s.answer(name); said != want {
					wrong = append(wrong, time.Now().Format(time.StampMilli)+" "+name+" "+said)
				}
			}
		}
	})
	end := sync.OnceFunc(func() { close(ended); group.Wait() })
	s.consumer.T.Cleanup(end)
	return func() (int, []string) { end(); return count, wrong }
}

// outline returns the slices of a name in the consumer, sorted, as "type endpoints -> targets".
func (c *consumer) outline(hostname string) func(Gomega) []string {
	return func(g Gomega) []string {
		held := &discoveryv1.EndpointSliceList{}
		g.Expect(c.List(c.T.Context(), held, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
		var lines []string
		for _, slice := range held.Items {
			if slice.Annotations[xccv1.DNSHostnameAnnotation] != hostname {
				continue
			}
			line := string(slice.AddressType)
			for _, endpoint := range slice.Endpoints {
				line += " " + strings.Join(endpoint.Addresses, " ")
			}
			if targets, ok := slice.Annotations[xccv1.TargetsAnnotation]; ok {
				line += " -> " + targets
			}
			lines = append(lines, line)
		}
		slices.Sort(lines)
		return lines
	}
}

// Two releases of dns-server side by side, from the first Pod of the newer one to the last of the older one, and back again.
func TestHostNamesChangeOverWithoutAFailedQuery(t *testing.T) {
	t.Parallel()
	older, err := history.Program(t.Context(), history.BeforeTargets, "dns-server")
	if errors.Is(err, history.ErrNoHistory) {
		t.Skipf("The former dns-server is built from its commit, which only a full clone holds: %v", err)
	}
	n := newTenant(t)
	n.Expect(err).NotTo(HaveOccurred())
	checkout, err := components.CheckoutDir()
	n.Expect(err).NotTo(HaveOccurred())
	newer := filepath.Join(t.TempDir(), "dns-server")
	n.Expect(history.Build(t.Context(), checkout, "dns-server", newer)).To(Succeed())
	ctx := t.Context()
	c := newConsumer(n)
	const lb = "lb.example.com"
	want := "NOERROR " + lb + "."
	oldSlices, newSlices := ConsistOf("FQDN "+lb), ConsistOf("IPv4 -> "+lb)

	t.Log("What a user wrote by hand is of type FQDN and stays so")
	byHand := fleet.NewSlice("by-hand", map[string]string{xccv1.DNSHostnameAnnotation: "by-hand." + fleet.Zone}, lb)
	byHand.AddressType = discoveryv1.AddressTypeFQDN
	c.Expect(c.Create(ctx, byHand)).To(Succeed())

	t.Log("A cluster of the former release is given what it reads")
	first := c.start(older, podOf("xcc-dns:old"))
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, lb)
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", c.proxied(), nil)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	hostname := n.Hostname("cluster-a")
	names := []string{strings.Replace(hostname, "*", "app", 1), strings.TrimPrefix(hostname, "*."), "by-hand." + fleet.Zone}
	n.Eventually(c.outline(hostname)).Should(oldSlices)
	answers := func(s *server) {
		t.Helper()
		for _, name := range names {
			n.Eventually(func() string { return s.answer(name) }).Should(Equal(want), "%s answers", s.pod.Name)
		}
	}
	answers(first)
	firstAsked := first.asking(want, names...)
	n.Expect(c.warnings.take()).NotTo(BeEmpty(), "an API server of Kubernetes 1.37 warns")

	t.Log("Pods of the newer release come one by one, of which the first has not told anything yet")
	second := c.start(newer, podThatTells("xcc-dns:new"), "--report-bind-address=127.0.0.1:0")
	answers(second)
	secondAsked := second.asking(want, names...)
	second.tell(capability.All())
	third := c.start(newer, podThatTells("xcc-dns:new"), "--report-bind-address=127.0.0.1:0")
	third.tell(capability.All())
	answers(third)
	thirdAsked := third.asking(want, names...)
	n.Consistently(c.outline(hostname)).WithTimeout(2*time.Second).Should(oldSlices, "one Pod of the former release is left")
	expectNoneWrong := func(asked func() (int, []string)) {
		t.Helper()
		count, wrong := asked()
		n.Expect(wrong).To(BeEmpty())
		t.Log("Queries, none of which failed:", count)
	}
	expectNoneWrong(firstAsked)
	first.end()

	t.Log("The last Pod of the former release is gone")
	n.Eventually(c.outline(hostname)).Should(newSlices)
	n.Expect(c.Get(ctx, client.ObjectKeyFromObject(byHand), byHand.DeepCopy())).To(Succeed())
	for _, asked := range []func() (int, []string){secondAsked, thirdAsked} {
		expectNoneWrong(asked)
	}
	c.warnings.take()
	fleet.SetAddresses(t, fleet.WorkloadA, service, "other.example.com")
	n.Eventually(c.outline(hostname)).Should(ConsistOf("IPv4 -> other.example.com"))
	fleet.SetAddresses(t, fleet.WorkloadA, service, lb)
	n.Eventually(c.outline(hostname)).Should(newSlices)
	n.Expect(c.warnings.take()).To(BeEmpty(), "no write is warned of any more")

	t.Log("A newer dns-server that starts reads the new slices, and an edit is undone")
	answers(second)
	fourth := c.start(newer, podThatTells("xcc-dns:new"), "--report-bind-address=127.0.0.1:0")
	answers(fourth)
	edited := n.SliceOf(c.Cluster, hostname)
	edited.Annotations[xccv1.TargetsAnnotation] = "evil.example.com"
	n.Expect(c.Update(ctx, edited)).To(Succeed())
	n.Eventually(c.outline(hostname)).Should(newSlices)

	t.Log("A Pod of the former release comes back, then an image of it in the newer release's Pod, which is evicted at last")
	answers(fourth)
	fourthAsked := fourth.asking(want, names...)
	ended := c.start(older, podOf("xcc-dns:old"))
	n.Eventually(c.outline(hostname)).Should(oldSlices, "a Pod of the former release came back")
	answers(ended)
	endedAsked := ended.asking(want, names...)
	expectNoneWrong(endedAsked)
	ended.end()
	n.Eventually(c.outline(hostname)).Should(newSlices)
	pinned := c.start(older, podThatTells("xcc-dns:pinned"))
	n.Consistently(c.outline(hostname)).WithTimeout(time.Second).Should(newSlices, "it has not told anything yet")
	pinned.tell("")
	n.Eventually(c.outline(hostname)).Should(oldSlices)
	answers(pinned)
	pinnedAsked := pinned.asking(want, names...)
	expectNoneWrong(fourthAsked)
	expectNoneWrong(pinnedAsked)
	pinned.stop()
	pinned.pod.Status.Phase = corev1.PodFailed
	n.Expect(c.Status().Update(ctx, pinned.pod)).To(Succeed())
	n.Eventually(c.outline(hostname)).Should(newSlices, "a Pod that was evicted serves no more")
}

// A slice of another hand has the name of the new one. What is there stays, and at rest nothing is written.
func TestAHostNameStaysWhereItIsUntilItsNewSliceIsWritten(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	c := newConsumer(n)
	pod := func(name string) *server {
		created := podThatTells("xcc-dns:new")
		created.Namespace, created.Name, created.Labels = xccv1.WorkloadNamespace, name, map[string]string{"app": "dns-server"}
		n.Expect(c.Create(ctx, created)).To(Succeed())
		return &server{consumer: c, pod: created, stop: func() {}}
	}
	only := pod("dns-server-1")
	only.tell("")
	foreign := n.record("taken", "cluster-a", "192.0.2.7")
	foreign.Annotations, foreign.Labels = nil, map[string]string{discoveryv1.LabelManagedBy: "somebody"}
	n.Expect(c.Create(ctx, foreign)).To(Succeed())
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "lb.example.com")
	mixed := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.8", "lb.example.com", "2001:db8::8")
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", c.proxied(), nil)
	n.AddGatewayDNS("taken", fleet.ServiceRef(service))
	n.AddGatewayDNS("mixed", fleet.ServiceRef(mixed), func(gatewayDNS *xccv1.GatewayDNS) { gatewayDNS.Spec.Subdomain = "mixed" })
	hostname := n.Hostname("cluster-a")
	other := strings.Replace(hostname, "gateway", "mixed", 1)
	n.Eventually(c.outline(hostname)).Should(ConsistOf("FQDN lb.example.com"))
	n.Eventually(c.outline(other)).Should(ConsistOf("FQDN lb.example.com", "IPv4 192.0.2.8", "IPv6 2001:db8::8"))

	only.tell(capability.All())
	n.Eventually(c.outline(other)).Should(ConsistOf("IPv4 192.0.2.8 -> lb.example.com", "IPv6 2001:db8::8"), "the other gateway does not wait")
	n.Consistently(c.outline(hostname)).WithTimeout(time.Second).Should(ConsistOf("FQDN lb.example.com"))
	n.Expect(c.Delete(ctx, foreign)).To(Succeed())
	n.Eventually(c.outline(hostname)).Should(ConsistOf("IPv4 -> lb.example.com"))

	t.Log("A Pod that comes, becomes ready and goes changes nothing, and neither does a restart of all")
	versions := func(g Gomega) []string {
		held := &discoveryv1.EndpointSliceList{}
		g.Expect(c.List(ctx, held, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
		var versions []string
		for _, slice := range held.Items {
			versions = append(versions, fmt.Sprint(slice.UID, slice.ResourceVersion))
		}
		return versions
	}
	before := versions(n.WithT)
	second := pod("dns-server-2")
	patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`))
	n.Expect(c.Status().Patch(ctx, second.pod, patch)).To(Succeed())
	second.end()
	only.end()
	pod("dns-server-3").tell(capability.All())
	n.Consistently(versions).WithTimeout(2 * time.Second).Should(Equal(before))
}
