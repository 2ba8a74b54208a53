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
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
)

// dnsReady returns a field of the condition DNSReady of a Cluster.
func dnsReady(t *testing.T, cluster, field string) func() (string, error) {
	t.Helper()
	return func() (string, error) {
		return path.Management.Kubectl(t.Context(), "--namespace="+namespace, "get", "cluster.cluster.x-k8s.io", cluster,
			`--output=jsonpath={.status.conditions[?(@.type=="connectivity.tanzu.vmware.com/DNSReady")].`+field+`}`)
	}
}

// expectReady waits until lookups in all clusters succeed.
func expectReady(t *testing.T, clusters ...*rig.Cluster) {
	t.Helper()
	g := NewWithT(t)
	for _, cluster := range clusters {
		g.Eventually(dnsReady(t, cluster.Name, "status")).WithTimeout(corefile).WithPolling(time.Second).Should(Equal("True"), cluster.Name)
	}
}

func TestDNSReadyIsTrue(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	expectReady(t, path.A, path.B)
	g.Expect(dnsReady(t, "cluster-b", "message")()).To(ContainSubstring("CoreDNS: ConfigMap kube-system/coredns"))
	out, err := path.Management.Clusterctl(ctx, "describe", "cluster", "cluster-b", "--namespace="+namespace, "--show-conditions=all")
	g.Expect(err).NotTo(HaveOccurred(), out)
	g.Expect(out).To(MatchRegexp(`connectivity\.tanzu\.vmware\.com/DNSReady\s+True`))

	t.Log("Cluster API uses the condition as an availability gate")
	_, err = path.Management.Kubectl(ctx, "--namespace="+namespace, "patch", "cluster.cluster.x-k8s.io", "cluster-b", "--type=merge",
		`--patch={"spec":{"availabilityGates":[{"conditionType":"connectivity.tanzu.vmware.com/DNSReady"}]}}`)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(func() (string, error) {
		return path.Management.Kubectl(ctx, "--namespace="+namespace, "get", "cluster.cluster.x-k8s.io", "cluster-b",
			`--output=jsonpath={.status.conditions[?(@.type=="Available")].observedGeneration}`)
	}).WithTimeout(soon).ShouldNot(BeEmpty())
	g.Expect(path.Management.Kubectl(ctx, "--namespace="+namespace, "get", "cluster.cluster.x-k8s.io", "cluster-b",
		`--output=jsonpath={.status.conditions[?(@.type=="Available")].message}`)).NotTo(ContainSubstring("DNSReady"), "the gate is open")
}

func TestDNSReadySaysWhyDNSDoesNotWork(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	answers := startGapless(t, path.B, hostname, "A")
	patched := readCorefile(t)
	t.Log("A DNS server without a Corefile is not a known CoreDNS")
	_, err := path.B.Kubectl(ctx, "--namespace=kube-system", "delete", "configmap", "coredns")
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(dnsReady(t, "cluster-b", "reason")).WithTimeout(soon).Should(Equal("CorefileNotFound"))
	g.Expect(path.B.Apply(ctx, corefileManifest(g, patched))).To(Succeed())
	g.Eventually(dnsReady(t, "cluster-b", "status")).WithTimeout(soon).Should(Equal("True"))

	t.Log("A foreign block is unchanged: our blocks never have the plugin log. CoreDNS may load it meanwhile")
	foreign := strings.Replace(patched, "xcc.test:53 {\n", "xcc.test:53 {\n    log\n", 1)
	replaceCorefile(t, foreign)
	g.Eventually(dnsReady(t, "cluster-b", "reason")).WithTimeout(soon).Should(Equal("ForeignBlock"))
	g.Expect(dnsReady(t, "cluster-b", "message")()).To(ContainSubstring("xcc.test"))
	g.Expect(readCorefile(t)).To(Equal(foreign))
	replaceCorefile(t, patched)
	g.Eventually(dnsReady(t, "cluster-b", "status")).WithTimeout(soon).Should(Equal("True"))
	answers.expectOnly(t, "NOERROR "+address(t))
}
