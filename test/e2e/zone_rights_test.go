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
	"flag"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rights"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/walkthrough"
)

// requestsOf returns all requests of a namespace's ServiceAccounts to the clusters.
func requestsOf(g *WithT, namespace string, clusters ...*rig.Cluster) []rights.Request {
	var all []rights.Request
	for _, cluster := range clusters {
		requests, err := rights.Read(cluster.AuditLog(), namespace)
		g.Expect(err).NotTo(HaveOccurred())
		all = append(all, requests...)
	}
	g.Expect(all).NotTo(BeEmpty())
	return all
}

// rightsIn returns the rights of the manager in the released components, and of the other two
// programs in the payload.
func rightsIn(g *WithT) (manager, workload []rights.Right) {
	released, err := os.ReadFile(filepath.Join(path.Repository(), walkthrough.Version, "addon-components.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	of := func(objects []unstructured.Unstructured) []rights.Right {
		found, err := rights.Of(objects)
		g.Expect(err).NotTo(HaveOccurred())
		return found
	}
	components, err := utilyaml.ToUnstructured(released)
	g.Expect(err).NotTo(HaveOccurred())
	payload, err := templates.Objects(templates.Values{Zone: zone, Image: "image", Replicas: 2, TTL: 5, PriorityClass: templates.DefaultPriorityClass})
	g.Expect(err).NotTo(HaveOccurred())
	return of(components), of(payload)
}

// Go runs the tests of a package in the order of their files. This one evaluates the audit logs of
// all earlier tests, in which the three programs had only the rights of the manifests.
func TestNoRightIsMissing(t *testing.T) {
	g := NewWithT(t)
	g.Expect(rights.Forbidden(requestsOf(g, "xcc-system", path.Management.Cluster))).To(BeEmpty())
	g.Expect(rights.Forbidden(requestsOf(g, "xcc-dns", path.A, path.B))).To(BeEmpty())
}

func TestEveryRightIsUsed(t *testing.T) {
	if filter := flag.Lookup("test.run").Value.String(); filter != "" {
		t.Skipf("Only the whole suite uses every right, and this run is restricted to %q", filter)
	}
	g := NewWithT(t)
	manager, workload := rightsIn(g)
	g.Expect(rights.Unused(manager, requestsOf(g, "xcc-system", path.Management.Cluster))).To(BeEmpty())
	g.Expect(rights.Unused(workload, requestsOf(g, "xcc-dns", path.A, path.B))).To(BeEmpty())
}

// This is the last test. GatewayDNS must remain, and no deletion may hang.
func TestTheProviderIsDeleted(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	kubectl := func(args ...string) string {
		t.Helper()
		out, err := path.Management.Kubectl(ctx, args...)
		g.Expect(err).NotTo(HaveOccurred(), out)
		return out
	}
	out, err := path.Management.Clusterctl(ctx, "delete", "--addon=xcc")
	g.Expect(err).NotTo(HaveOccurred(), out)
	kubectl("--namespace=xcc-system", "wait", "--for=delete", "deployment/xcc-controller-manager", "--timeout=60s")
	g.Expect(kubectl("--namespace="+namespace, "get", "gatewaydns", "--output=name")).NotTo(BeEmpty())
	kubectl("--namespace="+namespace, "delete", "gatewaydns", "--all", "--timeout=30s")
	g.Expect(kubectl("get", "clusterroles,clusterrolebindings", "--output=name", "--selector=cluster.x-k8s.io/provider=addon-xcc")).To(BeEmpty())
}
