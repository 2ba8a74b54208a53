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
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
)

func TestAMoveThereAndBackChangesNoAnswer(t *testing.T) {
	g := NewWithT(t)
	other := secondManagement(t)
	t.Cleanup(func() { stopManager(t, other) })
	address := address(t)
	slices := func(cluster *rig.Cluster) string {
		out, err := cluster.Kubectl(t.Context(), "--namespace=xcc-dns", "get", "endpointslices", "--output=jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}{\"\\n\"}{end}",
			"--selector=endpointslice.kubernetes.io/managed-by=xcc.connectivity.tanzu.vmware.com")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(out).NotTo(BeEmpty())
		return out
	}
	answers := []*gapless{startGapless(t, path.B, hostname, "A"), startGapless(t, path.B, publishSteady(t), "A")}
	before := map[*rig.Cluster]string{path.A: slices(path.A), path.B: slices(path.B)}

	move(t, path.Management, other)
	move(t, other, path.Management)

	for _, of := range answers {
		of.expectOnly(t, "NOERROR "+address)
	}
	for cluster, want := range before {
		g.Expect(slices(cluster)).To(Equal(want), "no slice of %s was deleted and written again", cluster.Name)
	}
}

// move moves the namespace, and waits until the target reconciles its Clusters and gateways.
func move(t *testing.T, from, to *rig.Management) {
	t.Helper()
	g := NewWithT(t)
	started := time.Now()
	_, err := from.Clusterctl(t.Context(), "move", "--namespace="+namespace, "--to-kubeconfig="+to.KubeconfigPath)
	g.Expect(err).NotTo(HaveOccurred())
	taken := time.Since(started)
	for _, cluster := range []string{"cluster-a", "cluster-b"} {
		_, err := to.Kubectl(t.Context(), "--namespace="+namespace, "wait", "--for=condition=RemoteConnectionProbe", "--timeout=120s", "cluster.cluster.x-k8s.io/"+cluster)
		g.Expect(err).NotTo(HaveOccurred())
	}
	for _, condition := range []string{"Ready", "ConsumersCurrent"} {
		_, err = to.Kubectl(t.Context(), "--namespace="+namespace, "wait", "--for=condition="+condition, "--timeout=120s", "gatewaydns/dev-team-gateway-dns")
		g.Expect(err).NotTo(HaveOccurred())
	}
	fmt.Printf("MOVE from %s to %s: clusterctl took %.1f s, and the gateways are resolved after %.1f s\n",
		from.Name, to.Name, taken.Seconds(), time.Since(started).Seconds())
}

// stopManager stops the manager of a management cluster, because the other tests expect a single
// one.
func stopManager(t *testing.T, management *rig.Management) {
	t.Helper()
	g := NewWithT(t)
	for _, args := range [][]string{
		{"scale", "deployment/xcc-controller-manager", "--replicas=0"},
		{"wait", "pods", "--selector=control-plane=controller-manager", "--for=delete", "--timeout=120s"},
	} {
		out, err := management.Kubectl(context.Background(), append([]string{"--namespace=xcc-system"}, args...)...)
		g.Expect(err).NotTo(HaveOccurred(), out)
	}
}

// secondManagement starts another management cluster with xcc.
func secondManagement(t *testing.T) *rig.Management {
	t.Helper()
	g := NewWithT(t)
	ctx := t.Context()
	const name = "management-2"
	if found, err := path.Rig.Cluster(name); err == nil {
		return found.Management()
	}
	cluster, err := path.Rig.StartCluster(ctx, name)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cluster.LoadImage(ctx, filepath.Join(repository, "out", "images", "xcc-controller-manager.tar"))).To(Succeed())
	management, err := cluster.InstallClusterAPI(ctx, path.Repository())
	g.Expect(err).NotTo(HaveOccurred())
	out, err := management.Clusterctl(ctx, "init", "--addon=xcc")
	g.Expect(err).NotTo(HaveOccurred(), out)
	_, err = management.Kubectl(ctx, "--namespace=xcc-system", "rollout", "status", "deployment/xcc-controller-manager", "--timeout=120s")
	g.Expect(err).NotTo(HaveOccurred())
	fmt.Fprintln(os.Stdout, "A second management cluster runs:", management.KubeconfigPath)
	return management
}
