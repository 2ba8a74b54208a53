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

	. "github.com/onsi/gomega"
)

func TestARollingRestartOfTheDNSServerLosesNoAnswer(t *testing.T) {
	ours := startGapless(t, path.B, hostname, "A")
	denied := startGapless(t, path.B, "nobody."+zone, "A")
	others := startGapless(t, path.B, "kubernetes.default.svc.cluster.local", "A")
	replaceDNSServers(t)
	ours.expectOnly(t, "NOERROR "+address(t))
	denied.expectOnly(t, "NXDOMAIN")
	others.expectOnly(t, "NOERROR 10.96.0.1")
}

// replaceDNSServers restarts the DNS servers of cluster-b one after the other, and waits until the
// former Pods are gone.
func replaceDNSServers(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	pods, err := path.B.Kubectl(t.Context(), "--namespace=xcc-dns", "get", "pods", "--selector=app=dns-server", "--output=name")
	g.Expect(err).NotTo(HaveOccurred())
	before := strings.Fields(pods)
	g.Expect(before).NotTo(BeEmpty())
	for _, args := range [][]string{
		{"rollout", "restart", "deployment/dns-server"},
		{"rollout", "status", "deployment/dns-server", "--timeout=120s"},
		append([]string{"wait", "--for=delete", "--timeout=60s"}, before...),
	} {
		_, err := path.B.Kubectl(t.Context(), append([]string{"--namespace=xcc-dns"}, args...)...)
		g.Expect(err).NotTo(HaveOccurred())
	}
}
