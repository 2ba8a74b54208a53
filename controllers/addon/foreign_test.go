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

package addon_test

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// TestForeignObjectsAreNeitherWrittenNorDeleted has a user's own objects where the add-on's would
// be.
func TestForeignObjectsAreNeitherWrittenNorDeleted(t *testing.T) {
	t.Parallel()
	for name, labels := range map[string]map[string]string{
		"unknown to the cache": nil,
		"cached":               {clusterv1.ClusterNameLabel: "cluster-a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTenant(t)
			workloadA := n.NewWorkload()
			ctx := t.Context()
			meta := metav1.ObjectMeta{Namespace: n.Namespace, Name: "cluster-a-xcc-dns", Labels: labels}
			secret := &corev1.Secret{ObjectMeta: meta, Type: addonsv1.ClusterResourceSetSecretType, StringData: map[string]string{"mine.yaml": "{}"}}
			set := &addonsv1.ClusterResourceSet{ObjectMeta: meta, Spec: addonsv1.ClusterResourceSetSpec{
				ClusterSelector: metav1.LabelSelector{MatchLabels: map[string]string{"mine": "true"}},
				Resources:       []addonsv1.ResourceRef{{Kind: "Secret", Name: "another"}},
				Strategy:        string(addonsv1.ClusterResourceSetStrategyReconcile),
			}}
			for _, object := range []client.Object{secret, set} {
				n.Expect(fleet.Management.Create(ctx, object)).To(Succeed())
			}
			object := n.AddCluster("cluster-a", workloadA.Kubeconfig, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
			label := func(value string) {
				n.Expect(fleet.Management.Patch(ctx, object, client.RawPatch("application/merge-patch+json",
					[]byte(`{"metadata":{"labels":{"`+xccv1.DNSLabel+`":`+value+`}}}`)))).To(Succeed())
			}
			unchanged := func(g Gomega) {
				found, foundSet := &corev1.Secret{}, &addonsv1.ClusterResourceSet{}
				g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(secret), found)).To(Succeed())
				g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(set), foundSet)).To(Succeed())
				g.Expect(found.Data).To(Equal(secret.Data))
				g.Expect(found.UID).To(Equal(secret.UID))
				g.Expect(found.Annotations).To(BeEmpty())
				g.Expect(foundSet.UID).To(Equal(set.UID))
				g.Expect(foundSet.Spec).To(Equal(set.Spec))
				g.Expect(foundSet.OwnerReferences).To(BeEmpty())
			}

			t.Log("The Cluster says what is in the way, and nothing happens to it")
			n.Eventually(n.DNSReady("cluster-a")).Should(fleet.Says(metav1.ConditionFalse, xccv1.ObjectConflictReason,
				"in its way: Secret "+n.Namespace+"/cluster-a-xcc-dns and ClusterResourceSet "+n.Namespace+"/cluster-a-xcc-dns"))
			unchanged(n)

			t.Log("Nor when the Cluster loses the label")
			label("null")
			n.Eventually(func(g Gomega) *clusterv1.Cluster {
				g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
				return object
			}).Should(And(HaveField("Annotations", Not(HaveKey(xccv1.ConflictAnnotation))), HaveField("Status.Conditions", BeEmpty())))
			unchanged(n)

			t.Log("Once they are gone the add-on is installed")
			label(`"enabled"`)
			n.Eventually(n.DNSReady("cluster-a")).Should(HaveField("Reason", xccv1.ObjectConflictReason))
			n.Expect(fleet.Management.Delete(ctx, set)).To(Succeed())
			n.Expect(fleet.Management.Delete(ctx, secret)).To(Succeed())
			n.Eventually(func(g Gomega) string {
				found := &corev1.Secret{}
				g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(secret), found)).To(Succeed())
				return install.Load(found).Payload
			}, 2*time.Minute).ShouldNot(BeEmpty())
			n.Eventually(n.DNSReady("cluster-a")).ShouldNot(HaveField("Reason", xccv1.ObjectConflictReason))
		})
	}
}
