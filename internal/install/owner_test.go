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

package install_test

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

func TestAnObjectIsOursByTwoOfItsThreeMarks(t *testing.T) {
	t.Parallel()
	cluster := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev-team", Name: "a", UID: "1"}}
	owner := func(change func(*metav1.OwnerReference)) *metav1.OwnerReference {
		reference := &metav1.OwnerReference{APIVersion: "cluster.x-k8s.io/v1beta2", Kind: "Cluster", Name: "a", UID: "1"}
		change(reference)
		return reference
	}
	ours := owner(func(*metav1.OwnerReference) {})
	for name, test := range map[string]struct {
		owner *metav1.OwnerReference
		label string
		mark  bool
		ours  bool
	}{
		"as every release writes it":           {ours, "a", true, true},
		"without labels":                       {ours, "", true, true},
		"restored without owner references":    {nil, "a", true, true},
		"restored, of a former UID":            {owner(func(r *metav1.OwnerReference) { r.UID = "0" }), "a", true, true},
		"of a former version of Cluster API":   {owner(func(r *metav1.OwnerReference) { r.APIVersion = "cluster.x-k8s.io/v1beta1" }), "a", false, true},
		"a user's own":                         {nil, "", false, false},
		"a user's own, labelled":               {nil, "a", false, false},
		"a user's own, that goes with Cluster": {ours, "", false, false},
		"marked and of another Cluster":        {owner(func(r *metav1.OwnerReference) { r.Name = "b" }), "b", true, false},
		"of another kind of that name":         {owner(func(r *metav1.OwnerReference) { r.Kind = "Machine" }), "", true, false},
		"of another group":                     {owner(func(r *metav1.OwnerReference) { r.APIVersion = "example.com/v1" }), "", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			meta := metav1.ObjectMeta{Namespace: "dev-team", Name: "a-xcc-dns"}
			if test.owner != nil {
				meta.OwnerReferences = []metav1.OwnerReference{*test.owner}
			}
			if test.label != "" {
				meta.Labels = map[string]string{clusterv1.ClusterNameLabel: test.label}
			}
			secret, set := &corev1.Secret{ObjectMeta: meta}, &addonsv1.ClusterResourceSet{ObjectMeta: meta}
			if test.mark {
				secret.Annotations = map[string]string{xccv1.PayloadAnnotation: "hash"}
				set.Spec.ClusterSelector.MatchLabels = map[string]string{xccv1.DNSClusterLabel: "a"}
			}
			g.Expect(install.OwnsPayload(cluster, secret)).To(Equal(test.ours))
			g.Expect(install.OwnsSet(cluster, set)).To(Equal(test.ours))
		})
	}
}
