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
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// repairTime is the limit for a repair in a workload cluster.
const repairTime = 10 * time.Second

func TestBrokenObjectsInAClusterAreRepaired(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	answers := startGapless(t, path.B, hostname, "A")
	run := func(args ...string) {
		_, err := path.B.Kubectl(ctx, args...)
		g.Expect(err).NotTo(HaveOccurred())
	}
	field := func(field string, args ...string) func() (string, error) {
		return func() (string, error) { return path.B.Kubectl(ctx, append(args, "--output=jsonpath={"+field+"}")...) }
	}
	patcher := []string{"--namespace=xcc-dns", "get", "deployment", "dns-config-patcher"}
	for range 2 {
		before, err := field(".metadata.uid", patcher...)()
		g.Expect(err).NotTo(HaveOccurred())
		run("--namespace=xcc-dns", "delete", "deployment", "dns-config-patcher")
		g.Eventually(field(".metadata.uid", patcher...)).WithTimeout(repairTime).ShouldNot(Or(BeEmpty(), Equal(before)))
	}
	// The Role is deleted below. TestNoRightIsMissing would fail if a Pod started without it.
	run("--namespace=xcc-dns", "rollout", "status", "deployment/dns-config-patcher", "--timeout=60s")
	run("--namespace=xcc-dns", "scale", "deployment", "dns-server", "--replicas=3")
	g.Eventually(field(".spec.replicas", "--namespace=xcc-dns", "get", "deployment", "dns-server")).WithTimeout(repairTime).Should(Equal("2"))
	run("--namespace=kube-system", "delete", "role", "xcc-dns-config-patcher")
	g.Eventually(field(".metadata.name", "--namespace=kube-system", "get", "role", "xcc-dns-config-patcher")).WithTimeout(repairTime).
		Should(Equal("xcc-dns-config-patcher"))
	run("--namespace=xcc-dns", "patch", "service", "dns-server", "--type=json", `--patch=[{"op":"remove","path":"/metadata/labels"}]`)
	g.Eventually(field(".metadata.labels.app\\.kubernetes\\.io/part-of", "--namespace=xcc-dns", "get", "service", "dns-server")).
		WithTimeout(repairTime).Should(Equal("xcc"))
	answers.expectOnly(t, "NOERROR "+address(t))
}

// The new Service has another ClusterIP, so the address in the Corefile no longer shows that the
// block is ours.
func TestADeletedNamespaceIsRestored(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	before := dnsServer(t, path.B)
	others := startGapless(t, path.B, "kubernetes.default.svc.cluster.local", "A")
	_, err := path.B.Kubectl(ctx, "delete", "namespace", "xcc-dns", "--timeout=120s")
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(func() (string, error) {
		return path.B.Kubectl(ctx, "--namespace=xcc-dns", "get", "service", "dns-server", "--output=jsonpath={.spec.clusterIP}")
	}).WithTimeout(soon).Should(And(Not(BeEmpty()), Not(Equal(before))))
	g.Eventually(func() (string, error) {
		return path.B.Kubectl(ctx, "--namespace=xcc-dns", "get", "configmap", "dns-config-patcher", "--output=jsonpath={.data.state}")
	}).WithTimeout(soon).Should(Equal("Forwarding"))
	g.Expect(waitForCoreDNS(ctx, path.B)).To(Succeed())
	expectReady(t, path.B)
	others.expectOnly(t, "NOERROR 10.96.0.1")
}
