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

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coredns/corefile-migration/migration"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/walkthrough"
)

// The tests run in the order of this file. Each restores the clusters, except the last one.

func TestTheLabelInstallsThroughAClusterResourceSet(t *testing.T) {
	g := NewWithT(t)
	for _, cluster := range []string{"cluster-a", "cluster-b"} {
		out, err := path.Management.Kubectl(t.Context(), "--namespace="+namespace, "get", "clusterresourcesetbinding", cluster,
			"--output=jsonpath={range .spec.bindings[*]}{.clusterResourceSetName} {.resources[*].kind} {.resources[*].applied}{end}")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(out).To(Equal(cluster + "-xcc-dns Secret true"))
	}
}

func TestEveryResolverResolvesTheNameAndFetchesThePage(t *testing.T) {
	g := NewWithT(t)
	want := address(t)
	for _, cluster := range []*rig.Cluster{path.A, path.B} {
		for _, client := range clients {
			g.Eventually(resolve(t, cluster, client)).WithTimeout(corefile).WithPolling(time.Second).
				Should(Equal(want), "%s in %s", client, cluster.Name)
			g.Expect(fetch(t, cluster, client)()).To(ContainSubstring(walkthrough.Page), "%s in %s", client, cluster.Name)
		}
	}
}

func TestAChangedLoadBalancerAddressIsFollowed(t *testing.T) {
	g := NewWithT(t)
	before, after := address(t), otherAddress(t)
	for _, next := range []string{after, before} {
		g.Expect(path.A.SetAddress(t.Context(), "gateway", "caddy", next)).To(Succeed())
		g.Eventually(resolve(t, path.B, "client-musl")).WithTimeout(soon).Should(Equal(next))
		g.Eventually(fetch(t, path.B, "client-musl")).WithTimeout(soon).Should(ContainSubstring(walkthrough.Page))
	}
}

func TestADeletedGatewayServiceHasNoNamesUntilItIsBack(t *testing.T) {
	g := NewWithT(t)
	service, err := path.A.Kubectl(t.Context(), "--namespace=gateway", "get", "service", "caddy", "--output=yaml")
	g.Expect(err).NotTo(HaveOccurred())
	_, err = path.A.Kubectl(t.Context(), "--namespace=gateway", "delete", "service", "caddy")
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(gateway(t, "state")).WithTimeout(soon).Should(Equal("ServiceNotFound"))
	for _, client := range clients {
		g.Eventually(func() error { _, err := resolve(t, path.B, client)(); return err }).WithTimeout(soon).Should(HaveOccurred(), client)
	}
	g.Expect(path.A.Apply(t.Context(), withoutIdentity(t, service))).To(Succeed())
	g.Eventually(gateway(t, "state")).WithTimeout(soon).Should(Equal("Resolved"))
	for _, client := range clients {
		g.Eventually(fetch(t, path.B, client)).WithTimeout(soon).Should(ContainSubstring(walkthrough.Page), client)
	}
}

// withoutIdentity removes the metadata that the API server sets, so that the object can be created
// again.
func withoutIdentity(t *testing.T, manifest string) string {
	t.Helper()
	g := NewWithT(t)
	var object map[string]any
	g.Expect(yaml.Unmarshal([]byte(manifest), &object)).To(Succeed())
	delete(object, "status")
	metadata := object["metadata"].(map[string]any)
	object["metadata"] = map[string]any{"name": metadata["name"], "namespace": metadata["namespace"]}
	if spec, ok := object["spec"].(map[string]any); ok {
		delete(spec, "clusterIP")
		delete(spec, "clusterIPs")
	}
	out, err := yaml.Marshal(object)
	g.Expect(err).NotTo(HaveOccurred())
	return string(out)
}

// The kubeadm control plane replaces the ConfigMap by the result of CoreDNS's migration library,
// without a resourceVersion. Comments are dropped. A reset to kubeadm's own Corefile removes our
// block.
func TestAnOverwrittenCorefileIsRepaired(t *testing.T) {
	g := NewWithT(t)
	version, err := components.Version("coredns")
	g.Expect(err).NotTo(HaveOccurred())
	watch := startWatch(t, path.B, clusterDNS, hostname, 20*time.Millisecond)
	patched := readCorefile(t)
	g.Expect(patched).To(ContainSubstring("xcc.test:53 {"))
	migrated, err := migration.Migrate("1.11.1", "1.12.0", "# A comment of the administrator.\n"+patched, true)
	g.Expect(err).NotTo(HaveOccurred(), "from CoreDNS 1.11.1, the cluster has %s", version)
	g.Expect(migrated).NotTo(ContainSubstring("A comment"))

	t.Log("A migrated block is recognised: it is neither duplicated nor reported as foreign")
	replaceCorefile(t, migrated)
	g.Consistently(func() string { return readCorefile(t) }).WithTimeout(2 * time.Second).Should(And(
		ContainSubstring("xcc.test:53 {"), WithTransform(func(text string) int { return strings.Count(text, "xcc.test") }, Equal(1)),
	))
	g.Expect(path.B.Kubectl(t.Context(), "--namespace=xcc-dns", "get", "configmap", "dns-config-patcher", "--output=jsonpath={.data.state}")).
		To(Equal("Forwarding"))

	t.Log("A missing block is restored before CoreDNS loads a Corefile without it")
	replaced := time.Now()
	replaceCorefile(t, withoutZone(g, migrated))
	g.Eventually(func() string { return readCorefile(t) }).WithTimeout(soon).Should(ContainSubstring("xcc.test:53 {"))
	g.Eventually(func() (string, error) {
		return path.B.Kubectl(t.Context(), "--namespace=kube-system", "logs", "deployment/coredns", "--since-time="+replaced.UTC().Format(time.RFC3339))
	}).WithTimeout(corefile).WithPolling(time.Second).Should(ContainSubstring("Reloading complete"))
	g.Expect(watch.stop()).To(ConsistOf("NOERROR "+address(t)), "what a client saw meanwhile")
}

