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
	"sigs.k8s.io/yaml"
)

// switchTime is how long it takes until Pods resolve names after a switch to another CoreDNS: a
// probe, a new payload, and the time until the kubelet and CoreDNS load a new Corefile.
const switchTime = corefile + 2*time.Minute

// The CoreDNS of cluster-b is switched to a ConfigMap with another name, like that of Canonical
// Kubernetes or a Helm release. The manager notices only that lookups fail.
func TestACoreDNSWithAnyNameIsFoundByTheNameserver(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	kubectl := func(args ...string) string {
		t.Helper()
		out, err := path.B.Kubectl(ctx, append([]string{"--namespace=kube-system"}, args...)...)
		g.Expect(err).NotTo(HaveOccurred(), out)
		return out
	}
	read := func(configMap string) {
		t.Helper()
		kubectl("patch", "deployment", "coredns", `--patch={"spec":{"template":{"spec":{"volumes":[{"name":"config-volume","configMap":{"name":"`+configMap+`"}}]}}}}`)
		kubectl("rollout", "status", "deployment/coredns", "--timeout=2m")
	}
	expectReady(t, path.B)
	untouched := withoutZone(g, readCorefile(t))
	manifest, err := yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "ck-dns-coredns", "namespace": "kube-system"},
		"data": map[string]any{"Corefile": untouched},
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(path.B.Apply(ctx, string(manifest))).To(Succeed())
	corefileOfRelease := func() string {
		return kubectl("get", "configmap", "ck-dns-coredns", "--output=jsonpath={.data.Corefile}")
	}

	started := time.Now()
	read("ck-dns-coredns")
	defer func() {
		read("coredns")
		g.Expect(waitForCoreDNS(ctx, path.B)).To(Succeed())
		expectReady(t, path.B)
	}()
	g.Eventually(corefileOfRelease).WithTimeout(2 * soon).WithPolling(time.Second).Should(And(HavePrefix(untouched), ContainSubstring("xcc.test:53 {")))
	g.Expect(waitForCoreDNS(ctx, path.B)).To(Succeed())
	g.Eventually(dnsReady(t, "cluster-b", "status")).WithTimeout(switchTime).WithPolling(time.Second).Should(Equal("True"))
	fmt.Printf("FIGURE %-95s %s\n", "From a CoreDNS that reads another ConfigMap to names that resolve again", time.Since(started).Round(time.Second))
	g.Expect(dnsReady(t, "cluster-b", "message")()).To(ContainSubstring("ConfigMap kube-system/ck-dns-coredns of Deployment kube-system/coredns"))
	resolves(t, hostname, address(t))

	t.Log("The patcher has rights only on the ConfigMaps that it configures")
	names := kubectl("get", "role", "xcc-dns-config-patcher", "--output=jsonpath={.rules[0].resourceNames[*]}")
	g.Expect(strings.Fields(names)).To(ConsistOf("ck-dns-coredns", "coredns", "coredns-custom"))
}
