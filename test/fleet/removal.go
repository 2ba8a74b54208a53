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

package fleet

import (
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Removing returns how far the removal of a Cluster's add-on is.
func (n *Tenant) Removing(name string) func() string {
	return func() string {
		if removal := n.State(name).Removal; removal != nil {
			return removal.Message
		}
		return ""
	}
}

// ExpectForgotten waits until nothing of the add-on is left for a Cluster.
func (n *Tenant) ExpectForgotten(object *clusterv1.Cluster) {
	n.T.Helper()
	ctx := n.T.Context()
	n.Eventually(func(g Gomega) {
		g.Expect(Management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		g.Expect(object.Labels).NotTo(HaveKey(xccv1.DNSClusterLabel))
	}).Should(Succeed(), "our label goes")
	name := client.ObjectKey{Namespace: n.Namespace, Name: object.Name + "-xcc-dns"}
	n.Eventually(func() error { return Management.Get(ctx, name, &addonsv1.ClusterResourceSet{}) }).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	n.Eventually(func() error { return Management.Get(ctx, name, &corev1.Secret{}) }).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	n.Expect(Management.Get(ctx, client.ObjectKeyFromObject(object), &addonsv1.ClusterResourceSetBinding{})).To(MatchError(apierrors.IsNotFound, "NotFound"))
}

// AwaitAsked waits until the patcher of a workload cluster has been asked to remove its server block.
func (n *Tenant) AwaitAsked(workload *Cluster) *appsv1.Deployment {
	n.T.Helper()
	patcher := &appsv1.Deployment{}
	n.Eventually(func(g Gomega) map[string]string {
		key := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}
		g.Expect(workload.Get(n.T.Context(), key, patcher)).To(Succeed())
		return patcher.Annotations
	}).Should(HaveKey(xccv1.RemoveAnnotation))
	return patcher
}
