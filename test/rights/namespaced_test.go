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

package rights_test

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/kustomize"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rights"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/release"
)

func TestANamespacedInstallationHasRightsOnlyInItsNamespace(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	everywhere := build(t, "config/default", nil)
	inOne := build(t, "config/namespaced", map[string]string{"XCC_NAMESPACE": "dev-team"})

	for _, object := range inOne {
		g.Expect(object.GetKind()).To(BeElementOf("ServiceAccount", "Role", "RoleBinding", "Deployment"), object.GetName())
		g.Expect(object.GetNamespace()).To(Equal("dev-team"), object.GetName())
	}
	// These resources are cluster-scoped, so only a ClusterRole can allow them.
	reviews := []string{"tokenreviews", "subjectaccessreviews"}
	var wanted []string
	for _, right := range of(g, everywhere) {
		if !slices.Contains(reviews, right.Rule.Resources[0]) {
			right.Account, right.Namespace = "dev-team/xcc-manager", "dev-team"
			wanted = append(wanted, right.String())
		}
	}
	var found []string
	for _, right := range of(g, inOne) {
		found = append(found, right.String())
	}
	g.Expect(found).To(ConsistOf(wanted))
}

func build(t *testing.T, folder string, variables map[string]string) []unstructured.Unstructured {
	t.Helper()
	g := NewWithT(t)
	manifests, err := kustomize.Build(t.Context(), folder)
	g.Expect(err).NotTo(HaveOccurred())
	objects, err := release.Process(manifests, variables)
	g.Expect(err).NotTo(HaveOccurred())
	return objects
}

func of(g *WithT, objects []unstructured.Unstructured) []rights.Right {
	found, err := rights.Of(objects)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).NotTo(BeEmpty())
	return found
}