// withoutZone returns the Corefile without our block.
func withoutZone(g *WithT, text string) string {
	before, rest, found := strings.Cut(text, "xcc.test:53 {")
	g.Expect(found).To(BeTrue())
	_, after, found := strings.Cut(rest, "\n}\n")
	g.Expect(found).To(BeTrue())
	return before + after
}

func readCorefile(t *testing.T) string {
	t.Helper()
	return corefileOf(t, path.B)
}

func corefileOf(t *testing.T, cluster *rig.Cluster) string {
	t.Helper()
	out, err := cluster.Kubectl(t.Context(), "--namespace=kube-system", "get", "configmap", "coredns", "--output=jsonpath={.data.Corefile}")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return out
}

func corefileManifest(g *WithT, text string) string {
	manifest, err := yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "coredns", "namespace": "kube-system"},
		"data": map[string]any{"Corefile": text},
	})
	g.Expect(err).NotTo(HaveOccurred())
	return string(manifest)
}

func replaceCorefile(t *testing.T, text string) {
	t.Helper()
	replaceCorefileOf(t, path.B, text)
}

func replaceCorefileOf(t *testing.T, cluster *rig.Cluster, text string) {
	t.Helper()
	g := NewWithT(t)
	file := t.TempDir() + "/coredns.yaml"
	g.Expect(os.WriteFile(file, []byte(corefileManifest(g, text)), 0o600)).To(Succeed())
	_, err := cluster.Kubectl(context.Background(), "replace", "--filename="+file)
	g.Expect(err).NotTo(HaveOccurred())
}

func TestMetricsRequireAuthorization(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	ip, err := path.Management.Kubectl(ctx, "--namespace=xcc-system", "get", "pods", "--selector=control-plane=controller-manager",
		"--output=jsonpath={.items[0].status.podIP}")
	g.Expect(err).NotTo(HaveOccurred())
	_, err = path.Management.Kubectl(ctx, "create", "clusterrolebinding", "scraper", "--clusterrole=xcc-system-metrics-reader", "--serviceaccount=default:default")
	g.Expect(err).NotTo(HaveOccurred())
	token, err := path.Management.Kubectl(ctx, "create", "token", "default")
	g.Expect(err).NotTo(HaveOccurred())
	scrape := func(header string) (string, error) {
		out, err := path.Management.OnNode(ctx, "curl", "--silent", "--insecure", "--max-time", "10", "--header", header, "https://"+ip+":8443/metrics").Output()
		return string(out), err
	}
	g.Expect(scrape("Accept: */*")).NotTo(ContainSubstring("controller_runtime_reconcile_total"))
	g.Expect(scrape("Authorization: Bearer " + strings.TrimSpace(token))).To(ContainSubstring("controller_runtime_reconcile_total"))
}

func TestAKilledManagerChangesNoAnswer(t *testing.T) {
	g := NewWithT(t)
	watch := startWatch(t, path.B, clusterDNS, hostname, 20*time.Millisecond)
	g.Expect(killProgram("manager")).To(Succeed())
	after, before := otherAddress(t), address(t)

	t.Log("The restarted manager publishes a change from its downtime")
	g.Expect(path.A.SetAddress(t.Context(), "gateway", "caddy", after)).To(Succeed())
	_, err := watch.untilAnswer(t.Context(), "NOERROR "+after)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(path.A.SetAddress(t.Context(), "gateway", "caddy", before)).To(Succeed())
	_, err = watch.untilAnswer(t.Context(), "NOERROR "+before)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(watch.stop()).To(Equal([]string{"NOERROR " + before, "NOERROR " + after, "NOERROR " + before}))
}

// killProgram kills our single process with the name, like a node that is out of memory.
func killProgram(program string) error {
	killed := 0
	err := eachProcess(program, func(folder string) error {
		pid, err := strconv.Atoi(folder[len("/proc/"):])
		if err != nil {
			return err
		}
		killed++
		return syscall.Kill(pid, syscall.SIGKILL)
	})
	if err == nil && killed != 1 {
		err = fmt.Errorf("killed %d processes of /%s instead of one", killed, program)
	}
	return err
}

func TestNamesOfAClusterWhoseAPIServerIsDownKeepResolving(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	want := address(t)
	watch := startWatch(t, path.B, clusterDNS, hostname, 20*time.Millisecond)
	g.Expect(path.A.StopAPIServer(ctx)).To(Succeed())
	t.Log("clustercache disconnects from a cluster after five failed probes, ten seconds apart")
	g.Eventually(gateway(t, "state")).WithTimeout(3 * time.Minute).WithPolling(time.Second).Should(Equal("Unreachable"))
	g.Expect(gateway(t, "addresses[0]")()).To(Equal(want))
	for _, client := range clients {
		g.Expect(fetch(t, path.B, client)()).To(ContainSubstring(walkthrough.Page), client)
	}
	g.Expect(path.A.StartAPIServer(ctx)).To(Succeed())
	g.Eventually(gateway(t, "state")).WithTimeout(3 * time.Minute).WithPolling(time.Second).Should(Equal("Resolved"))
	g.Expect(watch.stop()).To(Equal([]string{"NOERROR " + want}), "what a client saw meanwhile")
}
