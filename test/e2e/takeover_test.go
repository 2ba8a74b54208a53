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
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
)

// oldCluster is a workload cluster with the 2022 project.
const oldCluster = "cluster-old"

// startOldCluster starts a cluster whose CoreDNS forwards the zone to the DNS server of the 2022
// project.
func startOldCluster(t *testing.T) *rig.Cluster {
	t.Helper()
	g := NewWithT(t)
	ctx := t.Context()
	cluster, err := path.Rig.Cluster(oldCluster)
	if err != nil {
		cluster, err = path.Rig.StartCluster(ctx, oldCluster)
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(cluster.LoadImage(ctx, filepath.Join(repository, "out", "images", "xcc-dns.tar"))).To(Succeed())
	coreDNS, err := rig.BuildImage(ctx, "coredns")
	g.Expect(err).NotTo(HaveOccurred())
	for _, name := range []string{"dns-server.yaml", "dns-config-patcher.yaml", "endpointslices.yaml"} {
		g.Expect(cluster.Apply(ctx, oldObjects(t, name, "ADDRESS", address(t), "IMAGE", coreDNS.Reference))).To(Succeed())
	}
	server, _, _ := strings.Cut(dnsServer(t, cluster), ":")
	original := corefileOf(t, cluster)
	t.Cleanup(func() {
		remove(t, cluster, "namespace/xcc-dns")
		replaceCorefileOf(t, cluster, original)
	})
	replaceCorefileOf(t, cluster, original+"\n"+oldObjects(t, "server-block.txt", "SERVICE", server))
	// New Pods load the new Corefile immediately.
	for _, args := range [][]string{
		{"--namespace=kube-system", "delete", "pods", "--selector=k8s-app=kube-dns"},
		{"--namespace=kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s"},
		{"--namespace=xcc-dns", "rollout", "status", "deployment/dns-server", "--timeout=120s"},
		{"--namespace=xcc-dns", "wait", "--for=condition=Complete", "job/dns-config-patcher", "--timeout=60s"},
	} {
		_, err := cluster.Kubectl(ctx, args...)
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(startWatcher(ctx, cluster)).To(Succeed())
	g.Expect(waitForCoreDNS(ctx, cluster)).To(Succeed())
	return cluster
}

// oldObjects returns a manifest of the 2022 project with its placeholders replaced.
func oldObjects(t *testing.T, name string, replacements ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "old-project", name))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return strings.NewReplacer(replacements...).Replace(string(text))
}

// objectsOf returns the names of the objects of the kinds in xcc-dns.
func objectsOf(t *testing.T, cluster *rig.Cluster, kinds string) func() (string, error) {
	t.Helper()
	return func() (string, error) {
		return cluster.Kubectl(t.Context(), "--namespace=xcc-dns", "get", kinds, "--output=name")
	}
}

// reloads waits until every Pod of CoreDNS has loaded another Corefile.
func reloads(t *testing.T, cluster *rig.Cluster, since time.Time) {
	t.Helper()
	g := NewWithT(t)
	pods, err := cluster.Kubectl(t.Context(), "--namespace=kube-system", "get", "pods", "--selector=k8s-app=kube-dns", "--output=name")
	g.Expect(err).NotTo(HaveOccurred())
	for pod := range strings.FieldsSeq(pods) {
		g.Eventually(func() (string, error) {
			return cluster.Kubectl(t.Context(), "--namespace=kube-system", "logs", pod, "--since-time="+since.UTC().Format(time.RFC3339))
		}).WithTimeout(corefile).WithPolling(time.Second).Should(ContainSubstring("Reloading complete"), pod)
	}
}

// docs/migration.md describes these steps.
func TestAnOldInstallationIsTakenOverWithoutAFailedQuery(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	old := startOldCluster(t)
	server := dnsServer(t, old)
	published := startGapless(t, old, hostname, "A")
	denied := startGapless(t, old, "nobody."+zone, "A")
	others := startGapless(t, old, "kubernetes.default.svc.cluster.local", "A")

	t.Log("Without the label, the cluster gets our records beside the old ones")
	t.Cleanup(func() {
		remove(t, path.Management.Cluster, "--namespace="+namespace, "cluster.cluster.x-k8s.io/"+oldCluster)
	})
	g.Expect(path.Management.AddCluster(ctx, namespace, oldCluster, old)).To(Succeed())
	g.Eventually(objectsOf(t, old, "endpointslices")).WithTimeout(soon).Should(And(
		ContainSubstring("/dev-team-gateway-dns-cluster-a-ipv4-"), ContainSubstring("/by-hand"),
		Not(ContainSubstring("/dev-team-cluster-a-gateway")),
	))

	labelled := time.Now()
	_, err := path.Management.Kubectl(ctx, "--namespace="+namespace, "label", "cluster.cluster.x-k8s.io/"+oldCluster, "connectivity.tanzu.vmware.com/dns=enabled")
	g.Expect(err).NotTo(HaveOccurred())
	_, err = path.Management.Kubectl(ctx, "--namespace="+namespace, "wait", "--for=condition=connectivity.tanzu.vmware.com/DNSReady",
		"--timeout=240s", "cluster.cluster.x-k8s.io/"+oldCluster)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(objectsOf(t, old, "jobs,configmaps,roles,rolebindings")).WithTimeout(soon).Should(And(
		Not(ContainSubstring("job.batch/")), Not(ContainSubstring("/dns-server-corefile")), Not(ContainSubstring("service-watcher")),
		ContainSubstring("rolebinding.rbac.authorization.k8s.io/dns-config-patcher"),
	))
	g.Expect(dnsServer(t, old)).To(Equal(server), "CoreDNS forwards to this address all the time")
	g.Expect(corefileOf(t, old)).To(And(
		ContainSubstring("\nxcc.test:53 {\n"), Not(ContainSubstring("CROSS CLUSTER")),
		WithTransform(func(text string) int { return strings.Count(text, zone) }, Equal(1)),
	))
	reloads(t, old, labelled)

	t.Log("The new server answers types that the old one did not support, and serves hand-written slices")
	byHand := startGapless(t, old, "by-hand."+zone, "A")
	_, err = byHand.untilAnswer(ctx, "NOERROR 198.51.100.7")
	g.Expect(err).NotTo(HaveOccurred())
	published.expectOnly(t, "NOERROR "+address(t))
	denied.expectOnly(t, "NXDOMAIN")
	others.expectOnly(t, "NOERROR 10.96.0.1")
}
