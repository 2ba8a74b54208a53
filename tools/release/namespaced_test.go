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

package release_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/kustomize"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/release"
)

func TestTheComponentsForOneNamespaceCanBeReleased(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	built, err := kustomize.Build(t.Context(), "config/namespaced")
	g.Expect(err).NotTo(HaveOccurred())
	folder := t.TempDir()

	g.Expect(release.WriteNamespaced(folder, tag, built)).To(Succeed())

	components, err := os.ReadFile(filepath.Join(folder, tag, "namespaced-components.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(components)).NotTo(ContainSubstring(":dev"))
	_, err = release.Process(components, nil)
	g.Expect(err).To(MatchError(ContainSubstring("XCC_NAMESPACE")), "whoever installs has to name the namespace")
	objects, err := release.Process(components, map[string]string{"XCC_NAMESPACE": "dev-team", "XCC_DNS_TOLERATIONS": `[{"key": "a"}]`})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(arguments(t, objects)).To(ContainElements(
		"--namespace=$(POD_NAMESPACE)", "--leader-elect", "--diagnostics-address=localhost:8443", "--insecure-diagnostics=true",
		`--dns-tolerations=[{"key": "a"}]`, "--dns-image=ghcr.io/cross-cluster-connectivity/xcc-dns:v0.1.0",
	))
}

func TestCheckNamespacedFinds(t *testing.T) {
	t.Parallel()
	built, err := kustomize.Build(t.Context(), "config/namespaced")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for name, test := range map[string]struct{ before, after, want string }{
		"a role for the whole cluster": {"kind: Role\n", "kind: ClusterRole\n", "have no namespace"},
		"another namespace":            {"  namespace: ${XCC_NAMESPACE}\n", "  namespace: kube-system\n", `in the namespace "kube-system"`},
		"an image nobody released":     {"", "", "which is not released"},
		"a further variable":           {"replicas: 1", "replicas: ${XCC_REPLICAS}", "XCC_REPLICAS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			changed := strings.Replace(string(built), test.before, test.after, 1)
			g.Expect(release.CheckNamespaced([]byte(changed))).To(MatchError(ContainSubstring(test.want)))
		})
	}
}
