//go:build e2e

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

package rig_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
)

// page is a web server behind a load balancer, and clients of three libcs.
const page = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
  - name: caddy
    image: CADDY
    args: [respond, --listen, ":8080", hello]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: web6}
spec:
  type: LoadBalancer
  ipFamilies: [IPv6]
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
`

const clientPod = `
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: client, image: IMAGE, args: [sleep]}
`

var clients = []string{"client-musl", "client-glibc", "client-go"}

// TestMain installs missing Debian packages, because these tests may be the first on the machine.
func TestMain(m *testing.M) {
	if err := rig.InstallPackages(context.Background(), os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "Installing what the rig needs:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestACluster(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	r, err := rig.New(ctx, "rigtest", os.Stderr)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(r.Down(context.Background())).To(Succeed()) })
	c, err := r.StartCluster(ctx, "cluster-a")
	g.Expect(err).NotTo(HaveOccurred())

	deploy(ctx, g, c, page, "CADDY", "caddy")
	for _, client := range clients {
		deploy(ctx, g, c, strings.ReplaceAll(clientPod, "NAME", client), "IMAGE", client)
	}
	_, err = c.Kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=60s", "pod", "--all")
	g.Expect(err).NotTo(HaveOccurred())

	for _, client := range clients {
		t.Run(client+" resolves and fetches", func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(c.Exec(ctx, "default", client, "/client", "resolve", "kubernetes.default.svc.cluster.local")).
				To(Equal("10.96.0.1\n"))
			g.Expect(c.Exec(ctx, "default", client, "/client", "get", "http://web.default.svc.cluster.local/")).
				To(Equal("hello"))
			_, err := c.Exec(ctx, "default", client, "/client", "resolve", "nobody.default.svc.cluster.local")
			g.Expect(err).To(HaveOccurred())
		})
	}
	t.Run("Debian's curl fetches", func(t *testing.T) {
		g := NewWithT(t)
		g.Expect(c.Exec(ctx, "default", "client-glibc", "curl", "--silent", "--show-error", "http://web.default/")).
			To(Equal("hello"))
	})
	t.Run("the machine reaches the load balancer, and its new address", func(t *testing.T) {
		loadBalancerWorks(t, c)
	})
	t.Run("IPv6 works in Pods and through load balancers", func(t *testing.T) {
		ipv6Works(t, c)
	})
	t.Run("Pods resolve what the nodes' resolvers answer", func(t *testing.T) {
		upstreamIsAsked(t, r, c)
	})
	t.Run("a second node runs Pods and can be drained", func(t *testing.T) {
		secondNodeWorks(t, c)
	})
	t.Run("the API server stops and starts", func(t *testing.T) {
		apiServerRestarts(t, c)
	})
}

func loadBalancerWorks(t *testing.T, c *rig.Cluster) {
	t.Helper()
	g := NewWithT(t)
	g.Eventually(func() (string, error) { return fetch(addressOf(t, c)) }, 30*time.Second, 50*time.Millisecond).
		Should(Equal("hello"), "the cloud gives an address and kube-proxy takes it")
	before := addressOf(t, c)

	free := c.LoadBalancerAddresses()[10]
	g.Expect(before).NotTo(Equal(free))
	g.Expect(c.SetAddress(t.Context(), "default", "web", free)).To(Succeed())
	g.Eventually(func() (string, error) { return fetch(free) }, 30*time.Second, 50*time.Millisecond).
		Should(Equal("hello"), "kube-proxy takes the new address")
	g.Eventually(func() error { _, err := fetch(before); return err }, 30*time.Second, 50*time.Millisecond).
		Should(MatchError(ContainSubstring("refused")), "kube-proxy lets the old address go")
}

func ipv6Works(t *testing.T, c *rig.Cluster) {
	t.Helper()
	g := NewWithT(t)
	ctx := t.Context()
	for _, client := range clients {
		g.Expect(c.Exec(ctx, "default", client, "/client", "get", "http://web6.default.svc.cluster.local/")).To(Equal("hello"), client)
	}
	g.Eventually(func() (string, error) {
		address, err := c.Kubectl(ctx, "get", "service", "web6", "--output=jsonpath={.status.loadBalancer.ingress[0].ip}")
		if err != nil {
			return "", err
		}
		return fetch("[" + address + "]")
	}, 30*time.Second, 50*time.Millisecond).Should(Equal("hello"), "the cloud gives an IPv6 address and kube-proxy takes it")
}

func upstreamIsAsked(t *testing.T, r *rig.Rig, c *rig.Cluster) {
	t.Helper()
	g := NewWithT(t)
	ctx := t.Context()
	for _, address := range []string{"198.18.0.1", "198.18.0.2"} {
		g.Expect(r.SetUpstream("lb.example.com. CNAME lb-1.example.com.", "lb-1.example.com. A "+address)).To(Succeed())
		for _, client := range clients {
			g.Eventually(func() (string, error) {
				return c.Exec(ctx, "default", client, "/client", "resolve", "lb.example.com")
			}, 30*time.Second, 200*time.Millisecond).Should(Equal(address+"\n"), "CoreDNS keeps answers until they expire; %s", client)
		}
	}
}

func secondNodeWorks(t *testing.T, c *rig.Cluster) {
	t.Helper()
	g := NewWithT(t)
	ctx := t.Context()
	n, err := c.AddNode(ctx)
	g.Expect(err).NotTo(HaveOccurred())
	remote := strings.NewReplacer("NAME", "remote", "spec:", "spec:\n  nodeName: "+n.Name).Replace(clientPod)
	deploy(ctx, g, c, remote, "IMAGE", "client-musl")
	_, err = c.Kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=60s", "pod/remote")
	g.Expect(err).NotTo(HaveOccurred())
	for _, service := range []string{"web", "web6"} {
		g.Expect(c.Exec(ctx, "default", "remote", "/client", "get", "http://"+service+".default.svc.cluster.local/")).
			To(Equal("hello"), "a Pod of the first node answers one of the second through %s", service)
	}
	_, err = c.Kubectl(ctx, "drain", "--force", "--timeout=60s", n.Name)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.Kubectl(ctx, "get", "pods", "--field-selector=spec.nodeName="+n.Name, "--output=name")).To(BeEmpty())

	again, err := rig.Open("rigtest", os.Stderr)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again.Clusters()[0].Nodes()).To(HaveLen(2), "another process finds both nodes")
}

func apiServerRestarts(t *testing.T, c *rig.Cluster) {
	t.Helper()
	g := NewWithT(t)
	ctx := t.Context()
	g.Expect(c.StopAPIServer(ctx)).To(Succeed())
	_, err := net.DialTimeout("tcp", c.Address+":6443", time.Second)
	g.Expect(err).To(MatchError(ContainSubstring("refused")))
	g.Expect(fetch(c.LoadBalancerAddresses()[10])).To(Equal("hello"), "Pods and load balancers go on")

	g.Expect(c.StartAPIServer(ctx)).To(Succeed())
	g.Expect(c.Kubectl(ctx, "get", "service", "web", "--output=name")).To(Equal("service/web\n"))
}

func deploy(ctx context.Context, g Gomega, c *rig.Cluster, manifest, placeholder, name string) {
	image, err := rig.BuildImage(ctx, name)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.LoadImage(ctx, image.Tarball)).To(Succeed())
	g.Expect(c.Apply(ctx, strings.ReplaceAll(manifest, placeholder, image.Reference))).To(Succeed())
}

func addressOf(t *testing.T, c *rig.Cluster) string {
	t.Helper()
	g := NewWithT(t)
	cfg, err := c.RESTConfig()
	g.Expect(err).NotTo(HaveOccurred())
	client, err := kubernetes.NewForConfig(cfg)
	g.Expect(err).NotTo(HaveOccurred())
	service, err := client.CoreV1().Services("default").Get(t.Context(), "web", metav1.GetOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	if len(service.Status.LoadBalancer.Ingress) == 0 {
		return "pending"
	}
	return service.Status.LoadBalancer.Ingress[0].IP
}

// fetch opens a new connection each time.
func fetch(address string) (string, error) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + address + "/")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return string(content), err
}

func TestAClusterBecomesTheManagementClusterOfItself(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	r, err := rig.New(ctx, "rigcapi", os.Stderr)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(r.Down(context.Background())).To(Succeed()) })
	c, err := r.StartCluster(ctx, "cluster-a")
	g.Expect(err).NotTo(HaveOccurred())
	m, err := c.InstallClusterAPI(ctx, "")
	g.Expect(err).NotTo(HaveOccurred())

	g.Expect(m.AddCluster(ctx, "dev-team", "cluster-a", c)).To(Succeed())

	g.Expect(m.Kubectl(ctx, "wait", "--for=condition=ControlPlaneInitialized", "--timeout=60s",
		"--namespace=dev-team", "cluster/cluster-a")).To(ContainSubstring("condition met"))
	out, err := m.Clusterctl(ctx, "get", "kubeconfig", "cluster-a", "--namespace=dev-team")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out).To(ContainSubstring(c.Address))
}

// victim is the environment variable with which the test runs itself as the process to kill.
const victim = "XCC_TEST_VICTIM"

func TestAKilledRunIsCleanedUpByTheNext(t *testing.T) {
	g := NewWithT(t)
	if ready := os.Getenv(victim); ready != "" {
		r, err := rig.New(t.Context(), "rigkill", os.Stderr)
		g.Expect(err).NotTo(HaveOccurred())
		_, err = r.StartCluster(t.Context(), "cluster-a")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(os.WriteFile(ready, nil, 0o600)).To(Succeed())
		_, _ = io.Copy(io.Discard, os.Stdin) // Wait until this process is killed or its parent has ended.
		return
	}
	t.Cleanup(func() { g.Expect(rig.Down(context.Background(), "rigkill")).To(Succeed()) })
	before := traces(g)

	ready := filepath.Join(t.TempDir(), "ready")
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), victim+"="+ready)
	cmd.Stderr = os.Stderr
	_, err := cmd.StdinPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cmd.Start()).To(Succeed())
	g.Eventually(func() error { _, err := os.Stat(ready); return err }, 10*time.Minute, 100*time.Millisecond).
		Should(Succeed(), "the other process starts a cluster")

	_, err = rig.New(t.Context(), "rigkill", os.Stderr)
	g.Expect(err).To(MatchError(ContainSubstring("held by another running process")))

	g.Expect(cmd.Process.Kill()).To(Succeed())
	_ = cmd.Wait()
	found, err := rig.Open("rigkill", os.Stderr)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found.Clusters()).To(HaveLen(1))
	g.Expect(found.Clusters()[0].Kubectl(t.Context(), "get", "--raw=/readyz")).
		To(Equal("ok"), "clusters outlive the process that started them")
	for name, trace := range traces(g) {
		if name != "mounts" && name != "namespaces" { // The rig's mounts and namespaces are not visible on this machine.
			g.Expect(trace).NotTo(Equal(before[name]), name)
		}
	}
	groups := controlGroups(g)
	g.Expect(groups).NotTo(BeEmpty())

	r, err := rig.New(t.Context(), "rigkill", os.Stderr)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = r.StartCluster(t.Context(), "cluster-a")
	g.Expect(err).NotTo(HaveOccurred())
	groups = append(groups, controlGroups(g)...)
	g.Expect(r.Down(t.Context())).To(Succeed())
	g.Expect(r.Down(t.Context())).To(Succeed(), "twice is once")
	g.Expect(traces(g)).To(Equal(before))
	for _, group := range groups {
		g.Expect(group).NotTo(BeADirectory())
	}
}

// traces returns the resources that a rig could leave behind on this machine.
func traces(g Gomega) map[string]string {
	found := map[string]string{}
	for name, command := range map[string]string{
		// The brackets prevent pgrep from matching its own shell.
		"processes":  `pgrep --full '/var/lib/xcc/rigkil[l]' | wc -l`,
		"links":      `ls -d /sys/class/net/xcc-rigkill || true`,
		"mounts":     `grep -c /var/lib/xcc/rigkill /proc/self/mountinfo || true`,
		"folder":     `ls -d /var/lib/xcc/rigkill || true`,
		"namespaces": `ip netns | wc -l`,
	} {
		out, err := exec.Command("sh", "-c", command).Output()
		g.Expect(err).NotTo(HaveOccurred())
		found[name] = string(out)
	}
	return found
}

// controlGroups returns the control groups of the rig's containers.
func controlGroups(g Gomega) []string {
	containers, err := filepath.Glob(filepath.Join("/var/lib/xcc/rigkill", "*", "root", "run", "containerd", "state", "*", "k8s.io", "*"))
	g.Expect(err).NotTo(HaveOccurred())
	var groups []string
	for _, container := range containers {
		for _, pattern := range []string{"/sys/fs/cgroup/k8s.io/", "/sys/fs/cgroup/*/k8s.io/"} {
			found, err := filepath.Glob(pattern + filepath.Base(container))
			g.Expect(err).NotTo(HaveOccurred())
			groups = append(groups, found...)
		}
	}
	return groups
}
