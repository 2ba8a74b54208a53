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
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/release"
)

func TestCheckFinds(t *testing.T) {
	t.Parallel()
	const labels = "labels: {cluster.x-k8s.io/provider: addon-xcc}"
	for name, test := range map[string]struct {
		// replace is a text of the right components and its replacement.
		replace [2]string
		add     string
		message string
	}{
		"a second Namespace": {
			add:     "apiVersion: v1\nkind: Namespace\nmetadata: {name: other, " + labels + "}",
			message: `the Namespaces ["xcc-system" "other"], not exactly xcc-system`,
		},
		"no Namespace": {
			replace: [2]string{"kind: Namespace\n", "kind: ServiceAccount\n"},
			message: "the Namespaces [], not exactly xcc-system",
		},
		"what clusterctl would move to our namespace": {
			add:     "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: coredns, namespace: kube-system, " + labels + "}",
			message: `ServiceAccount coredns: it is in the namespace "kube-system"`,
		},
		"what clusterctl would re-create at every upgrade": {
			add:     "apiVersion: addons.cluster.x-k8s.io/v1beta2\nkind: ClusterResourceSet\nmetadata: {name: a, namespace: xcc-system, " + labels + "}",
			message: "ClusterResourceSet a: objects of this kind are no part of the provider",
		},
		"a surprise for the whole cluster": {
			add:     "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: a, " + labels + "}",
			message: "MutatingWebhookConfiguration a: objects of this kind are no part of the provider",
		},
		"an object that clusterctl could not find again": {
			add:     "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a}",
			message: "ClusterRole a: it has no label cluster.x-k8s.io/provider: addon-xcc",
		},
		"a variable that nobody documented": {
			replace: [2]string{"--leader-elect\n", "--leader-elect=${XCC_LEADER:=true}\n"},
			message: "the variable XCC_LEADER is not documented",
		},
		"a documented variable that is gone": {
			replace: [2]string{"${XCC_ZONE:=xcc.test}", "xcc.test"},
			message: "the variable XCC_ZONE is documented and does nothing",
		},
		"a variable with an empty default": {
			replace: [2]string{"${XCC_ZONE:=xcc.test}", "${XCC_ZONE:=}"},
			message: "the variable XCC_ZONE has no default",
		},
		"a variable of another meaning": {
			replace: [2]string{"--leader-elect\n", "--leader-elect=${HOME}\n"},
			message: "the variable HOME is not documented",
		},
		"a CRD without contract": {
			replace: [2]string{"cluster.x-k8s.io/v1beta2: v1alpha1", "cluster.x-k8s.io/v1beta1: v1alpha1"},
			message: "the label cluster.x-k8s.io/v1beta2 does not say v1alpha1",
		},
		"a CRD that stays behind in a move": {
			replace: [2]string{"clusterctl.cluster.x-k8s.io/move: \"\"", "clusterctl.cluster.x-k8s.io/stay: \"\""},
			message: "the label clusterctl.cluster.x-k8s.io/move is missing",
		},
		"a container that clusterctl does not find": {
			replace: [2]string{"name: manager\n        ports", "name: main\n        ports"},
			message: "its container is called main, not manager",
		},
		"an image that nobody released": {
			replace: [2]string{"xcc-controller-manager:v0.1.0", "xcc-controller-manager:dev"},
			message: "it names the image ghcr.io/cross-cluster-connectivity/xcc-controller-manager:dev, which is not released",
		},
		"a default image that nobody released": {
			replace: [2]string{"xcc-dns:v0.1.0", "xcc-dns:dev"},
			message: "xcc-dns:dev, which is not released",
		},
		"what is no YAML": {
			add:     "kind: [",
			message: "reading the manifests",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			right := string(components(t))
			g.Expect(release.Check([]byte(right))).To(Succeed())
			wrong := strings.Replace(right, test.replace[0], test.replace[1], 1)
			if test.add != "" {
				wrong += "\n---\n" + test.add + "\n"
			}
			g.Expect(wrong).NotTo(Equal(right), "the text to replace is gone from the components")

			err := release.Check([]byte(wrong))

			g.Expect(err).To(MatchError(ContainSubstring(test.message)))
		})
	}
}
