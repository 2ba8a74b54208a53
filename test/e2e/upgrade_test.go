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

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
)

// nextVersion has other images than the installed version, so its payload differs.
const nextVersion = "v0.1.1"

func TestAnUpgradeWithClusterctlLosesNoAnswer(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	g.Expect(path.Release(ctx, nextVersion)).To(Succeed())
	want := "NOERROR " + address(t)
	clients := []*gapless{
		startGapless(t, path.A, hostname, "A"), startGapless(t, path.B, hostname, "A"), startGapless(t, path.B, publishSteady(t), "A"),
	}

	out, err := path.Management.Clusterctl(ctx, "upgrade", "apply", "--addon=xcc-system/xcc:"+nextVersion)
	g.Expect(err).NotTo(HaveOccurred(), out)
	_, err = path.Management.Kubectl(ctx, "--namespace=xcc-system", "rollout", "status", "deployment/xcc-controller-manager", "--timeout=120s")
	g.Expect(err).NotTo(HaveOccurred())
	for _, cluster := range []*rig.Cluster{path.A, path.B} {
		for _, deployment := range []string{"dns-server", "dns-config-patcher"} {
			g.Eventually(func() (string, error) {
				return cluster.Kubectl(ctx, "--namespace=xcc-dns", "get", "deployment", deployment, "--output=jsonpath={.spec.template.spec.containers[0].image}")
			}).WithTimeout(3*time.Minute).WithPolling(time.Second).Should(HaveSuffix(":"+nextVersion), "%s of %s", deployment, cluster.Name)
			_, err := cluster.Kubectl(ctx, "--namespace=xcc-dns", "rollout", "status", "deployment/"+deployment, "--timeout=120s")
			g.Expect(err).NotTo(HaveOccurred())
		}
	}
	for _, client := range clients {
		client.expectOnly(t, want)
	}
}
