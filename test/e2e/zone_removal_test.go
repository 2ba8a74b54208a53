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
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
)

// removalTime is how long a removal takes: 3 minutes until CoreDNS has reloaded, and the deletion
// of a namespace.
const removalTime = 6 * time.Minute

// othersSet is a foreign ClusterResourceSet. Its entry in cluster-a's binding must stay.
const othersSet = `
apiVersion: v1
kind: ConfigMap
metadata: {name: theirs, namespace: dev-team}
data:
  theirs.yaml: |
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: theirs, namespace: default}
---
apiVersion: addons.cluster.x-k8s.io/v1beta2
kind: ClusterResourceSet
metadata: {name: theirs, namespace: dev-team}
spec:
  clusterSelector: {matchLabels: {theirs: "true"}}
  resources: [{kind: ConfigMap, name: theirs}]
`

// Go runs the tests of a package in the order of their files. This one removes the installation.
// cluster-a has the CoreDNS of kubeadm. cluster-b has that of k3s, whose Corefile imports a
// ConfigMap for users.
func TestARemovalLeavesNoTraceAndLosesNoAnswer(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	kubectl := func(cluster *rig.Cluster, args ...string) string {
		t.Helper()
		out, err := cluster.Kubectl(ctx, args...)
		g.Expect(err).NotTo(HaveOccurred(), out)
		return out
	}
	management := path.Management.Cluster
	importing := withoutZone(g, readCorefile(t)) + "import custom/*.server\n"
	replaceCorefile(t, importing)
	g.Eventually(func() (string, error) {
		return path.B.Kubectl(ctx, "--namespace=kube-system", "get", "configmap", "coredns-custom", `--output=jsonpath={.data}`)
	}).WithTimeout(soon).Should(ContainSubstring("xcc.test:53"))
	g.Eventually(dnsReady(t, "cluster-b", "message")).WithTimeout(corefile).Should(ContainSubstring("coredns-custom"))
	g.Expect(management.Apply(ctx, othersSet)).To(Succeed())
	kubectl(management, "--namespace="+namespace, "label", "cluster.cluster.x-k8s.io", "cluster-a", "theirs=true")
	kubectl(path.A, "wait", "--for=create", "--namespace=default", "configmap/theirs", "--timeout=60s")
	republish(t)

	ours := []*gapless{startGapless(t, path.A, hostname, "A"), startGapless(t, path.B, hostname, "A")}
	others := []*gapless{
		startGapless(t, path.A, "kubernetes.default.svc.cluster.local", "A"), startGapless(t, path.B, "kubernetes.default.svc.cluster.local", "A"),
	}
	started := time.Now()
	kubectl(management, "--namespace="+namespace, "label", "cluster.cluster.x-k8s.io", "cluster-a", "cluster-b", "connectivity.tanzu.vmware.com/dns-")
	g.Eventually(dnsReady(t, "cluster-a", "reason")).WithTimeout(soon).Should(Equal("Removing"))
	g.Eventually(dnsReady(t, "cluster-a", "message")).WithTimeout(soon).Should(ContainSubstring("until"))
	t.Log("A manager that is killed during the removal continues it")
	g.Expect(killProgram("manager")).To(Succeed())
	for _, cluster := range []*rig.Cluster{path.A, path.B} {
		kubectl(cluster, "wait", "--for=delete", "namespace/xcc-dns", "--timeout="+removalTime.String())
		g.Eventually(func() (string, error) {
			return management.Kubectl(ctx, "--namespace="+namespace, "get", "cluster.cluster.x-k8s.io", cluster.Name, "--output=jsonpath={.metadata.labels} {.status.conditions[*].type}")
		}).WithTimeout(soon).ShouldNot(ContainSubstring("connectivity.tanzu.vmware.com"))
	}
	fmt.Printf("FIGURE %-95s %s\n", "From the label that goes to the last trace in two clusters", time.Since(started).Round(time.Second))
	for _, client := range ours {
		client.expectOnly(t, "NOERROR "+address(t), "NXDOMAIN")
	}
	for _, client := range others {
		client.expectOnly(t, "NOERROR 10.96.0.1")
	}

	t.Log("The removal leaves no trace")
	corefileOf := func(cluster *rig.Cluster) string {
		return kubectl(cluster, "--namespace=kube-system", "get", "configmap", "coredns", "--output=jsonpath={.data.Corefile}")
	}
	g.Expect(corefileOf(path.A)).To(Equal(corefileOf(management)), "as in a cluster that never had a block of ours")
	g.Expect(corefileOf(path.B)).To(Equal(importing))
	for _, cluster := range []*rig.Cluster{path.A, path.B} {
		g.Expect(kubectl(cluster, "--namespace=kube-system", "get", "configmaps,roles,rolebindings", "--output=name")).
			NotTo(Or(ContainSubstring("coredns-custom"), ContainSubstring("xcc")))
		g.Expect(kubectl(cluster, "--namespace=kube-system", "get", "configmaps", "--output=jsonpath={.items[*].data}")).
			NotTo(ContainSubstring("xcc.test"), "also where Pods asked for a while")
	}
	g.Expect(kubectl(management, "--namespace="+namespace, "get", "clusterresourcesets,secrets", "--output=name")).
		NotTo(ContainSubstring("xcc-dns"))
	g.Expect(strings.Fields(kubectl(management, "--namespace="+namespace, "get", "clusterresourcesetbindings", "--output=jsonpath={.items[*].spec.bindings[*].clusterResourceSetName}"))).
		To(ConsistOf("theirs"))
}

// republish re-creates the GatewayDNS of the walkthrough, and waits until all Pods of CoreDNS
// resolve its name.
func republish(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	_, err := path.Management.Kubectl(t.Context(), "apply", "--filename="+path.Folder+"/gatewaydns.yaml")
	g.Expect(err).NotTo(HaveOccurred())
	for _, cluster := range []*rig.Cluster{path.A, path.B} {
		g.Expect(waitForCoreDNS(t.Context(), cluster)).To(Succeed())
	}
}
