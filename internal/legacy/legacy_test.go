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

package legacy_test

import (
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/legacy"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/kustomize"
)

// lastMinor is the last minor release of v0 that takes an installation of the 2022 project over.
const lastMinor = 3

func TestThisPackageIsDeletedInTime(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	text, err := os.ReadFile("../../metadata.yaml")
	g.Expect(err).NotTo(HaveOccurred())
	metadata := &clusterctlv1.Metadata{}
	g.Expect(yaml.Unmarshal(text, metadata)).To(Succeed())
	g.Expect(metadata.ReleaseSeries).NotTo(BeEmpty())
	for _, series := range metadata.ReleaseSeries {
		g.Expect(series.Major == 0 && series.Minor <= lastMinor).To(BeTrue(), "v%d.%d must be released without package legacy", series.Major, series.Minor)
	}
}

func named(apiVersion, kind, namespace, name string) legacy.Object {
	return legacy.Object{APIVersion: apiVersion, Kind: kind, Namespace: namespace, Name: name}
}

// object returns an object with a name in a namespace, without anything else.
func object(o legacy.Object) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": o.APIVersion, "kind": o.Kind}}
	object.SetNamespace(o.Namespace)
	object.SetName(o.Name)
	return object
}

func TestObjectsAreRecognised(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, o := range legacy.Objects() {
		if o.Kind != "RoleBinding" {
			g.Expect(legacy.IsObject(object(o))).To(BeTrue(), "%v", o)
		}
	}
	g.Expect(legacy.IsObject(object(named("batch/v2", "Job", "xcc-dns", "dns-config-patcher")))).To(BeTrue(), "another version of its API")
	g.Expect(legacy.IsObject(object(named("example.com/v1", "Job", "xcc-dns", "dns-config-patcher")))).To(BeFalse(), "a Job of another API")
	g.Expect(legacy.IsObject(object(named("batch/v1", "Job", "default", "dns-config-patcher")))).To(BeFalse(), "another namespace")
	g.Expect(legacy.IsObject(object(named("v1", "ConfigMap", "xcc-dns", "dns-config-patcher")))).To(BeFalse(), "the memory of the patcher")
}

func TestARoleBindingIsRecognisedByItsOnlySubject(t *testing.T) {
	t.Parallel()
	patcher := map[string]any{"kind": "ServiceAccount", "namespace": "xcc-dns", "name": "dns-config-patcher"}
	for name, test := range map[string]struct {
		subjects []any
		expected bool
	}{
		"the patcher":                 {[]any{patcher}, true},
		"nobody":                      {nil, false},
		"the patcher and another":     {[]any{patcher, map[string]any{"kind": "User", "name": "a"}}, false},
		"a user called as it":         {[]any{map[string]any{"kind": "User", "namespace": "xcc-dns", "name": "dns-config-patcher"}}, false},
		"one of another namespace":    {[]any{map[string]any{"kind": "ServiceAccount", "namespace": "a", "name": "dns-config-patcher"}}, false},
		"something that is no object": {[]any{"dns-config-patcher"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binding := object(named("rbac.authorization.k8s.io/v1", "RoleBinding", "kube-system", "dns-config-patcher"))
			if test.subjects != nil {
				binding.Object["subjects"] = test.subjects
			}
			NewWithT(t).Expect(legacy.IsObject(binding)).To(Equal(test.expected))
		})
	}
}

// marks are texts that only an installation of the 2022 project has.
func marks() []string {
	all := []string{legacy.BlockBegin, legacy.BlockEnd, "system-corefile-updater", "xcc-dns-controller"}
	for _, o := range legacy.Objects() {
		if o.Name != "dns-config-patcher" { // Ours is called so, too.
			all = append(all, o.Name)
		}
	}
	return all
}

// carriesNone expects that manifests have no object and no mark of the 2022 project.
func carriesNone(g Gomega, manifests []byte) []unstructured.Unstructured {
	for _, mark := range marks() {
		g.Expect(string(manifests)).NotTo(ContainSubstring(mark))
	}
	objects, err := utilyaml.ToUnstructured(manifests)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(objects).NotTo(BeEmpty())
	for i := range objects {
		g.Expect(legacy.IsObject(&objects[i])).To(BeFalse(), objects[i].GetName())
	}
	return objects
}

func TestAFreshPayloadCarriesNone(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	manifests, err := templates.Render(templates.Values{Zone: "xcc.test", Image: "registry.example.com/xcc-dns:v1", Replicas: 2, TTL: 5})
	g.Expect(err).NotTo(HaveOccurred())
	for _, o := range carriesNone(g, manifests) {
		if o.GetKind() == "Deployment" {
			labels, _, _ := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
			g.Expect(labels).NotTo(BeEmpty())
			g.Expect(legacy.IsServerPod(labels)).To(BeFalse(), o.GetName())
		}
	}
}

func TestReleasedComponentsCarryNone(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"config/default", "config/namespaced"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			manifests, err := kustomize.Build(t.Context(), folder)
			g.Expect(err).NotTo(HaveOccurred())
			carriesNone(g, manifests)
		})
	}
}

func TestAFreshServerBlockCarriesNone(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	name := types.NamespacedName{Namespace: "kube-system", Name: "coredns"}
	plan := corefile.Install(corefile.Cluster{Servers: corefile.Known(), ConfigMaps: map[types.NamespacedName]corefile.ConfigMap{
		name: {Data: map[string]string{"Corefile": ".:53 {\n    errors\n}\n"}},
	}}, corefile.Settings{Zones: []string{"xcc.test"}, ClusterIPs: []string{"10.0.0.1"}})
	g.Expect(plan.Err).NotTo(HaveOccurred())
	g.Expect(plan.Edits).To(HaveLen(1))
	_, block, found := strings.Cut(plan.Edits[0].Text, "xcc.test:53 {")
	g.Expect(found).To(BeTrue())
	for _, mark := range marks() {
		g.Expect(plan.Edits[0].Text).NotTo(ContainSubstring(mark))
	}
	for word := range strings.FieldsSeq(block) {
		g.Expect(legacy.IsBlockPlugin(word)).To(BeFalse(), word)
	}
}
